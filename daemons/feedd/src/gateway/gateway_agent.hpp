// The gateway thread's work: every intent gets one answer, published before its slot is given back.
//
//   intents.ring ─ pop (one private copy) ─ well formed? ─ fence, lease, vetoes, pauses ─ (send) ─ fence again
//                                                                                   └─ updates.ring ─ commit
//
// There is no venue session in this build: what passes every check is answered WOULD_SEND. The second look at the
// fence is where an order that was sent into a closing fence will be cancelled; until then it is counted.
#pragma once
#include <cstdint>

#include "feedd/clock.hpp"
#include "feedd/queue.hpp"
#include "feedd/ring.hpp"
#include "gateway/fence_watch.hpp"
#include "gateway/gateway_stats.hpp"
#include "gateway/intent_check.hpp"
#include "runtime/handover.hpp"
#include "runtime/loop_totals.hpp"

namespace hft::feedd {

// Regions that others write, brought by the helper thread.
struct GatewayInbox {
  Handover<Region> intents, fence, operator_veto;
};

class GatewayAgent {
 public:
  static constexpr unsigned INTENTS_A_ROUND = 64;
  static constexpr std::uint64_t STOP_GRACE_NS = 1'000'000;

  // The regions are feedd's own; they, `stats` and `inbox` outlive the agent.
  GatewayAgent(Region& state, Region& updates, const IntentLimits& limits, GatewayStats& stats, GatewayInbox& inbox,
               Clock clock = &monotonic_ns) noexcept;
  GatewayAgent(const GatewayAgent&) = delete;
  GatewayAgent& operator=(const GatewayAgent&) = delete;
  ~GatewayAgent();

  // Returns how many intents it answered, plus one for each region it took over.
  unsigned do_work() noexcept;
  // The daemon ends: answers what is there and refuses producers from then on. Nothing is sent any more.
  void stop() noexcept;
  // Intents answered, updates published, intents waiting.
  [[nodiscard]] LoopTotals totals() const noexcept { return {answered_, updates_.sequence(), waiting_}; }

 private:
  unsigned take_regions() noexcept;
  void take_intents() noexcept;
  void close_queue() noexcept;
  unsigned answer_intents(unsigned count_max) noexcept;
  void answer(const schema::OrderIntent& intent) noexcept;
  [[nodiscard]] schema::RefusalReason judge(const schema::OrderIntent& intent, std::uint64_t now_ns) noexcept;
  void publish(const schema::OrderIntent& intent, schema::RefusalReason reason, std::uint64_t now_ns) noexcept;
  [[nodiscard]] std::uint64_t waiting_intents() const noexcept;

  Region& state_;
  RingWriter<schema::OrderUpdate> updates_;
  IntentConsumer consumer_;
  IntentLimits limits_;
  GatewayStats& stats_;
  GatewayInbox& inbox_;
  Clock clock_;
  FenceWatch watch_;
  Region* intents_ = nullptr;  // these three are owned here between take and give back
  Region* fence_ = nullptr;
  Region* operator_veto_ = nullptr;
  std::uint64_t answered_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t would_send_ = 0;
  std::uint64_t waiting_ = 0;
};

}  // namespace hft::feedd
