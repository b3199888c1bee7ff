// The gateway thread's work: every intent gets one answer, published before its slot is given back.
//
//   intents.ring ─ pop (one private copy) ─ well formed? ─ fence open? ─ venue? ─ updates.ring ─ commit
//
// There is no venue session in this build, so the last answer there can be is NO_VENUE: the circle is whole
// and fails closed.
#pragma once
#include <array>
#include <cstdint>

#include "feedd/fence.hpp"
#include "feedd/queue.hpp"
#include "feedd/ring.hpp"
#include "feedd/stats.hpp"
#include "gateway/intent_check.hpp"
#include "runtime/handover.hpp"
#include "runtime/stats_registry.hpp"

namespace hft::feedd {

inline constexpr std::size_t REFUSAL_REASONS = static_cast<std::size_t>(schema::RefusalReason::MAX) + 1;

struct GatewayStats {
  std::array<Counter, REFUSAL_REASONS> refused;  // by reason; NONE is never used
  Histogram intent_to_answer_ns;
  Counter loop_iterations;

  void declare(StatsRegistry& registry);
};

class GatewayAgent {
 public:
  static constexpr unsigned INTENTS_A_ROUND = 64;
  static constexpr std::uint64_t STOP_GRACE_NS = 1'000'000;

  // The regions are feedd's own and outlive the agent. The mailboxes bring what others own.
  GatewayAgent(Region& state, Region& updates, const IntentLimits& limits, GatewayStats& stats,
               Handover<Region>& intents_mailbox, Handover<Region>& fence_mailbox) noexcept;
  GatewayAgent(const GatewayAgent&) = delete;
  GatewayAgent& operator=(const GatewayAgent&) = delete;
  ~GatewayAgent();

  // Returns how many intents it answered, plus one for each region it took over.
  unsigned do_work() noexcept;
  // The daemon ends: answers what is there and refuses producers from then on.
  void stop() noexcept;

 private:
  unsigned answer_intents(unsigned count_max) noexcept;
  void take_intents() noexcept;
  void take_fence() noexcept;
  void report_fence() noexcept;
  [[nodiscard]] schema::RefusalReason judge(const schema::OrderIntent& intent, std::uint64_t now_ns) const noexcept;
  void refuse(const schema::OrderIntent& intent, schema::RefusalReason reason, std::uint64_t now_ns) noexcept;

  schema::GatewayState& state_;
  RingWriter<schema::OrderUpdate> updates_;
  IntentConsumer consumer_;
  IntentLimits limits_;
  GatewayStats& stats_;
  Handover<Region>& intents_mailbox_;
  Handover<Region>& fence_mailbox_;
  Region* intents_ = nullptr;  // owned here between take and give back
  Region* fence_region_ = nullptr;
  FenceView fence_;
  std::uint64_t refused_ = 0;
  std::uint64_t token_reported_ = 0;
  std::uint64_t epoch_reported_ = 0;
};

}  // namespace hft::feedd
