// How an order in the table is changed: worst cases and the count of unanswered messages follow.
#pragma once
#include <algorithm>

#include "gateway/orders/order_desk.hpp"

namespace hft::feedd {

// What the order may still do. One of an order and its replacement will live, so the pair counts once, by the larger.
inline std::uint64_t OrderDesk::exposure(OrderPlace place) const noexcept {
  const OpenOrder& order = table_.at(place);
  if (order.partner == NO_PLACE) return order.leaves;
  return order.replacing ? 0 : std::max(order.leaves, table_.at(order.partner).leaves);
}

// `apply(order)` may set anything but token, ids, account and side. What it changes may move its partner's share, too.
template <class Change>
void OrderDesk::change(OrderPlace place, Change apply) noexcept {
  OpenOrder& order = table_.at(place);
  const OrderPlace partner = order.partner;
  const auto together = [&] { return exposure(place) + (partner == NO_PLACE ? 0 : exposure(partner)); };
  const std::uint64_t before = together();
  const bool waited = unanswered(order);
  apply(order);
  if (order.state != schema::OrderState::UNKNOWN) order.state = state_of(order);
  recount(waited, unanswered(order));
  accounts_.change_open(order.account, order.side, before, together());
}

inline schema::OrderState OrderDesk::state_of(const OpenOrder& order) const noexcept {
  if (order.cancel_sent) return schema::OrderState::CANCELING;
  if (order.partner != NO_PLACE && !order.replacing) return schema::OrderState::REPLACING;
  return order.accepted ? schema::OrderState::LIVE : schema::OrderState::SENT;
}

}  // namespace hft::feedd
