// The gateway agent with everything around it that other processes and threads own: queue, fence, vetoes, helper.
#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "gateway/gateway_agent.hpp"
#include "runtime/peer_region.hpp"
#include "runtime/stats_view.hpp"
#include "shared_memory.hpp"

namespace hft::feedd {

// The agent reads the clock once a round, once before it judges an intent, and once more when it has "sent" it; a look
// that finds the fence opened reads it once more.
struct ManualClock {
  static inline std::uint64_t now_ns = 0;
  static inline unsigned reads = 0;
  static inline std::function<void(unsigned read)> on_read;

  static std::uint64_t read() noexcept {
    ++reads;
    if (on_read) on_read(reads);
    return now_ns;
  }
  // Runs `action` once, right before the `nth` reading from now on is given.
  static void before_reading(unsigned nth, std::function<void()> action) {
    on_read = [at = reads + nth, action = std::move(action)](unsigned reading) {
      if (reading == at) action();
    };
  }
};

class GatewayTest : public SharedMemoryTest {
 protected:
  static constexpr std::uint64_t MARKET_GENERATION = 77;
  static constexpr std::uint64_t LEASE_NS = 1'000;
  static constexpr std::uint64_t EPOCH = 9;

  GatewayTest() {
    ManualClock::now_ns = 1'000'000;
    ManualClock::on_read = nullptr;
    StatsRegistry registry;
    stats_.declare(registry);
    stats_region_ = registry.create(options(schema::RegionKind::STATS, 1, 0, "stats"));
    state_ =
        Region::create(options(schema::RegionKind::GATEWAY_STATE, 1, sizeof(schema::GatewayState), "gateway.state"));
    updates_ =
        Region::create(options(schema::RegionKind::UPDATES_RING, 64, sizeof(schema::OrderUpdate), "updates.ring"));
    agent_.emplace(state_, updates_, IntentLimits{100, MARKET_GENERATION}, stats_, inbox_, &ManualClock::read);
    reader_ = RingReader(updates_, 0);
  }

  Region make_intents() {
    return Region::create(options(schema::RegionKind::INTENTS_RING, 16, sizeof(schema::OrderIntent), "intents.ring"));
  }
  Region adopt_fence() { return Region::adopt(options(schema::RegionKind::FENCE, 1, sizeof(schema::Fence), "fence")); }
  Region adopt_veto() { return Region::adopt(options(schema::RegionKind::VETO, 1, sizeof(schema::VetoNote), "veto")); }

  // What the helper thread does, and the agent's next round. Says what became of the queue.
  PeerRegion::Change attach() {
    fence_peer_.follow();
    veto_peer_.follow();
    const auto change = intents_peer_.follow();
    agent_->do_work();
    return change;
  }

  static schema::OrderIntent intent(std::uint64_t id, std::uint64_t epoch = EPOCH) {
    schema::OrderIntent made;
    made.mutate_intent_id(id);
    made.mutate_epoch(epoch);
    made.mutate_emit_ts_ns(ManualClock::now_ns - 10);
    made.mutate_market_seq(1);
    made.mutate_market_generation(MARKET_GENERATION);
    made.mutate_instrument_id(3);
    made.mutate_action(schema::IntentAction::NEW);
    made.mutate_side(schema::Side::BUY);
    made.mutate_time_in_force(schema::TimeInForce::IOC);
    made.mutate_price(10'000);
    made.mutate_quantity(100);
    made.mutate_order_id(id);
    return made;
  }

  std::optional<schema::OrderUpdate> next_update() {
    const Grant grant = reader_.poll(1);
    if (grant.count == 0) return std::nullopt;
    schema::OrderUpdate update;
    EXPECT_TRUE(read_slot(reader_.slot_of(grant.first_sequence), grant.first_sequence, update));
    reader_.advance(1);
    return update;
  }

  // NONE = it would have been sent.
  schema::RefusalReason answer_to(IntentProducer& producer, const schema::OrderIntent& sent) {
    EXPECT_EQ(PushResult::PUSHED, producer.push(sent));
    EXPECT_EQ(1u, agent_->do_work());
    const auto update = next_update();
    if (!update) {
      ADD_FAILURE() << "no answer";
      return schema::RefusalReason::MALFORMED_INTENT;
    }
    EXPECT_EQ(sent.intent_id(), update->intent_id());
    const bool refused = update->reason() != schema::RefusalReason::NONE;
    EXPECT_EQ(refused ? schema::UpdateKind::REFUSED : schema::UpdateKind::WOULD_SEND, update->kind());
    told_in_window_ = update->in_window();
    return update->reason();
  }

  const schema::GatewayState& state() const { return *reinterpret_cast<const schema::GatewayState*>(state_.records()); }

  struct HistogramFigures {
    std::uint64_t count, sum, max;
  };
  HistogramFigures histogram(const std::string& name) const {
    for (std::size_t i = 0; i < stats_region_.capacity_records(); ++i) {
      if (stat_name(stats_region_, i).name != name) continue;
      const auto& descriptor = reinterpret_cast<const schema::StatDescriptor*>(stats_region_.records())[i];
      const auto* words =
          reinterpret_cast<const std::uint64_t*>(stats_region_.base() + descriptor.value_offset_bytes());
      return {words[0], words[1], words[2]};
    }
    ADD_FAILURE() << "no histogram " << name;
    return {};
  }

  GatewayStats stats_;
  Region stats_region_, state_, updates_;
  GatewayInbox inbox_;
  PeerRegion intents_peer_{directory_ / "intents.ring",
                           {schema::RegionKind::INTENTS_RING, sizeof(schema::OrderIntent), 16, 65536},
                           inbox_.intents};
  PeerRegion fence_peer_{
      directory_ / "fence", {schema::RegionKind::FENCE, sizeof(schema::Fence), 1, 1, true}, inbox_.fence};
  PeerRegion veto_peer_{
      directory_ / "veto", {schema::RegionKind::VETO, sizeof(schema::VetoNote), 1, 1, true}, inbox_.operator_veto};
  std::optional<GatewayAgent> agent_;
  RingReader reader_;
  unsigned told_in_window_ = 0;  // by the last answer
};

// Everything there and willing: queue, fence, veto page. `arm()` opens.
class GatewayFenceTest : public GatewayTest {
 protected:
  GatewayFenceTest() : intents_(make_intents()), fence_(adopt_fence()), veto_(adopt_veto()), writer_(fence_) {
    EXPECT_EQ(PeerRegion::Change::ATTACHED, attach());
    producer_.emplace(intents_, state());
  }

  [[nodiscard]] std::uint64_t token(std::uint64_t epoch) const {
    return fence_token(epoch, state_.generation(), intents_.generation());
  }
  void arm(std::uint64_t epoch = EPOCH) { writer_.open(epoch, token(epoch), ManualClock::now_ns + LEASE_NS); }
  // So that the next reading of the clock is not that of the look which finds it opened.
  void arm_and_look() {
    arm();
    agent_->do_work();
  }
  void close() { writer_.close(static_cast<std::uint64_t>(schema::CloseReason::OPERATOR), ManualClock::now_ns); }
  schema::RefusalReason answer(std::uint64_t epoch = EPOCH) { return answer_to(*producer_, intent(++last_id_, epoch)); }
  schema::RefusalReason answer(const schema::OrderIntent& sent) { return answer_to(*producer_, sent); }

  Region intents_, fence_, veto_;
  FenceWriter writer_;
  std::optional<IntentProducer> producer_;
  std::uint64_t last_id_ = 0;
};

}  // namespace hft::feedd
