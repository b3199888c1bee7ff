// The gateway thread's work: every intent gets one answer, published before its slot is given back.
//
//   intents.ring ─ pop (one private copy) ─ well formed? ─ fence, lease, vetoes, pauses ─ ids, gate ─ encode
//                                                                             ─ fence again ─ send ─ fence again
//                                                                         updates.ring ─ commit ◄──┘ (closed: cancel)
//
// Without a venue what passes every check up to the ids is answered WOULD_SEND.
#pragma once
#include <cstdint>
#include <memory>

#include "feedd/clock.hpp"
#include "feedd/queue.hpp"
#include "feedd/ring.hpp"
#include "gateway/fence_watch.hpp"
#include "gateway/gateway_stats.hpp"
#include "gateway/intent_check.hpp"
#include "gateway/late_sends.hpp"
#include "gateway/orders/order_side.hpp"
#include "runtime/handover.hpp"
#include "runtime/loop_totals.hpp"

namespace hft::feedd {

// Regions that others write, brought by the helper thread.
struct GatewayInbox {
  Handover<Region> intents, fence, operator_veto, limits, commands;
};

class GatewayAgent {
 public:
  static constexpr unsigned INTENTS_A_ROUND = 64;
  static constexpr std::uint64_t STOP_GRACE_NS = 1'000'000;

  // The regions are feedd's own; they, `stats` and `inbox` outlive the agent. `parts` null: there is no venue.
  GatewayAgent(Region& state, Region& updates, const IntentLimits& limits, GatewayStats& stats, GatewayInbox& inbox,
               Clock clock = &monotonic_ns, OrderParts* parts = nullptr);
  GatewayAgent(const GatewayAgent&) = delete;
  GatewayAgent& operator=(const GatewayAgent&) = delete;
  ~GatewayAgent();

  // Returns how many intents it answered, plus one for each region it took over.
  unsigned do_work() noexcept;
  // The daemon ends: answers what is there and refuses producers from then on. Nothing is sent any more.
  void stop() noexcept;
  // Null without a venue.
  [[nodiscard]] OrderSide* orders() noexcept { return orders_.get(); }
  // Intents answered, updates published, intents waiting.
  [[nodiscard]] LoopTotals totals() const noexcept { return {answered_, updates_.sequence(), waiting_}; }

 private:
  unsigned take_regions() noexcept;
  static bool take(Handover<Region>& mailbox, Region*& held) noexcept;
  FenceSnapshot look(std::uint64_t now_ns) noexcept;
  void take_intents() noexcept;
  void close_queue() noexcept;
  unsigned answer_intents(unsigned count_max) noexcept;
  bool answer(const schema::OrderIntent& intent) noexcept;
  void refuse(const schema::OrderIntent& intent, schema::RefusalReason reason, std::uint64_t now_ns) noexcept;
  schema::RefusalReason send(const schema::OrderIntent& intent, Sender sender, std::uint64_t now_ns) noexcept;
  unsigned close_positions() noexcept;
  void tell_sent(const schema::OrderIntent& intent, schema::OrderUpdate& update, std::uint64_t send_ns,
                 std::uint64_t sent_ns) noexcept;
  void note_send(std::uint64_t epoch, std::uint64_t look_ns) noexcept;
  void count_late_sends() noexcept;
  [[nodiscard]] schema::RefusalReason judge(const schema::OrderIntent& intent, std::uint64_t now_ns) noexcept;
  void publish(const schema::OrderIntent& intent, schema::RefusalReason reason, std::uint64_t now_ns,
               bool in_window = false) noexcept;
  [[nodiscard]] std::uint64_t waiting_intents() const noexcept;

  Region& state_;
  RingWriter<schema::OrderUpdate> updates_;
  IntentConsumer consumer_;
  IntentLimits limits_;
  GatewayStats& stats_;
  GatewayInbox& inbox_;
  Clock clock_;
  FenceWatch watch_;
  Region* intents_ = nullptr;  // these are owned here between take and give back
  Region* fence_ = nullptr;
  Region* operator_veto_ = nullptr;
  Region* limits_region_ = nullptr;
  Region* commands_region_ = nullptr;
  std::unique_ptr<OrderSide> orders_;
  std::uint64_t answered_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t would_send_ = 0;
  std::uint64_t waiting_ = 0;
  LateSends late_sends_;
  std::uint64_t sent_in_window_ = 0;
};

}  // namespace hft::feedd
