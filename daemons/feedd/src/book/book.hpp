// Price-level books fed order by order: the order table finds an order, its level follows.
//
//   Book.bid / Book.ask → block of levels, best at the end   | worst … best |
//
// Most changes happen near the top, so they move few levels and the search starts at the end. Prices are signed
// 64-bit integers and quantities unsigned 64-bit ones in whatever scale the caller uses.
// Operating errors are results: the feed may name unknown orders, twice the same, or more than there is.
#pragma once
#include <cassert>
#include <cstdint>
#include <cstring>

#include "book/level_arena.hpp"
#include "book/order_table.hpp"

namespace hft::feedd {

struct BookSide {
  Level* levels = nullptr;
  std::uint32_t count = 0;
  std::uint32_t capacity = 0;

  // The best level, all zero when there is none.
  [[nodiscard]] Level top() const noexcept { return count == 0 ? Level{} : levels[count - 1]; }
};

struct Book {
  BookSide bid;
  BookSide ask;

  [[nodiscard]] BookSide& side(schema::Side which) noexcept { return which == schema::Side::BUY ? bid : ask; }
};

// The key of a price on a side, and back: the complement turns the order round and never overflows.
[[nodiscard]] constexpr std::int64_t level_key(schema::Side side, std::int64_t price) noexcept {
  return side == schema::Side::BUY ? price : ~price;
}

enum class BookResult : std::uint8_t {
  OK,
  UNKNOWN_REFERENCE,
  DUPLICATE_REFERENCE,  // the reference rests already: the new order is not entered
  EXCESS_QUANTITY,      // more than what remains: the order is gone
  INSTRUMENT_MISMATCH,  // the reference rests in another instrument: nothing changes
  ZERO_QUANTITY,        // an order of nothing is not entered
  ORDERS_FULL,
  LEVELS_FULL,
};
inline constexpr std::size_t BOOK_RESULTS = 8;

inline constexpr std::uint32_t NO_DEPTH = ~0u;

struct BookChange {
  BookResult result = BookResult::OK;
  schema::Side side = schema::Side::NONE;  // of the order; NONE when unknown
  bool book_changed = false;
  bool top_changed = false;
  std::uint32_t depth = NO_DEPTH;  // levels better than the best one touched: 0 = the top
  std::int64_t price = 0;          // of the order before the change
  std::uint64_t quantity = 0;      // of the order before the change
};

class BookEngine {
 public:
  BookEngine(std::uint64_t orders, std::uint64_t levels, Touch touch = Touch::NOW)
      : orders_(orders, touch), arena_(levels, touch) {}

  // `book` is the book of `instrument_id` (not 0) in all calls.
  BookChange add(Book& book, std::uint32_t instrument_id, std::uint64_t reference, schema::Side side,
                 std::int64_t price, std::uint64_t quantity) noexcept;
  // An execution or a partial cancel: `quantity` less.
  BookChange reduce(Book& book, std::uint32_t instrument_id, std::uint64_t reference, std::uint64_t quantity) noexcept;
  BookChange remove(Book& book, std::uint32_t instrument_id, std::uint64_t reference) noexcept;
  // The original order gives way to a new one of the same side.
  BookChange replace(Book& book, std::uint32_t instrument_id, std::uint64_t original_reference,
                     std::uint64_t new_reference, std::int64_t price, std::uint64_t quantity) noexcept;

  void prefetch(std::uint64_t reference) const noexcept { orders_.prefetch(reference); }

  // All orders and levels go; the caller resets its books.
  void clear() noexcept {
    orders_.clear();
    arena_.clear();
  }

  [[nodiscard]] const OrderTable& orders() const noexcept { return orders_; }

 private:
  Order* find_in(std::uint32_t instrument_id, std::uint64_t reference, BookChange& change) noexcept;
  BookResult enter(BookSide& side, const Order& order, std::uint32_t& depth) noexcept;
  std::uint32_t take(BookSide& side, Order* order, std::uint64_t quantity) noexcept;
  std::uint32_t level_add(BookSide& side, std::int64_t key, std::uint64_t quantity) noexcept;
  std::uint32_t level_take(BookSide& side, std::int64_t key, std::uint64_t quantity, bool order_gone) noexcept;
  bool grow(BookSide& side) noexcept;

  OrderTable orders_;
  LevelArena arena_;
};

}  // namespace hft::feedd

#include "book/book_impl.hpp"
