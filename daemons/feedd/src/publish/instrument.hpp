// What is known about one instrument: the line that every event touches, and the rest.
#pragma once
#include <array>
#include <cstdint>

#include "book/book.hpp"
#include "hft/schema/hft_generated.h"

namespace hft::feedd {

// One cache line: touched by every event of the instrument.
struct alignas(64) Instrument {
  Book book{};
  std::uint64_t exchange_ts_ns = 0;  // of the last event that changed the board entry
  schema::BookValidity validity = schema::BookValidity::NO_BOOK;
  schema::TradeState trade_state = schema::TradeState::UNKNOWN;
  bool dirty = false;       // waits for the next flush of the board
  bool bids_dirty = false;  // and so do its levels, within the board's depth
  bool asks_dirty = false;
  bool named = false;
};
static_assert(sizeof(Instrument) == 64);

// Touched when the instrument is named, trades or is written to the board.
struct alignas(64) InstrumentDetail {
  std::array<char, 16> symbol{};
  std::uint64_t volume = 0;
  std::int64_t last_trade_price = 0;
  std::uint64_t last_trade_quantity = 0;
  std::uint32_t round_lot = 0;
  char market_category = 0;
  schema::TradeState listed_state = schema::TradeState::UNKNOWN;  // by the last trading action
  bool operationally_halted = false;                              // by this market's own halt
};
static_assert(sizeof(InstrumentDetail) == 64);

}  // namespace hft::feedd
