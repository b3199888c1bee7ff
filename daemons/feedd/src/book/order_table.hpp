// Resting orders by reference: open addressing, linear probing, deletion by shifting back (no tombstones).
//
// A venue numbers its orders upwards and most of them live shortly, so references are hashed in blocks: neighbours in
// time are neighbours in memory, and the multiplicative hash lays consecutive blocks out evenly. At most half of the
// slots are used. Measured with 3 million resting orders of 4 million, one in ten long-lived: 1.9 slots a look-up,
// 34 at most; the same as without blocks, but the live ones share cache lines and pages.
// A probe is at most PROBE_SLOTS_MAX long, whatever references the feed invents; beyond it the table is full.
#pragma once
#include <algorithm>
#include <bit>
#include <cassert>
#include <cstdint>

#include "book/preallocated.hpp"
#include "book/prefetch.hpp"
#include "hft/schema/hft_generated.h"

namespace hft::feedd {

struct Order {
  std::uint64_t reference;
  std::int64_t price;
  std::uint64_t quantity;
  std::uint32_t instrument_id;  // 0 = erased
  schema::Side side;
  std::uint8_t reserved;
  std::uint16_t life;  // the table's, see OrderTable::clear
};
static_assert(sizeof(Order) == 32);

class OrderTable {
 public:
  static constexpr std::uint64_t PROBE_SLOTS_MAX = 512;

  explicit OrderTable(std::uint64_t capacity_orders, Touch touch = Touch::NOW)
      : slots_(std::bit_ceil(std::max<std::uint64_t>(capacity_orders, BLOCK_MASK + 1)) * 2, touch),
        capacity_(capacity_orders),
        mask_(slots_.size() - 1),
        block_shift_(64 + BLOCK_BITS - static_cast<unsigned>(std::countr_zero(slots_.size()))) {}

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  [[nodiscard]] std::uint64_t capacity() const noexcept { return capacity_; }

  void prefetch(std::uint64_t reference) const noexcept { feedd::prefetch(slots_.data() + home_of(reference)); }

  // nullptr when unknown. Valid until the next insert or erase.
  [[nodiscard]] Order* find(std::uint64_t reference) noexcept {
    Order* const slot = probe(reference);
    return slot != nullptr && used(*slot) ? slot : nullptr;
  }

  enum class Inserted : std::uint8_t { OK, DUPLICATE, FULL };
  // `order.instrument_id` is not 0.
  Inserted insert(const Order& order) noexcept {
    assert(order.instrument_id != 0);
    Order* const slot = probe(order.reference);
    if (slot != nullptr && used(*slot)) return Inserted::DUPLICATE;
    if (slot == nullptr || size_ == capacity_) return Inserted::FULL;
    *slot = order;
    slot->life = life_;
    ++size_;
    return Inserted::OK;
  }

  // `order` came from find().
  void erase(Order* order) noexcept {
    auto hole = static_cast<std::uint64_t>(order - slots_.data());
    // An order further than a probe behind the hole can not have its home at or before it.
    for (std::uint64_t next = (hole + 1) & mask_; ((next - hole) & mask_) < PROBE_SLOTS_MAX;
         next = (next + 1) & mask_) {
      const Order& candidate = slots_[next];
      if (!used(candidate)) break;
      if (((next - home_of(candidate.reference)) & mask_) >= ((next - hole) & mask_)) {
        slots_[hole] = candidate;
        hole = next;
      }
    }
    slots_[hole].instrument_id = 0;
    --size_;
  }

  // In constant time, but for one time in 65,536: what a slot holds of an earlier life is nothing. Writing all slots
  // (256 MB by default) would hold the market thread up for as long as watchd waits for it.
  void clear() noexcept {
    size_ = 0;
    if (++life_ == 0) slots_.clear();
  }

  // For audits: every order, in no order.
  template <class Visitor>
  void for_each(Visitor visit) const {
    for (std::uint64_t index = 0; index < slots_.size(); ++index) {
      if (used(slots_[index])) visit(slots_[index]);
    }
  }

 private:
  [[nodiscard]] bool used(const Order& slot) const noexcept { return slot.instrument_id != 0 && slot.life == life_; }

  static constexpr unsigned BLOCK_BITS = 10;  // 1024 orders, 32 KiB
  static constexpr std::uint64_t BLOCK_MASK = (1u << BLOCK_BITS) - 1;

  [[nodiscard]] std::uint64_t home_of(std::uint64_t reference) const noexcept {
    const std::uint64_t block = ((reference >> BLOCK_BITS) * 0x9E3779B97F4A7C15ull) >> block_shift_;
    return (block << BLOCK_BITS) | (reference & BLOCK_MASK);
  }

  // The slot that holds `reference`, or the empty one where it would go, or nullptr after too long a search.
  [[nodiscard]] Order* probe(std::uint64_t reference) noexcept {
    std::uint64_t index = home_of(reference);
    for (std::uint64_t probed = 0; probed < PROBE_SLOTS_MAX && probed <= mask_; ++probed) {
      Order& slot = slots_[index];
      if (!used(slot) || slot.reference == reference) return &slot;
      index = (index + 1) & mask_;
    }
    return nullptr;
  }

  Preallocated<Order> slots_;
  std::uint64_t capacity_;
  std::uint64_t mask_;
  unsigned block_shift_;
  std::uint64_t size_ = 0;
  std::uint16_t life_ = 0;
};

}  // namespace hft::feedd
