// What must hold between the order table and the levels, whatever the feed said.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "book/book.hpp"

namespace hft::feedd::test {

// Empty when every level of every book is the sum of its orders, in order and without duplicates; else what is wrong.
// `book_of(id)` gives the book of an instrument in [1, instruments).
inline std::string audit(const BookEngine& engine, std::uint32_t instruments,
                         const std::function<const Book&(std::uint32_t)>& book_of) {
  using Place = std::tuple<std::uint32_t, schema::Side, std::int64_t>;
  std::map<Place, std::pair<std::uint64_t, std::uint32_t>> sums;
  engine.orders().for_each([&](const Order& order) {
    auto& [quantity, orders] = sums[{order.instrument_id, order.side, level_key(order.side, order.price)}];
    quantity += order.quantity;
    ++orders;
  });
  for (std::uint32_t id = 1; id < instruments; ++id) {
    for (const auto which : {schema::Side::BUY, schema::Side::SELL}) {
      const BookSide& side = which == schema::Side::BUY ? book_of(id).bid : book_of(id).ask;
      for (std::uint32_t i = 0; i < side.count; ++i) {
        const Level& level = side.levels[i];
        if (i != 0 && side.levels[i - 1].key >= level.key) return "levels out of order";
        const auto sum = sums.find({id, which, level.key});
        if (sum == sums.end()) return "a level without orders";
        if (sum->second != std::pair(level.quantity, level.orders)) return "a level is not the sum of its orders";
        sums.erase(sum);
      }
    }
  }
  return sums.empty() ? "" : "orders without a level";
}

}  // namespace hft::feedd::test
