// What we tell: updates.ring, and the regions that a late reader rebuilds from.
#include "gateway/orders/order_desk.hpp"
#include "gateway/state_words.hpp"

namespace hft::feedd {

using schema::IntentAction;
using schema::OrderUpdate;
using schema::UpdateKind;

OrderUpdate OrderDesk::update_of(OrderPlace place, UpdateKind kind) const noexcept {
  const OpenOrder& order = table_.at(place);
  OrderUpdate update;
  update.mutate_intent_id(order.intent_id);
  update.mutate_intents_generation(order.intents_generation);
  update.mutate_epoch(order.epoch);
  update.mutate_order_id(order.order_id);
  update.mutate_venue_order_id(order.venue_order_id);
  update.mutate_instrument_id(accounts_.at(order.account).instrument_id);
  update.mutate_kind(kind);
  update.mutate_action(order.replacing ? IntentAction::REPLACE : IntentAction::NEW);
  update.mutate_side(order.side);
  update.mutate_price(static_cast<std::int64_t>(order.price));
  update.mutate_quantity(order.leaves);
  update.mutate_filled_quantity(order.filled);
  update.mutate_leaves_quantity(order.leaves);
  update.mutate_intent_emit_ts_ns(order.times.emit_ns);
  if (order.partner != NO_PLACE) update.mutate_replaced_order_id(table_.at(order.partner).order_id);
  update.mutate_market_receive_ts_ns(order.times.market_receive_ns);
  update.mutate_market_publish_ts_ns(order.times.market_publish_ns);
  update.mutate_gate_ts_ns(order.times.gate_ns);
  update.mutate_send_ts_ns(order.times.send_ns);
  update.mutate_sent_ts_ns(order.times.sent_ns);
  update.mutate_market_seq(order.market_seq);
  update.mutate_venue_token(order.token);
  update.mutate_strategy_id(order.strategy_id);
  update.mutate_order_state(order.state);
  update.mutate_time_in_force(order.time_in_force);
  if (kind == UpdateKind::SENT) update.mutate_intent_sequence(order.intent_sequence);
  return update;
}

void OrderDesk::fill_in(OrderUpdate& update, const VenueEvent& event) noexcept {
  using Kind = VenueEvent::Kind;
  update.mutate_exchange_ts_ns(event.exchange_ts_ns);
  update.mutate_answer_ts_ns(event.answer_ts_ns);
  update.mutate_venue_reason(event.reason);
  update.mutate_match_number(event.match_number);
  update.mutate_liquidity(event.liquidity);
  if (event.kind == Kind::EXECUTED) update.mutate_price(static_cast<std::int64_t>(event.price));
  if (event.kind != Kind::RESTATED && event.kind != Kind::REPRIORITIZED) update.mutate_quantity(event.quantity);
}

void OrderDesk::tell(OrderPlace place, UpdateKind kind, const VenueEvent& event) noexcept {
  OrderUpdate update = update_of(place, kind);
  fill_in(update, event);
  publish(update, place);
}

void OrderDesk::tell(OrderPlace place, UpdateKind kind, IntentAction action) noexcept {
  OrderUpdate update = update_of(place, kind);
  update.mutate_action(action);
  // Not the answer to the intent that made the order.
  if (kind != UpdateKind::SENT || action == IntentAction::CANCEL) update.mutate_intent_sequence(0);
  publish(update, place);
}

void OrderDesk::publish(OrderUpdate& update, OrderPlace place) noexcept {
  publish_gone(update, place, table_.at(place).account);
}

// `place` may be empty by now: then that is written down.
void OrderDesk::publish_gone(OrderUpdate& update, OrderPlace place, AccountPlace account_place) noexcept {
  const Account& account = accounts_.at(account_place);
  update.mutate_publish_ts_ns(clock_());
  update.mutate_position(account.position);
  update.mutate_open_buy_quantity(account.open_buy_quantity);
  update.mutate_open_sell_quantity(account.open_sell_quantity);
  // An order of an earlier life is told once, when all of that is known; its sums go into the regions then.
  const bool silent = !inherited_ && !settled_;
  const std::uint64_t sequence = silent ? updates_.sequence() : updates_.publish(update);
  if (place != NO_PLACE) table_.publish(place, account.instrument_id, sequence);
  accounts_.publish(account_place, sequence);
}

void OrderDesk::tell_position(AccountPlace place) noexcept {
  const Account& account = accounts_.at(place);
  if (account.instrument_id == 0) return;
  OrderUpdate update;
  update.mutate_kind(UpdateKind::POSITION);
  update.mutate_instrument_id(account.instrument_id);
  publish_gone(update, NO_PLACE, place);
}

void OrderDesk::tell_session(schema::VenueSession session) noexcept {
  OrderUpdate update;
  update.mutate_kind(UpdateKind::SESSION);
  update.mutate_publish_ts_ns(clock_());
  update.mutate_venue_reason(static_cast<std::uint16_t>(session));
  updates_.publish(update);
}

void OrderDesk::answer(OrderUpdate& update, const schema::OrderIntent& intent, std::uint64_t sent_ns) noexcept {
  if (last_sent_ == NO_PLACE) {
    // A cancel: its order is the one it names.
    update.mutate_sent_ts_ns(sent_ns);
    return publish(update, table_.by_order_id(intent.order_id()));
  }
  table_.at(last_sent_).times.sent_ns = sent_ns;
  update.mutate_sent_ts_ns(sent_ns);
  publish(update, last_sent_);
}

void OrderDesk::name_account(AccountPlace place, std::uint32_t instrument_id) noexcept {
  if (!accounts_.name(place, instrument_id)) return;
  if (inherited_) tell_position(place);
  for (OrderPlace order = table_.first_of(place); order != NO_PLACE; order = table_.at(order).next) {
    table_.publish(order, instrument_id, updates_.sequence());
  }
  store_figures();
}

void OrderDesk::store_figures() noexcept {
  store_word(state_, OPEN_ORDERS, table_.open_orders());
  store_word(state_, UNACKNOWLEDGED, unacknowledged_);
  store_word(state_, ORDERS_SENT, orders_sent_);
  store_word(state_, CANCELS_SENT, cancels_sent_);
  store_word(state_, REALIZED_VALUE, static_cast<std::uint64_t>(accounts_.realized_value()));
  store_word(state_, MARKED_VALUE, static_cast<std::uint64_t>(accounts_.marked_value()));
  store_word(state_, RECONCILED, reconciled() ? 1 : 0);
  store_word(state_, UPDATES_WATERMARK, updates_.sequence());
  stats_.open_orders.set(table_.open_orders());
  stats_.unacknowledged.set(unacknowledged_);
}

}  // namespace hft::feedd
