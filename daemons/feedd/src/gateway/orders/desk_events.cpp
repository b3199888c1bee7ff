// What the venue says. Nothing it sends can break the sums: amounts are cut to what is open, and what belongs to no
// order of ours is counted and ends our trust in the positions.
#include <algorithm>

#include "gateway/orders/client_id.hpp"
#include "gateway/orders/order_change.hpp"
#include "gateway/orders/order_desk.hpp"

namespace hft::feedd {

using schema::IntentAction;
using schema::OrderState;
using schema::UpdateKind;

void OrderDesk::on_event(const VenueEvent& event) noexcept {
  using Kind = VenueEvent::Kind;
  switch (event.kind) {
    case Kind::ACCEPTED: return accepted(event);
    case Kind::REPLACED: return replaced(event);
    case Kind::CANCELED: return canceled(event);
    case Kind::EXECUTED: return executed(event);
    case Kind::BROKEN: return broken(event);
    case Kind::REJECTED: return rejected(event);
    case Kind::CANCEL_PENDING: return cancel_answered(event, UpdateKind::CANCEL_PENDING);
    case Kind::CANCEL_REJECTED: return cancel_answered(event, UpdateKind::CANCEL_REJECTED);
    case Kind::REPRIORITIZED: return changed(event, UpdateKind::REPRIORITIZED);
    case Kind::MODIFIED: return changed(event, UpdateKind::MODIFIED);
    case Kind::RESTATED: return changed(event, UpdateKind::RESTATED);
  }
}

void OrderDesk::accepted(const VenueEvent& event) noexcept {
  OrderPlace place = place_of(event);
  if (place == NO_PLACE) place = adopt(event, 0);
  if (place == NO_PLACE) return;
  stats_.accepted.add();
  if (table_.at(place).times.sent_ns != 0 && event.answer_ts_ns > table_.at(place).times.sent_ns) {
    stats_.send_to_answer_ns.record(event.answer_ts_ns - table_.at(place).times.sent_ns);
  }
  change(place, [&event](OpenOrder& order) {
    order.accepted = true;
    order.state = OrderState::LIVE;
    order.venue_order_id = event.venue_order_id;
    order.price = event.price;
    order.short_sale = event.short_sale;
    order.leaves = event.live ? event.quantity : 0;
    order.quantity = order.filled + event.quantity;
  });
  if (!event.live) return end(place, UpdateKind::ACCEPTED, event);
  tell(place, UpdateKind::ACCEPTED, event);
}

void OrderDesk::replaced(const VenueEvent& event) noexcept {
  if (event.token == event.replaced_token) return stats_.unattributed.add();
  const OrderPlace old_place = table_.by_token(event.replaced_token);
  const std::uint64_t filled = old_place == NO_PLACE ? 0 : table_.at(old_place).filled;
  OrderPlace place = place_of(event);
  if (place == NO_PLACE) place = adopt(event, filled);
  if (place == NO_PLACE) return;
  stats_.replaced.add();
  std::uint64_t replaced_order_id = 0;
  if (old_place != NO_PLACE) {
    replaced_order_id = table_.at(old_place).order_id;
    const std::uint32_t instrument_id = accounts_.at(table_.at(old_place).account).instrument_id;
    remove(old_place);
    table_.publish(old_place, instrument_id, updates_.sequence() + 1);
  }
  part(place);
  change(place, [&event, filled](OpenOrder& order) {
    order.replacing = false;
    order.accepted = true;
    order.state = OrderState::LIVE;
    order.venue_order_id = event.venue_order_id;
    order.price = event.price;
    order.filled = filled;
    order.short_sale = event.short_sale;
    order.leaves = event.live ? event.quantity : 0;
    order.quantity = filled + event.quantity;
  });
  schema::OrderUpdate update = update_of(place, UpdateKind::REPLACED);
  update.mutate_replaced_order_id(replaced_order_id);
  update.mutate_quantity(event.quantity);
  update.mutate_exchange_ts_ns(event.exchange_ts_ns);
  update.mutate_answer_ts_ns(event.answer_ts_ns);
  if (!event.live) {
    update.mutate_order_state(OrderState::DEAD);
    const OpenOrder gone = table_.at(place);
    remove(place);
    return publish_gone(update, place, gone.account);
  }
  publish(update, place);
}

void OrderDesk::canceled(const VenueEvent& event) noexcept {
  const OrderPlace place = table_.by_token(event.token);
  if (place == NO_PLACE) return stats_.unattributed.add();
  stats_.canceled.add();
  change(place, [&event](OpenOrder& order) {
    order.accepted = true;
    order.state = OrderState::LIVE;
    order.leaves -= std::min<std::uint64_t>(order.leaves, event.quantity);
  });
  if (table_.at(place).leaves == 0) return end(place, UpdateKind::CANCELED, event);
  tell(place, UpdateKind::CANCELED, event);
}

void OrderDesk::executed(const VenueEvent& event) noexcept {
  const OrderPlace place = table_.by_token(event.token);
  if (place == NO_PLACE) {
    // Shares that came from nowhere: which instrument they are of is not said.
    lost_track_ = true;
    return stats_.unattributed.add();
  }
  const OpenOrder& order = table_.at(place);
  if (event.quantity > order.leaves) {  // counted, but what rests is not what we believe
    lost_track_ = true;
    stats_.overfilled.add();
  }
  stats_.fills.add();
  stats_.filled_quantity.add(event.quantity);
  accounts_.fill(order.account, order.side, event.quantity, event.price);
  fills_.add({event.match_number, event.quantity, event.price, order.order_id, order.intents_generation, event.token,
              order.account, order.side, false});
  change(place, [&event](OpenOrder& changed) {
    changed.accepted = true;
    changed.state = OrderState::LIVE;
    changed.filled += event.quantity;
    changed.leaves -= std::min<std::uint64_t>(changed.leaves, event.quantity);
  });
  if (order.leaves == 0) return end(place, UpdateKind::FILLED, event);
  tell(place, UpdateKind::FILLED, event);
}

void OrderDesk::broken(const VenueEvent& event) noexcept {
  LoggedFill* fill = fills_.find(event.token, event.match_number);
  stats_.broken.add();
  if (fill == nullptr) {
    lost_track_ = true;
    return stats_.unattributed.add();
  }
  if (fill->broken) return;
  fill->broken = true;
  accounts_.break_fill(fill->account, fill->side, fill->quantity, fill->price);
  const OrderPlace place = table_.by_token(event.token);
  if (place != NO_PLACE) {
    change(place, [fill](OpenOrder& order) { order.filled -= std::min(order.filled, fill->quantity); });
  }
  schema::OrderUpdate update;
  if (place != NO_PLACE) update = update_of(place, UpdateKind::BROKEN);
  update.mutate_kind(UpdateKind::BROKEN);
  update.mutate_order_id(fill->order_id);
  update.mutate_intents_generation(fill->intents_generation);
  update.mutate_instrument_id(accounts_.at(fill->account).instrument_id);
  update.mutate_side(fill->side);
  update.mutate_price(static_cast<std::int64_t>(fill->price));
  update.mutate_quantity(fill->quantity);
  update.mutate_match_number(event.match_number);
  update.mutate_venue_token(event.token);
  update.mutate_venue_reason(event.reason);
  update.mutate_exchange_ts_ns(event.exchange_ts_ns);
  update.mutate_answer_ts_ns(event.answer_ts_ns);
  if (place != NO_PLACE) return publish(update, place);
  publish_gone(update, NO_PLACE, fill->account);
}

void OrderDesk::rejected(const VenueEvent& event) noexcept {
  const OrderPlace place = table_.by_token(event.token);
  if (place == NO_PLACE) return stats_.unattributed.add();
  stats_.rejected.add();
  const OpenOrder& order = table_.at(place);
  const OrderPlace old_place = order.partner;
  if (!order.replacing || old_place == NO_PLACE) return end(place, UpdateKind::REJECTED, event);
  schema::OrderUpdate update = update_of(place, UpdateKind::REJECTED);
  update.mutate_action(IntentAction::REPLACE);
  update.mutate_venue_reason(event.reason);
  update.mutate_exchange_ts_ns(event.exchange_ts_ns);
  update.mutate_answer_ts_ns(event.answer_ts_ns);
  update.mutate_order_state(OrderState::DEAD);
  update.mutate_leaves_quantity(table_.at(old_place).leaves);
  const AccountPlace account = order.account;
  drop_replacement(old_place);
  publish_gone(update, place, account);
  table_.publish(old_place, accounts_.at(account).instrument_id, updates_.sequence());
}

// A cancel that waits stays sent; one that was refused may be asked for again, after a while.
void OrderDesk::cancel_answered(const VenueEvent& event, UpdateKind kind) noexcept {
  const OrderPlace place = table_.by_token(event.token);
  if (place == NO_PLACE) return stats_.unattributed.add();
  if (kind == UpdateKind::CANCEL_REJECTED) {
    change(place, [](OpenOrder& order) {
      order.cancel_refused = order.cancel_wanted;  // still wanted: see retry_refused_cancels
      if (order.cancel_wanted) return;
      order.cancel_sent = false;
      order.state = OrderState::LIVE;
    });
    cancels_refused_ = cancels_refused_ || table_.at(place).cancel_wanted;
  }
  tell(place, kind, event);
}

void OrderDesk::changed(const VenueEvent& event, UpdateKind kind) noexcept {
  const OrderPlace place = table_.by_token(event.token);
  if (place == NO_PLACE) return stats_.unattributed.add();
  change(place, [&event, kind](OpenOrder& order) {
    if (kind == UpdateKind::MODIFIED) {
      order.leaves = event.quantity;
      order.short_sale = event.short_sale;
    }
    if (kind == UpdateKind::REPRIORITIZED) {
      order.price = event.price;
      order.venue_order_id = event.venue_order_id;
    }
  });
  if (table_.at(place).leaves == 0) return end(place, kind, event);
  tell(place, kind, event);
}

// Of the order that the venue took under this number. When somebody else on this account used the number first, the
// venue took ours for a repetition of it, and says nothing to that: ours never arrived, and theirs is to be adopted.
OrderPlace OrderDesk::place_of(const VenueEvent& event) noexcept {
  const OrderPlace place = table_.by_token(event.token);
  const OrderOrigin origin = decode_client_id(event.client_id);
  if (place == NO_PLACE || origin.queue_tag == 0) return place;
  const OpenOrder& order = table_.at(place);
  if (order.queue_tag == origin.queue_tag && order.order_id == origin.order_id) return place;
  lost_track_ = true;
  if (order.replacing && order.partner != NO_PLACE) {
    const OrderPlace replaced = order.partner;
    const AccountPlace account = order.account;
    schema::OrderUpdate ignored = take_off_replacement(replaced);
    publish_gone(ignored, place, account);
    table_.publish(replaced, accounts_.at(account).instrument_id, updates_.sequence());
  } else {
    never_arrived(place);
  }
  return NO_PLACE;
}

// From a queue that this process was attached to, or made by itself.
bool OrderDesk::from_here(const OrderOrigin& origin) const noexcept {
  if (origin.queue_tag == 0) return origin.order_id != 0;
  return std::find(queue_tags_.begin(), queue_tags_.end(), origin.queue_tag) != queue_tags_.end();
}

// An order that this process did not send: of an earlier life, met in the replay.
OrderPlace OrderDesk::adopt(const VenueEvent& event, std::uint64_t filled) noexcept {
  const AccountPlace account = accounts_.by_symbol_or_new(event.symbol);
  const bool sided = event.side == schema::Side::BUY || event.side == schema::Side::SELL;
  if (table_.full() || account == NO_ACCOUNT || !sided || event.token == 0) {
    lost_track_ = true;
    stats_.unattributed.add();
    return NO_PLACE;
  }
  const OrderOrigin origin = decode_client_id(event.client_id);
  if (inherited_ && !from_here(origin)) lost_track_ = true;  // nobody of ours is left who could have sent it
  OpenOrder order;
  order.token = event.token;
  order.account = account;
  order.order_id = origin.order_id;
  order.queue_tag = origin.queue_tag;
  if (intents_generation_ != 0 && origin.queue_tag == queue_tag(intents_generation_)) {
    order.intents_generation = intents_generation_;
  }
  order.price = event.price;
  order.quantity = filled + event.quantity;
  order.filled = filled;
  order.leaves = event.quantity;
  order.side = event.side;
  order.short_sale = event.short_sale;
  order.time_in_force = event.time_in_force;
  order.accepted = true;
  order.state = OrderState::LIVE;
  if (next_token_ <= event.token) next_token_ = event.token + 1;
  stats_.foreign.add();
  return add(order);
}

// The order is gone, and then whatever waited for an answer on it.
void OrderDesk::end(OrderPlace place, UpdateKind kind, const VenueEvent& event) noexcept {
  const OpenOrder& order = table_.at(place);
  const AccountPlace account = order.account;
  const OrderPlace replacement = order.replacing ? NO_PLACE : order.partner;
  schema::OrderUpdate ignored;
  if (replacement != NO_PLACE) ignored = take_off_replacement(place);
  schema::OrderUpdate update = update_of(place, kind);
  fill_in(update, event);
  update.mutate_order_state(OrderState::DEAD);
  update.mutate_leaves_quantity(0);
  remove(place);
  publish_gone(update, place, account);
  if (replacement != NO_PLACE) publish_gone(ignored, replacement, account);
}

// The venue never acted on the replacement: it goes, and the update that says so is returned.
schema::OrderUpdate OrderDesk::take_off_replacement(OrderPlace place) noexcept {
  const OrderPlace replacement = table_.at(place).partner;
  schema::OrderUpdate update = update_of(replacement, UpdateKind::IGNORED);
  update.mutate_action(IntentAction::REPLACE);
  update.mutate_leaves_quantity(table_.at(place).leaves);
  update.mutate_order_state(OrderState::DEAD);
  drop_replacement(place);
  stats_.ignored.add();
  return update;
}

// The replacement of the order at `place` is no more; that one stands alone again.
void OrderDesk::drop_replacement(OrderPlace place) noexcept {
  const OrderPlace replacement = table_.at(place).partner;
  const std::uint32_t instrument_id = accounts_.at(table_.at(place).account).instrument_id;
  remove(replacement);
  table_.publish(replacement, instrument_id, updates_.sequence());
}

}  // namespace hft::feedd
