#include "gateway/orders/open_orders.hpp"

#include <atomic>
#include <bit>
#include <cassert>
#include <cstring>

#include "feedd/slot.hpp"
#include "gateway/orders/client_id.hpp"
#include "gateway/orders/seqlock.hpp"

namespace hft::feedd {

PlaceIndex::PlaceIndex(std::size_t capacity)
    : entries_(std::bit_ceil(2 * capacity)),
      mask_(entries_.size() - 1),
      shift_(64u - static_cast<unsigned>(std::countr_zero(entries_.size()))) {}

void PlaceIndex::insert(std::uint64_t key, OrderPlace place) noexcept {
  std::size_t i = home(key);
  while (entries_[i].key != 0 && entries_[i].key != key) i = (i + 1) & mask_;
  entries_[i] = {key, place};
}

// Whoever sits behind the hole and would not be found from home any more moves into it.
void PlaceIndex::erase(std::uint64_t key) noexcept {
  std::size_t hole = home(key);
  while (entries_[hole].key != key) {
    if (entries_[hole].key == 0) return;
    hole = (hole + 1) & mask_;
  }
  for (std::size_t i = (hole + 1) & mask_; entries_[i].key != 0; i = (i + 1) & mask_) {
    if (((i - home(entries_[i].key)) & mask_) < ((i - hole) & mask_)) continue;
    entries_[hole] = entries_[i];
    hole = i;
  }
  entries_[hole] = {};
}

OrderPlace PlaceIndex::find(std::uint64_t key) const noexcept {
  for (std::size_t i = home(key); entries_[i].key != 0; i = (i + 1) & mask_) {
    if (entries_[i].key == key) return entries_[i].place;
  }
  return NO_PLACE;
}

OpenOrders::OpenOrders(Region& region, std::size_t accounts)
    : slots_(reinterpret_cast<std::uint64_t*>(region.records())),
      orders_(region.capacity_records()),
      first_(accounts, NO_PLACE),
      by_token_(orders_.size()),
      by_order_id_(orders_.size()) {
  for (OrderPlace place = 0; place < orders_.size(); ++place) {
    orders_[place].next = place + 1 < orders_.size() ? place + 1 : NO_PLACE;
  }
}

OrderPlace OpenOrders::add(const OpenOrder& order) noexcept {
  assert(!full() && order.in_use() && order.account < first_.size());
  const OrderPlace place = free_;
  free_ = orders_[place].next;
  orders_[place] = order;
  link(place);
  by_token_.insert(order.token, place);
  if (order.intents_generation != 0 && order.intents_generation == intents_generation_) {
    by_order_id_.insert(order.order_id, place);
  }
  ++open_orders_;
  return place;
}

void OpenOrders::remove(OrderPlace place) noexcept {
  OpenOrder& order = orders_[place];
  assert(order.in_use());
  by_token_.erase(order.token);
  if (by_order_id_.find(order.order_id) == place) by_order_id_.erase(order.order_id);
  unlink(place);
  order = {};
  order.next = free_;
  free_ = place;
  --open_orders_;
}

OrderPlace OpenOrders::by_order_id(std::uint64_t order_id) const noexcept {
  return order_id == 0 ? NO_PLACE : by_order_id_.find(order_id);
}

void OpenOrders::set_intents_generation(std::uint64_t generation) noexcept {
  for (OrderPlace place = 0; place < orders_.size(); ++place) {
    OpenOrder& order = orders_[place];
    if (!order.in_use()) continue;
    if (by_order_id_.find(order.order_id) == place) by_order_id_.erase(order.order_id);
  }
  intents_generation_ = generation;
  for (OrderPlace place = 0; generation != 0 && place < orders_.size(); ++place) {
    OpenOrder& order = orders_[place];
    if (!order.in_use() || order.queue_tag != queue_tag(generation)) continue;
    order.intents_generation = generation;
    by_order_id_.insert(order.order_id, place);
  }
}

void OpenOrders::link(OrderPlace place) noexcept {
  OpenOrder& order = orders_[place];
  order.previous = NO_PLACE;
  order.next = first_[order.account];
  if (order.next != NO_PLACE) orders_[order.next].previous = place;
  first_[order.account] = place;
}

void OpenOrders::unlink(OrderPlace place) noexcept {
  const OpenOrder& order = orders_[place];
  if (order.next != NO_PLACE) orders_[order.next].previous = order.previous;
  if (order.previous != NO_PLACE) {
    orders_[order.previous].next = order.next;
  } else {
    first_[order.account] = order.next;
  }
}

void OpenOrders::publish(OrderPlace place, std::uint32_t instrument_id, std::uint64_t updates_seq) noexcept {
  const OpenOrder& order = orders_[place];
  schema::GatewayOrder out;
  out.mutate_updates_seq(updates_seq);
  out.mutate_order_id(order.order_id);
  out.mutate_intents_generation(order.intents_generation);
  out.mutate_venue_order_id(order.venue_order_id);
  out.mutate_intent_id(order.intent_id);
  out.mutate_instrument_id(order.in_use() ? instrument_id : 0);
  out.mutate_venue_token(order.token);
  out.mutate_strategy_id(order.strategy_id);
  out.mutate_side(order.side);
  out.mutate_state(order.state);
  out.mutate_time_in_force(order.time_in_force);
  out.mutate_flags(order.flags);
  out.mutate_price(static_cast<std::int64_t>(order.price));
  out.mutate_quantity(order.quantity);
  out.mutate_filled_quantity(order.filled);
  out.mutate_leaves_quantity(order.leaves);
  out.mutate_send_ts_ns(order.times.send_ns);
  const bool replaced = order.in_use() && order.partner != NO_PLACE && !order.replacing;
  out.mutate_replacing_order_id(replaced ? orders_[order.partner].order_id : 0);
  publish_entry(slots_, place, out);
}

}  // namespace hft::feedd
