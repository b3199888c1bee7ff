// A gateway with queue, fence and veto page in a directory of its own, for bench/fence.cpp.
#pragma once
#include <filesystem>
#include <memory>
#include <string>

#include "gateway/gateway_agent.hpp"

namespace hft::bench {

inline Region make_region(const std::string& path, schema::RegionKind kind, std::uint64_t records, std::size_t bytes) {
  RegionOptions options;
  options.path = path;
  options.kind = kind;
  options.capacity_records = records;
  options.record_bytes = static_cast<std::uint32_t>(bytes);
  return Region::create(options);
}

struct FenceRig {
  static constexpr std::uint64_t MARKET_GENERATION = 1;
  static constexpr std::uint32_t INSTRUMENTS = 16384;
  static constexpr std::uint64_t LEASE_NS = 3'600'000'000'000;

  explicit FenceRig(std::string where)
      : directory(std::move(where)),
        state(make_region(directory + "/state", schema::RegionKind::GATEWAY_STATE, 1, sizeof(schema::GatewayState))),
        updates(
            make_region(directory + "/updates", schema::RegionKind::UPDATES_RING, 65536, sizeof(schema::OrderUpdate))),
        intents(
            make_region(directory + "/intents", schema::RegionKind::INTENTS_RING, 4096, sizeof(schema::OrderIntent))),
        fence(make_region(directory + "/fence", schema::RegionKind::FENCE, 1, sizeof(schema::Fence))),
        veto(make_region(directory + "/veto", schema::RegionKind::VETO, 1, sizeof(schema::VetoNote))),
        progress(make_region(directory + "/progress", schema::RegionKind::PROGRESS, 1, sizeof(schema::LoopProgress))),
        stats_region(make_stats()),
        writer(fence),
        producer(intents, words()),
        agent(state, updates, {INSTRUMENTS, MARKET_GENERATION}, stats, inbox) {
    inbox.intents.offer(view("/intents", schema::RegionKind::INTENTS_RING));
    inbox.fence.offer(view("/fence", schema::RegionKind::FENCE));
    inbox.operator_veto.offer(view("/veto", schema::RegionKind::VETO));
    agent.do_work();
  }

  void open(std::uint64_t epoch) {
    writer.open(epoch, fence_token(epoch, state.generation(), intents.generation()), monotonic_ns() + LEASE_NS);
  }
  // A well-formed order; ids wander over the pause words as those of a real day do.
  schema::OrderIntent order(std::uint64_t epoch) {
    random = random * 6364136223846793005ull + 1442695040888963407ull;
    schema::OrderIntent made;
    made.mutate_intent_id(++last_id);
    made.mutate_epoch(epoch);
    made.mutate_emit_ts_ns(monotonic_ns());
    made.mutate_market_seq(1);
    made.mutate_market_generation(MARKET_GENERATION);
    made.mutate_instrument_id(1 + static_cast<std::uint32_t>(random >> 33) % (INSTRUMENTS - 1));
    made.mutate_strategy_id(static_cast<std::uint32_t>(random >> 20) % FENCE_STRATEGIES);
    made.mutate_action(schema::IntentAction::NEW);
    made.mutate_side(schema::Side::BUY);
    made.mutate_time_in_force(schema::TimeInForce::IOC);
    made.mutate_price(10'000);
    made.mutate_quantity(100);
    made.mutate_order_id(last_id);
    return made;
  }
  [[nodiscard]] const schema::GatewayState& words() const noexcept {
    return *reinterpret_cast<const schema::GatewayState*>(state.records());
  }
  // A word of gateway.state by its place in the schema.
  [[nodiscard]] std::uint64_t word(std::size_t index) const noexcept {
    return control_word(reinterpret_cast<const std::uint64_t*>(state.records())[index]).load(std::memory_order_acquire);
  }

  std::string directory;
  Region state, updates, intents, fence, veto, progress;
  feedd::GatewayStats stats;
  Region stats_region;
  FenceWriter writer;
  IntentProducer producer;
  feedd::GatewayInbox inbox;
  feedd::GatewayAgent agent;
  std::uint64_t random = 1, last_id = 0;

 private:
  Region make_stats() {
    feedd::StatsRegistry registry;
    stats.declare(registry);
    RegionOptions options;
    options.path = directory + "/stats";
    return registry.create(options);
  }
  std::unique_ptr<Region> view(const char* name, schema::RegionKind kind) const {
    return std::make_unique<Region>(Region::open(directory + name, kind));
  }
};

}  // namespace hft::bench
