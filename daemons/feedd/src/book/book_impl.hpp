// Bodies of book/book.hpp: inline, they are the hot path.
#pragma once
#include "book/book.hpp"

namespace hft::feedd {

// Levels looked at one by one from the top before halving the rest.
inline constexpr std::uint32_t LINEAR_SEARCH_LEVELS = 8;

// How many levels have a key below `key`: its place.
inline std::uint32_t level_place(const BookSide& side, std::int64_t key) noexcept {
  std::uint32_t above = side.count;
  const std::uint32_t linear_end = above > LINEAR_SEARCH_LEVELS ? above - LINEAR_SEARCH_LEVELS : 0;
  while (above != linear_end) {
    if (side.levels[above - 1].key < key) return above;
    --above;
  }
  std::uint32_t low = 0;
  while (low != above) {
    const std::uint32_t middle = low + (above - low) / 2;
    if (side.levels[middle].key < key) {
      low = middle + 1;
    } else {
      above = middle;
    }
  }
  return low;
}

inline bool BookEngine::grow(BookSide& side) noexcept {
  const std::uint32_t capacity = side.capacity == 0 ? LevelArena::BLOCK_LEVELS_MIN : side.capacity * 2;
  Level* const block = arena_.allocate(capacity);
  if (block == nullptr) return false;
  if (side.capacity != 0) {
    std::memcpy(block, side.levels, side.count * sizeof(Level));
    arena_.release(side.levels, side.capacity);
  }
  side.levels = block;
  side.capacity = capacity;
  return true;
}

// One more order of `quantity` at `key`. Returns the level's depth, NO_DEPTH when the arena is exhausted: nothing
// changed then.
inline std::uint32_t BookEngine::level_add(BookSide& side, std::int64_t key, std::uint64_t quantity) noexcept {
  const std::uint32_t place = level_place(side, key);
  if (place != side.count && side.levels[place].key == key) {
    side.levels[place].quantity += quantity;
    ++side.levels[place].orders;
    return side.count - 1 - place;
  }
  if (side.count == side.capacity && !grow(side)) return NO_DEPTH;
  for (std::uint32_t index = side.count; index != place; --index) side.levels[index] = side.levels[index - 1];
  side.levels[place] = {key, quantity, 1, 0};
  return side.count++ - place;
}

// Returns the depth that the level has or had.
inline std::uint32_t BookEngine::level_take(BookSide& side, std::int64_t key, std::uint64_t quantity,
                                            bool order_gone) noexcept {
  const std::uint32_t place = level_place(side, key);
  assert(place != side.count && side.levels[place].key == key && side.levels[place].quantity >= quantity);
  Level& level = side.levels[place];
  const std::uint32_t depth = side.count - 1 - place;
  level.quantity -= quantity;
  if (!order_gone || --level.orders != 0) return depth;
  --side.count;
  for (std::uint32_t index = place; index != side.count; ++index) side.levels[index] = side.levels[index + 1];
  return depth;
}

// nullptr with the result set when the order is not there or not of this instrument.
inline Order* BookEngine::find_in(std::uint32_t instrument_id, std::uint64_t reference, BookChange& change) noexcept {
  Order* const order = orders_.find(reference);
  if (order == nullptr) {
    change.result = BookResult::UNKNOWN_REFERENCE;
    return nullptr;
  }
  if (order->instrument_id != instrument_id) {
    change.result = BookResult::INSTRUMENT_MISMATCH;
    return nullptr;
  }
  change.side = order->side;
  change.price = order->price;
  change.quantity = order->quantity;
  return order;
}

inline BookResult BookEngine::enter(BookSide& side, const Order& order, std::uint32_t& depth) noexcept {
  if (order.quantity == 0) return BookResult::ZERO_QUANTITY;
  switch (orders_.insert(order)) {
    case OrderTable::Inserted::DUPLICATE: return BookResult::DUPLICATE_REFERENCE;
    case OrderTable::Inserted::FULL: return BookResult::ORDERS_FULL;
    case OrderTable::Inserted::OK: break;
  }
  depth = level_add(side, level_key(order.side, order.price), order.quantity);
  if (depth != NO_DEPTH) return BookResult::OK;
  orders_.erase(orders_.find(order.reference));
  return BookResult::LEVELS_FULL;
}

// `quantity` at most what remains.
inline std::uint32_t BookEngine::take(BookSide& side, Order* order, std::uint64_t quantity) noexcept {
  const bool order_gone = quantity == order->quantity;
  const std::uint32_t depth = level_take(side, level_key(order->side, order->price), quantity, order_gone);
  if (order_gone) {
    orders_.erase(order);
  } else {
    order->quantity -= quantity;
  }
  return depth;
}

inline BookChange BookEngine::add(Book& book, std::uint32_t instrument_id, std::uint64_t reference, schema::Side side,
                                  std::int64_t price, std::uint64_t quantity) noexcept {
  BookChange change{.side = side, .price = price, .quantity = quantity};
  change.result = enter(book.side(side), {reference, price, quantity, instrument_id, side, 0, 0}, change.depth);
  change.book_changed = change.result == BookResult::OK;
  change.top_changed = change.depth == 0;
  return change;
}

inline BookChange BookEngine::reduce(Book& book, std::uint32_t instrument_id, std::uint64_t reference,
                                     std::uint64_t quantity) noexcept {
  BookChange change;
  Order* const order = find_in(instrument_id, reference, change);
  if (order == nullptr) return change;
  if (quantity > order->quantity) {
    change.result = BookResult::EXCESS_QUANTITY;
    quantity = order->quantity;
  }
  change.depth = take(book.side(change.side), order, quantity);
  change.book_changed = quantity != 0;
  change.top_changed = change.book_changed && change.depth == 0;
  return change;
}

inline BookChange BookEngine::remove(Book& book, std::uint32_t instrument_id, std::uint64_t reference) noexcept {
  BookChange change;
  Order* const order = find_in(instrument_id, reference, change);
  if (order == nullptr) return change;
  change.depth = take(book.side(change.side), order, order->quantity);
  change.book_changed = true;
  change.top_changed = change.depth == 0;
  return change;
}

inline BookChange BookEngine::replace(Book& book, std::uint32_t instrument_id, std::uint64_t original_reference,
                                      std::uint64_t new_reference, std::int64_t price,
                                      std::uint64_t quantity) noexcept {
  BookChange change;
  Order* const order = find_in(instrument_id, original_reference, change);
  if (order == nullptr) return change;
  BookSide& levels = book.side(change.side);
  const Level before = levels.top();
  const std::uint32_t taken_depth = take(levels, order, order->quantity);
  change.result = enter(levels, {new_reference, price, quantity, instrument_id, change.side, 0, 0}, change.depth);
  change.depth = std::min(change.depth, taken_depth);
  change.book_changed = change.result != BookResult::OK || price != change.price || quantity != change.quantity;
  change.top_changed = change.depth == 0 && !(before == levels.top());
  return change;
}

}  // namespace hft::feedd
