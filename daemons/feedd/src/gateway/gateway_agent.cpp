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
                           GatewayInbox& inbox, Clock clock, OrderParts* parts)
    : state_(state),
      updates_(updates),
      consumer_(state_in(state)),
      limits_(limits),
      stats_(stats),
      inbox_(inbox),
      clock_(clock),
      watch_(state, stats, clock) {
  store_word(state_, UPDATES_GENERATION, updates.generation());
  if (parts != nullptr) orders_ = std::make_unique<OrderSide>(*parts, state, updates_, clock);
}

GatewayAgent::~GatewayAgent() {
  delete intents_;
  delete fence_;
  delete operator_veto_;
  delete limits_region_;
  delete commands_region_;
}

unsigned GatewayAgent::do_work() noexcept {
  unsigned work = take_regions();
  const std::uint64_t now_ns = clock_();
  const FenceSnapshot seen = look(now_ns);
  if (orders_ != nullptr) {
    work += orders_->work(seen, watch_.fence().reason(), now_ns);
    work += close_positions();
    count_late_sends();
  }
  return work + (consumer_.attached() ? answer_intents(INTENTS_A_ROUND) : 0);
}

FenceSnapshot GatewayAgent::look(std::uint64_t now_ns) noexcept {
  if (orders_ != nullptr) watch_.set_nothing_open(orders_->desk().nothing_open());
  return watch_.look(now_ns);
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
  look(clock_());
  if (orders_ == nullptr) return;
  orders_->leave();
  look(clock_());  // nothing is open now: without this word watchd would take the stop for a gateway that hangs
}

bool GatewayAgent::take(Handover<Region>& mailbox, Region*& held) noexcept {
  if (!mailbox.pending()) return false;
  held = mailbox.take(held);
  return true;
}

unsigned GatewayAgent::take_regions() noexcept {
  unsigned taken = 0;
  if (take(inbox_.fence, fence_)) {
    watch_.set_fence(*fence_);
    ++taken;
  }
  if (take(inbox_.operator_veto, operator_veto_)) {
    watch_.set_operator_veto(*operator_veto_);
    ++taken;
  }
  if (orders_ != nullptr && take(inbox_.limits, limits_region_)) {
    orders_->set_limits(*limits_region_);
    ++taken;
  }
  if (orders_ != nullptr && take(inbox_.commands, commands_region_)) {
    orders_->set_commands(*commands_region_);
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
    if (orders_ != nullptr) orders_->attach(intents_->generation());
  } else {
    consumer_.detach();
    watch_.set_intents(nullptr);
    if (orders_ != nullptr) orders_->attach(0);
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
  bool sent = false;
  while (count < count_max && consumer_.pop(intent)) {
    sent = answer(intent) || sent;
    ++count;
  }
  waiting_ = count == count_max ? waiting_intents() : 0;
  if (count != 0) {
    answered_ += count;
    if (sent) orders_->desk().store_figures();
    store_word(state_, UPDATES_WATERMARK, updates_.sequence());
    store_word(state_, INTENTS_REFUSED, refused_);
    store_word(state_, INTENTS_WOULD_SEND, would_send_);
    consumer_.commit();
  }
  return count;
}

// True: it is on the wire.
bool GatewayAgent::answer(const schema::OrderIntent& intent) noexcept {
  const std::uint64_t now_ns = clock_();
  if (const RefusalReason reason = judge(intent, now_ns); reason != RefusalReason::NONE) {
    refuse(intent, reason, now_ns);
    return false;
  }
  if (orders_ != nullptr) {
    RefusalReason reason = orders_->refusal(intent, now_ns);
    if (reason == RefusalReason::NONE) reason = send(intent, Sender::QUEUE, now_ns);
    if (reason != RefusalReason::NONE) refuse(intent, reason, clock_());
    return reason == RefusalReason::NONE;
  }
  const std::uint64_t sent_ns = clock_();
  ++would_send_;
  stats_.would_send.add();
  stats_.order_check_ns.record(sent_ns - now_ns);
  const bool closed = order_refusal(look(sent_ns), intent, false, sent_ns) != RefusalReason::NONE;
  stats_.in_window.add(closed);
  publish(intent, RefusalReason::NONE, sent_ns, closed && intent.action() != schema::IntentAction::CANCEL);
  return false;
}

void GatewayAgent::refuse(const schema::OrderIntent& intent, RefusalReason reason, std::uint64_t now_ns) noexcept {
  ++refused_;
  stats_.refused[static_cast<std::size_t>(reason)].add();
  publish(intent, reason, now_ns);
}

// Encode, the last look, the wire, the look after it.
RefusalReason GatewayAgent::send(const schema::OrderIntent& intent, Sender sender, std::uint64_t now_ns) noexcept {
  OrderDesk& desk = orders_->desk();
  const OrderTimes times{
      intent.market_receive_ts_ns(), intent.market_publish_ts_ns(), intent.emit_ts_ns(), now_ns, 0, 0};
  RefusalReason reason = desk.prepare(intent, sender, times);
  if (reason != RefusalReason::NONE) return reason;
  const bool paused = sender == Sender::QUEUE && watch_.paused(intent);
  const std::uint64_t send_ns = clock_();
  stats_.order_check_ns.record(send_ns - now_ns);
  reason = order_refusal(look(send_ns), intent, paused, send_ns);
  if (reason != RefusalReason::NONE) {
    desk.withdraw();
    return reason;
  }
  schema::OrderUpdate update;
  reason = desk.transmit(intent, send_ns, update);
  if (reason != RefusalReason::NONE) return reason;
  const std::uint64_t sent_ns = clock_();
  orders_->keeper().remember(intent, sent_ns);
  tell_sent(intent, update, send_ns, sent_ns);
  return RefusalReason::NONE;
}

// What a person wants flat: one order a round, past the pause, and past nothing else.
unsigned GatewayAgent::close_positions() noexcept {
  PositionCloser& closer = orders_->closer();
  schema::OrderIntent order;
  const std::uint64_t now_ns = clock_();
  if (!closer.busy() || !closer.next(watch_.fence().epoch(), now_ns, order)) return 0;
  RefusalReason reason = order_refusal(look(now_ns), order, false, now_ns);
  if (reason == RefusalReason::NONE && !orders_->desk().up()) reason = RefusalReason::NO_SESSION;
  if (reason == RefusalReason::NONE && !orders_->desk().reconciled()) reason = RefusalReason::NOT_RECONCILED;
  if (reason == RefusalReason::NONE) reason = orders_->keeper().refusal(order, now_ns);
  if (reason == RefusalReason::NONE) reason = send(order, Sender::GATEWAY, now_ns);
  closer.tried(reason);
  orders_->desk().store_figures();
  return 1;
}

// The look after the send: an order that was sent into a closing fence is cancelled at once.
void GatewayAgent::tell_sent(const schema::OrderIntent& intent, schema::OrderUpdate& update, std::uint64_t send_ns,
                             std::uint64_t sent_ns) noexcept {
  const bool order = intent.action() != schema::IntentAction::CANCEL;
  const bool closed = order && order_refusal(look(sent_ns), intent, false, sent_ns) != RefusalReason::NONE;
  if (order) note_send(intent.epoch(), send_ns);
  update.mutate_intent_id(intent.intent_id());
  update.mutate_intent_sequence(intent.sequence());
  update.mutate_epoch(intent.epoch());
  update.mutate_in_window(closed ? 1 : 0);
  orders_->desk().answer(update, intent, sent_ns);
  stats_.sent.add();
  if (intent.emit_ts_ns() < sent_ns) stats_.intent_to_answer_ns.record(sent_ns - intent.emit_ts_ns());
  if (!closed) return;
  stats_.in_window.add();
  store_word(state_, SENT_IN_WINDOW, ++sent_in_window_);
  orders_->desk().cancel_in_window(sent_ns);
}

void GatewayAgent::note_send(std::uint64_t epoch, std::uint64_t look_ns) noexcept {
  late_sends_.sent(epoch, look_ns);
  count_late_sends();
}

void GatewayAgent::count_late_sends() noexcept {
  if (late_sends_.check(watch_.fence())) store_word(state_, SENT_AFTER_CLOSE, late_sends_.count());
}

RefusalReason GatewayAgent::judge(const schema::OrderIntent& intent, std::uint64_t now_ns) noexcept {
  if (!well_formed(intent, limits_)) return RefusalReason::MALFORMED_INTENT;
  return order_refusal(look(now_ns), intent, watch_.paused(intent), now_ns);
}

// NONE: it would have been sent.
void GatewayAgent::publish(const schema::OrderIntent& intent, RefusalReason reason, std::uint64_t now_ns,
                           bool in_window) noexcept {
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
  update.mutate_in_window(in_window ? 1 : 0);
  update.mutate_action(intent.action());
  update.mutate_side(intent.side());
  update.mutate_replaced_order_id(intent.replaced_order_id());
  update.mutate_strategy_id(intent.strategy_id());
  update.mutate_market_seq(intent.market_seq());
  update.mutate_price(intent.price());
  update.mutate_quantity(intent.quantity());
  update.mutate_market_receive_ts_ns(intent.market_receive_ts_ns());
  update.mutate_market_publish_ts_ns(intent.market_publish_ts_ns());
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
