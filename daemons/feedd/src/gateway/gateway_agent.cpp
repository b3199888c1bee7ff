#include "gateway/gateway_agent.hpp"

#include "gateway/state_words.hpp"

namespace hft::feedd {
namespace {

using schema::RefusalReason;

schema::GatewayState& state_in(Region& region) noexcept {
  return *reinterpret_cast<schema::GatewayState*>(region.records());
}

}  // namespace

GatewayAgent::GatewayAgent(Region& state, Region& updates, const IntentLimits& limits, GatewayStats& stats,
                           GatewayInbox& inbox, Clock clock) noexcept
    : state_(state),
      updates_(updates),
      consumer_(state_in(state)),
      limits_(limits),
      stats_(stats),
      inbox_(inbox),
      clock_(clock),
      watch_(state, stats, clock) {
  store_word(state_, UPDATES_GENERATION, updates.generation());
}

GatewayAgent::~GatewayAgent() {
  delete intents_;
  delete fence_;
  delete operator_veto_;
}

unsigned GatewayAgent::do_work() noexcept {
  const unsigned taken = take_regions();
  watch_.look(clock_());
  return taken + (consumer_.attached() ? answer_intents(INTENTS_A_ROUND) : 0);
}

void GatewayAgent::stop() noexcept {
  if (consumer_.attached()) {
    close_queue();
    // A producer that passed its check right before may still be writing.
    for (std::uint64_t quiet_since_ns = clock_(); clock_() - quiet_since_ns < STOP_GRACE_NS;) {
      if (answer_intents(INTENTS_A_ROUND) != 0) quiet_since_ns = clock_();
    }
    consumer_.detach();
  }
  watch_.set_intents(nullptr);
  watch_.look(clock_());
}

unsigned GatewayAgent::take_regions() noexcept {
  unsigned taken = 0;
  if (inbox_.fence.pending()) {
    fence_ = inbox_.fence.take(fence_);
    watch_.set_fence(*fence_);
    ++taken;
  }
  if (inbox_.operator_veto.pending()) {
    operator_veto_ = inbox_.operator_veto.take(operator_veto_);
    watch_.set_operator_veto(*operator_veto_);
    ++taken;
  }
  if (inbox_.intents.pending()) {
    take_intents();
    ++taken;
  }
  return taken;
}

// The old generation's writer is gone: what it left is answered before its region goes back.
void GatewayAgent::take_intents() noexcept {
  if (consumer_.attached()) {
    close_queue();
    answer_intents(static_cast<unsigned>(intents_->capacity_records()));
  }
  intents_ = inbox_.intents.take(intents_);
  if (*intents_) {
    consumer_.attach(*intents_);
    watch_.set_intents(intents_);
  } else {
    consumer_.detach();
    watch_.set_intents(nullptr);
  }
  waiting_ = 0;
}

// From here on the token is made for a queue that is not ours: what is left in it is answered and not sent.
void GatewayAgent::close_queue() noexcept {
  consumer_.close();
  watch_.set_intents(nullptr);
}

unsigned GatewayAgent::answer_intents(unsigned count_max) noexcept {
  schema::OrderIntent intent;
  unsigned count = 0;
  while (count < count_max && consumer_.pop(intent)) {
    answer(intent);
    ++count;
  }
  waiting_ = count == count_max ? waiting_intents() : 0;
  if (count != 0) {
    answered_ += count;
    store_word(state_, UPDATES_WATERMARK, updates_.sequence());
    store_word(state_, INTENTS_REFUSED, refused_);
    store_word(state_, INTENTS_WOULD_SEND, would_send_);
    consumer_.commit();
  }
  return count;
}

void GatewayAgent::answer(const schema::OrderIntent& intent) noexcept {
  const std::uint64_t now_ns = clock_();
  if (const RefusalReason reason = judge(intent, now_ns); reason != RefusalReason::NONE) {
    ++refused_;
    stats_.refused[static_cast<std::size_t>(reason)].add();
    return publish(intent, reason, now_ns);
  }
  // A venue session's send goes here.
  const std::uint64_t sent_ns = clock_();
  ++would_send_;
  stats_.would_send.add();
  stats_.order_check_ns.record(sent_ns - now_ns);
  if (order_refusal(watch_.look(sent_ns), intent, false, sent_ns) != RefusalReason::NONE) stats_.in_window.add();
  publish(intent, RefusalReason::NONE, sent_ns);
}

RefusalReason GatewayAgent::judge(const schema::OrderIntent& intent, std::uint64_t now_ns) noexcept {
  if (!well_formed(intent, limits_)) return RefusalReason::MALFORMED_INTENT;
  return order_refusal(watch_.look(now_ns), intent, watch_.paused(intent), now_ns);
}

// NONE: it would have been sent.
void GatewayAgent::publish(const schema::OrderIntent& intent, RefusalReason reason, std::uint64_t now_ns) noexcept {
  schema::OrderUpdate update;
  update.mutate_publish_ts_ns(now_ns);
  update.mutate_intent_id(intent.intent_id());
  update.mutate_intent_sequence(intent.sequence());
  update.mutate_intents_generation(intents_->generation());
  update.mutate_epoch(intent.epoch());
  update.mutate_order_id(intent.order_id());
  update.mutate_instrument_id(intent.instrument_id());
  update.mutate_kind(reason == RefusalReason::NONE ? schema::UpdateKind::WOULD_SEND : schema::UpdateKind::REFUSED);
  update.mutate_reason(reason);
  update.mutate_side(intent.side());
  update.mutate_price(intent.price());
  update.mutate_quantity(intent.quantity());
  update.mutate_intent_emit_ts_ns(intent.emit_ts_ns());
  updates_.publish(update);
  if (intent.emit_ts_ns() < now_ns) stats_.intent_to_answer_ns.record(now_ns - intent.emit_ts_ns());
}

// Asked only after a round that left some: the head is a line that braind writes.
std::uint64_t GatewayAgent::waiting_intents() const noexcept {
  const std::uint64_t head =
      control_word(*reinterpret_cast<const std::uint64_t*>(intents_->base() + RING_CONTROL_OFFSET))
          .load(std::memory_order_relaxed);
  return head > consumer_.cursor() ? head - consumer_.cursor() : 0;
}

}  // namespace hft::feedd
