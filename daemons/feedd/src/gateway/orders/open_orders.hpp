// The gateway's open orders: fixed places, found by the venue's token and by our order id, listed by instrument.
// Every change of a place is published to gateway.orders when `publish` is called for it.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "feedd/region.hpp"
#include "gateway/orders/open_order.hpp"

namespace hft::feedd {

// Open addressing, keys are never 0. Sized for `capacity` keys at half load.
class PlaceIndex {
 public:
  explicit PlaceIndex(std::size_t capacity);
  void insert(std::uint64_t key, OrderPlace place) noexcept;
  void erase(std::uint64_t key) noexcept;
  [[nodiscard]] OrderPlace find(std::uint64_t key) const noexcept;

 private:
  struct Entry {
    std::uint64_t key = 0;
    OrderPlace place = NO_PLACE;
  };
  [[nodiscard]] std::size_t home(std::uint64_t key) const noexcept {
    return static_cast<std::size_t>(key * 0x9E3779B97F4A7C15ull >> shift_);
  }
  std::vector<Entry> entries_;
  std::size_t mask_;
  unsigned shift_;
};

class OpenOrders {
 public:
  // `region` is gateway.orders; as many places. `accounts`: instruments that may have orders.
  OpenOrders(Region& region, std::size_t accounts);
  OpenOrders(const OpenOrders&) = delete;
  OpenOrders& operator=(const OpenOrders&) = delete;

  [[nodiscard]] bool full() const noexcept { return free_ == NO_PLACE; }
  [[nodiscard]] std::uint32_t open_orders() const noexcept { return open_orders_; }
  [[nodiscard]] std::uint32_t places() const noexcept { return static_cast<std::uint32_t>(orders_.size()); }
  [[nodiscard]] OpenOrder& at(OrderPlace place) noexcept { return orders_[place]; }
  [[nodiscard]] const OpenOrder& at(OrderPlace place) const noexcept { return orders_[place]; }

  // Needs a free place; token, order_id, intents_generation and account are set and do not change.
  OrderPlace add(const OpenOrder& order) noexcept;
  void remove(OrderPlace place) noexcept;
  [[nodiscard]] OrderPlace by_token(std::uint32_t token) const noexcept { return by_token_.find(token); }
  // Of the queue that is attached.
  [[nodiscard]] OrderPlace by_order_id(std::uint64_t order_id) const noexcept;
  // Another queue is attached, 0 = none: orders that carry its tag are its own again, all others nobody's.
  void set_intents_generation(std::uint64_t generation) noexcept;
  [[nodiscard]] OrderPlace first_of(std::uint32_t account) const noexcept { return first_[account]; }

  // To gateway.orders, as it is after update `updates_seq`.
  void publish(OrderPlace place, std::uint32_t instrument_id, std::uint64_t updates_seq) noexcept;

 private:
  void link(OrderPlace place) noexcept;
  void unlink(OrderPlace place) noexcept;

  std::uint64_t* slots_;
  std::vector<OpenOrder> orders_;
  std::vector<OrderPlace> first_;
  PlaceIndex by_token_;
  PlaceIndex by_order_id_;
  std::uint64_t intents_generation_ = 0;
  OrderPlace free_ = 0;  // chained through `next`
  std::uint32_t open_orders_ = 0;
};

}  // namespace hft::feedd
