#include "gateway/gateway_agent.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "feedd/clock.hpp"
#include "runtime/peer_region.hpp"

namespace hft::feedd {
namespace {

constexpr std::uint64_t MARKET_GENERATION = 77;

class GatewayAgentTest : public ::testing::Test {
 protected:
  GatewayAgentTest()
      : directory_(std::filesystem::temp_directory_path() / ("gateway_test." + std::to_string(::getpid()))) {
    std::filesystem::create_directory(directory_);
    StatsRegistry registry;
    stats_.declare(registry);
    stats_region_ = registry.create(options("stats", schema::RegionKind::STATS, 1, 0));
    state_ =
        Region::create(options("gateway.state", schema::RegionKind::GATEWAY_STATE, 1, sizeof(schema::GatewayState)));
    updates_ =
        Region::create(options("updates.ring", schema::RegionKind::UPDATES_RING, 64, sizeof(schema::OrderUpdate)));
    agent_.emplace(state_, updates_, IntentLimits{100, MARKET_GENERATION}, stats_, intents_mailbox_, fence_mailbox_);
    reader_ = RingReader(updates_, 0);
  }
  ~GatewayAgentTest() override { std::filesystem::remove_all(directory_); }

  RegionOptions options(const std::string& name, schema::RegionKind kind, std::uint64_t records, std::size_t bytes) {
    RegionOptions made;
    made.path = directory_ / name;
    made.kind = kind;
    made.capacity_records = records;
    made.record_bytes = static_cast<std::uint32_t>(bytes);
    return made;
  }

  Region make_intents() {
    return Region::create(options("intents.ring", schema::RegionKind::INTENTS_RING, 16, sizeof(schema::OrderIntent)));
  }

  // What the helper thread does, and the agent's next round.
  PeerRegion::Change attach() {
    const auto change = intents_peer_.follow();
    agent_->do_work();
    return change;
  }

  static schema::OrderIntent intent(std::uint64_t id) {
    schema::OrderIntent made;
    made.mutate_intent_id(id);
    made.mutate_emit_ts_ns(monotonic_ns());
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

  schema::RefusalReason answer_to(IntentProducer& producer, const schema::OrderIntent& sent) {
    EXPECT_EQ(PushResult::PUSHED, producer.push(sent));
    EXPECT_EQ(1u, agent_->do_work());
    const auto update = next_update();
    if (!update) return schema::RefusalReason::NONE;
    EXPECT_EQ(schema::UpdateKind::REFUSED, update->kind());
    EXPECT_EQ(sent.intent_id(), update->intent_id());
    return update->reason();
  }

  const schema::GatewayState& state() const { return *reinterpret_cast<const schema::GatewayState*>(state_.records()); }

  // The fence as watchd would write it: token, lease deadline, epoch.
  Region make_fence(std::uint64_t token, std::uint64_t lease_deadline_ns, std::uint64_t epoch) {
    Region fence = Region::create(options("fence", schema::RegionKind::FENCE, 1, sizeof(schema::Fence)));
    auto* words = reinterpret_cast<std::uint64_t*>(fence.records());
    control_word(words[32]).store(epoch);
    control_word(words[16]).store(lease_deadline_ns);
    control_word(words[0]).store(token);
    return fence;
  }

  std::filesystem::path directory_;
  GatewayStats stats_;
  Region stats_region_, state_, updates_;
  Handover<Region> intents_mailbox_, fence_mailbox_;
  PeerRegion intents_peer_{directory_ / "intents.ring",
                           {schema::RegionKind::INTENTS_RING, sizeof(schema::OrderIntent), 16, 65536},
                           intents_mailbox_};
  PeerRegion fence_peer_{
      directory_ / "fence", {schema::RegionKind::FENCE, sizeof(schema::Fence), 1, 1}, fence_mailbox_};
  std::optional<GatewayAgent> agent_;
  RingReader reader_;
};

TEST_F(GatewayAgentTest, without_a_fence_every_intent_is_refused_as_fence_closed) {
  Region intents = make_intents();
  ASSERT_EQ(PeerRegion::Change::ATTACHED, attach());
  IntentProducer producer(intents, state());
  EXPECT_EQ(schema::RefusalReason::FENCE_CLOSED, answer_to(producer, intent(1)));
  EXPECT_EQ(1u, stats_.refused[static_cast<std::size_t>(schema::RefusalReason::FENCE_CLOSED)].value());
}

TEST_F(GatewayAgentTest, a_malformed_intent_is_refused_as_such_also_while_the_fence_is_closed) {
  Region intents = make_intents();
  attach();
  IntentProducer producer(intents, state());
  schema::OrderIntent bad = intent(1);
  bad.mutate_quantity(0);
  EXPECT_EQ(schema::RefusalReason::MALFORMED_INTENT, answer_to(producer, bad));
}

TEST_F(GatewayAgentTest, an_open_fence_leads_to_no_venue) {
  const Region fence = make_fence(1, monotonic_ns() + 3'600'000'000'000, 9);
  ASSERT_EQ(PeerRegion::Change::ATTACHED, fence_peer_.follow());
  Region intents = make_intents();
  attach();
  IntentProducer producer(intents, state());
  EXPECT_EQ(schema::RefusalReason::NO_VENUE, answer_to(producer, intent(1)));
  EXPECT_EQ(1u, state().fence_token_seen());
  EXPECT_EQ(9u, state().fence_epoch_seen());
}

TEST_F(GatewayAgentTest, a_lapsed_lease_or_a_zero_token_closes_the_fence) {
  Region intents = make_intents();
  attach();
  IntentProducer producer(intents, state());
  const Region lapsed = make_fence(1, monotonic_ns(), 9);
  ASSERT_EQ(PeerRegion::Change::ATTACHED, fence_peer_.follow());
  agent_->do_work();
  EXPECT_EQ(schema::RefusalReason::FENCE_CLOSED, answer_to(producer, intent(1)));
  const Region zero = make_fence(0, monotonic_ns() + 3'600'000'000'000, 9);
  ASSERT_EQ(PeerRegion::Change::ATTACHED, fence_peer_.follow());
  agent_->do_work();
  EXPECT_EQ(schema::RefusalReason::FENCE_CLOSED, answer_to(producer, intent(2)));
}

TEST_F(GatewayAgentTest, an_answer_repeats_what_it_answers) {
  Region intents = make_intents();
  attach();
  IntentProducer producer(intents, state());
  const schema::OrderIntent sent = intent(41);
  producer.push(sent);
  agent_->do_work();
  const auto update = next_update();
  ASSERT_TRUE(update.has_value());
  EXPECT_EQ(1u, update->intent_sequence());
  EXPECT_EQ(intents.generation(), update->intents_generation());
  EXPECT_EQ(41u, update->order_id());
  EXPECT_EQ(sent.price(), update->price());
  EXPECT_EQ(sent.emit_ts_ns(), update->intent_emit_ts_ns());
  EXPECT_GE(update->publish_ts_ns(), sent.emit_ts_ns());
}

TEST_F(GatewayAgentTest, the_watermark_and_the_cursor_move_with_the_answers) {
  Region intents = make_intents();
  attach();
  IntentProducer producer(intents, state());
  for (std::uint64_t id = 1; id <= 5; ++id) producer.push(intent(id));
  EXPECT_EQ(5u, agent_->do_work());
  EXPECT_EQ(5u, state().updates_watermark());
  EXPECT_EQ(updates_.generation(), state().updates_generation());
  EXPECT_EQ(5u, state().intents_cursor());
  EXPECT_EQ(5u, state().intents_refused());
}

TEST_F(GatewayAgentTest, a_full_queue_is_emptied_and_takes_more) {
  Region intents = make_intents();
  attach();
  IntentProducer producer(intents, state());
  std::uint64_t id = 0;
  while (producer.push(intent(id + 1)) == PushResult::PUSHED) ++id;
  EXPECT_EQ(16u, id);
  agent_->do_work();
  EXPECT_EQ(PushResult::PUSHED, producer.push(intent(17)));
}

TEST_F(GatewayAgentTest, what_a_replaced_generation_left_is_answered_before_the_next_one) {
  Region old_intents = make_intents();
  attach();
  IntentProducer old_producer(old_intents, state());
  old_producer.push(intent(1));
  old_producer.push(intent(2));
  Region new_intents = make_intents();
  ASSERT_EQ(PeerRegion::Change::ATTACHED, attach());
  EXPECT_EQ(1u, next_update()->intent_id());
  EXPECT_EQ(2u, next_update()->intent_id());
  EXPECT_EQ(PushResult::WRONG_GENERATION, old_producer.push(intent(3)));
  IntentProducer new_producer(new_intents, state());
  EXPECT_EQ(schema::RefusalReason::FENCE_CLOSED, answer_to(new_producer, intent(4)));
}

TEST_F(GatewayAgentTest, a_retired_generation_without_a_successor_is_let_go) {
  Region intents = make_intents();
  attach();
  IntentProducer producer(intents, state());
  producer.push(intent(1));
  intents.retire();
  ASSERT_EQ(PeerRegion::Change::DETACHED, attach());
  EXPECT_EQ(1u, next_update()->intent_id());
  EXPECT_EQ(PushResult::WRONG_GENERATION, producer.push(intent(2)));
  EXPECT_EQ(PeerRegion::Change::NONE, attach());
}

TEST_F(GatewayAgentTest, stopping_answers_what_is_there_and_refuses_producers) {
  Region intents = make_intents();
  attach();
  IntentProducer producer(intents, state());
  producer.push(intent(1));
  agent_->stop();
  EXPECT_EQ(1u, next_update()->intent_id());
  EXPECT_EQ(1u, state().intents_cursor());
  EXPECT_EQ(PushResult::WRONG_GENERATION, producer.push(intent(2)));
}

TEST_F(GatewayAgentTest, an_intents_region_of_another_shape_is_refused_by_name) {
  const Region wrong = Region::create(options("intents.ring", schema::RegionKind::INTENTS_RING, 8, 128));
  ASSERT_EQ(PeerRegion::Change::REFUSED, attach());
  EXPECT_NE(std::string::npos, intents_peer_.problem().find("intents.ring: 8 records"));
  EXPECT_EQ(PeerRegion::Change::NONE, attach());
}

}  // namespace
}  // namespace hft::feedd
