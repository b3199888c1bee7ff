// One instrument's board entry as words, straight from its book: nothing is built in between.
//
//   | version | head: state, symbol, last trade … 11 words | bids 10 × 3 words | asks 10 × 3 words |
//
// Only a side that changed within the board's depth is stored again.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "feedd/board.hpp"
#include "publish/instrument.hpp"

namespace hft::feedd {

inline constexpr std::size_t LEVEL_WORDS = sizeof(schema::BoardLevel) / sizeof(std::uint64_t);
inline constexpr std::size_t SIDE_WORDS = BOARD_DEPTH * LEVEL_WORDS;
inline constexpr std::size_t HEAD_WORDS = RECORD_WORDS<schema::BoardEntry> - 2 * SIDE_WORDS;
static_assert(sizeof(schema::BoardLevel) == 24 && HEAD_WORDS == 12);

struct BoardUpdate {
  static constexpr std::uint8_t PRICE_DECIMALS = 4;

  std::uint32_t id;
  std::uint64_t sequence;  // the ring record it reflects
  const Instrument& instrument;
  const InstrumentDetail& detail;
  bool bids;  // whether the side's levels are stored
  bool asks;

  // Calls store(word, value) for every word to be stored; never for word 0.
  template <class Store>
  void store(Store store) const {
    store_head(store);
    if (bids) store_side(instrument.book.bid, schema::Side::BUY, HEAD_WORDS, store);
    if (asks) store_side(instrument.book.ask, schema::Side::SELL, HEAD_WORDS + SIDE_WORDS, store);
  }

  // The whole entry, when both sides are stored.
  [[nodiscard]] schema::BoardEntry entry() const {
    std::array<std::uint64_t, RECORD_WORDS<schema::BoardEntry>> words{};
    store([&](std::size_t word, std::uint64_t value) { words[word] = value; });
    schema::BoardEntry made;
    std::memcpy(static_cast<void*>(&made), words.data(), sizeof made);
    return made;
  }

 private:
  static std::uint32_t depth_of(const BookSide& side) noexcept {
    return std::min<std::uint32_t>(side.count, BOARD_DEPTH);
  }

  template <class Store>
  void store_head(Store store) const {
    schema::BoardEntry head(
        0, sequence, instrument.exchange_ts_ns, id, detail.round_lot, PRICE_DECIMALS, instrument.trade_state,
        instrument.validity, static_cast<std::uint8_t>(depth_of(instrument.book.bid)),
        static_cast<std::uint8_t>(depth_of(instrument.book.ask)), static_cast<std::uint8_t>(detail.market_category), 0,
        detail.last_trade_price, detail.last_trade_quantity, detail.volume);
    std::memcpy(head.mutable_symbol()->Data(), detail.symbol.data(), detail.symbol.size());
    std::array<std::uint64_t, HEAD_WORDS> words;
    std::memcpy(words.data(), &head, sizeof words);
    for (std::size_t word = 1; word < HEAD_WORDS; ++word) store(word, words[word]);
  }

  template <class Store>
  static void store_side(const BookSide& side, schema::Side which, std::size_t word, Store store) {
    const std::uint32_t depth = depth_of(side);
    std::uint32_t i = 0;
    for (; i < depth; ++i) {  // a BoardLevel: price, quantity, orders and its reserved half
      const Level& level = side.levels[side.count - 1 - i];
      store(word++, static_cast<std::uint64_t>(level_key(which, level.key)));
      store(word++, level.quantity);
      store(word++, level.orders);
    }
    for (; i < BOARD_DEPTH; ++i) {
      for (std::size_t n = 0; n < LEVEL_WORDS; ++n) store(word++, 0);
    }
  }
};

}  // namespace hft::feedd
