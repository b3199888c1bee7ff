// What the venue's session means for what is open: unknown when it breaks, settled when everything was replayed.
#include <algorithm>

#include "gateway/orders/order_change.hpp"
#include "gateway/orders/order_desk.hpp"
#include "gateway/state_words.hpp"

namespace hft::feedd {

using schema::IntentAction;
using schema::OrderState;
using schema::UpdateKind;
using schema::VenueSession;

void OrderDesk::on_session(VenueSession session) noexcept {
  store_word(state_, VENUE_SESSION, static_cast<std::uint64_t>(session));
  if (session == VenueSession::UP) {
    next_token_ = std::max(next_token_, venue_->next_token());
    settle();
  } else if (settled_) {
    if (session != VenueSession::LOGGED_OFF) break_off();
    // With an empty table everything that was sent has been answered: whatever the session does, nothing is open.
    settled_ = table_.open_orders() == 0;
  }
  tell_session(session);
  store_figures();
}

void OrderDesk::break_off() noexcept {
  for (OrderPlace place = 0; place < table_.places(); ++place) {
    const OpenOrder& order = table_.at(place);
    if (!order.in_use() || !unanswered(order) || order.state == OrderState::UNKNOWN) continue;
    change(place, [](OpenOrder& changed) { changed.state = OrderState::UNKNOWN; });
    stats_.unknown.add();
    tell(place, UpdateKind::UNKNOWN, IntentAction::NONE);
  }
}

// Everything that the venue did is replayed: what is still unanswered never reached it.
void OrderDesk::settle() noexcept {
  for (OrderPlace place = 0; place < table_.places(); ++place) {
    if (table_.at(place).in_use()) settle_order(place);
  }
  settled_ = true;
  if (!inherited_) tell_inheritance();
  inherited_ = true;
}

void OrderDesk::settle_order(OrderPlace place) noexcept {
  const OpenOrder& order = table_.at(place);
  if (order.replacing && order.partner != NO_PLACE) return;  // settled with the one that it was to replace
  if (order.partner != NO_PLACE) {
    const OrderPlace replacement = order.partner;
    schema::OrderUpdate ignored = take_off_replacement(place);
    publish_gone(ignored, replacement, order.account);
  }
  if (!order.accepted) return never_arrived(place);
  if (order.cancel_sent) {
    stats_.ignored.add();
    if (order.cancel_wanted) ++cancels_due_;
    change(place, [](OpenOrder& changed) {
      changed.cancel_sent = false;
      changed.state = OrderState::LIVE;
    });
    return tell(place, UpdateKind::IGNORED, IntentAction::CANCEL);
  }
  if (order.state == OrderState::UNKNOWN) {
    change(place, [](OpenOrder& changed) { changed.state = OrderState::LIVE; });
    table_.publish(place, accounts_.at(order.account).instrument_id, updates_.sequence());
  }
}

// The venue never had it.
void OrderDesk::never_arrived(OrderPlace place) noexcept {
  stats_.ignored.add();
  schema::OrderUpdate update = update_of(place, UpdateKind::IGNORED);
  update.mutate_action(IntentAction::NEW);
  update.mutate_order_state(OrderState::DEAD);
  update.mutate_leaves_quantity(0);
  const AccountPlace account = table_.at(place).account;
  remove(place);
  publish_gone(update, place, account);
}

void OrderDesk::tell_inheritance() noexcept {
  for (OrderPlace place = 0; place < table_.places(); ++place) {
    if (table_.at(place).in_use()) tell(place, UpdateKind::FOREIGN, IntentAction::NONE);
  }
  for (AccountPlace place = 0; place < accounts_.size(); ++place) tell_position(place);
}

}  // namespace hft::feedd
