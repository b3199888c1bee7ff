// What is known about each instrument, by stock locate: its book, its state, and what the board shows.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

#include "book/book.hpp"
#include "feedd/board.hpp"
#include "hft/schema/hft_generated.h"

namespace hft::feedd {

// One cache line: touched by every event of the instrument.
struct alignas(64) Instrument {
  Book book{};
  std::uint64_t exchange_ts_ns = 0;  // of the last event that changed the board entry
  schema::BookValidity validity = schema::BookValidity::NO_BOOK;
  schema::TradeState trade_state = schema::TradeState::UNKNOWN;
  bool dirty = false;  // waits for the next flush of the board
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

// Instruments 1 … capacity-1, and those that the feed changed since the last flush.
class Instruments {
 public:
  explicit Instruments(std::uint32_t capacity, Touch touch = Touch::NOW)
      : hot_(capacity, touch), details_(capacity, touch), dirty_ids_(capacity, touch) {}

  [[nodiscard]] std::uint32_t capacity() const noexcept { return static_cast<std::uint32_t>(hot_.size()); }
  // True for an id that may index the accessors below.
  [[nodiscard]] bool lists(std::uint32_t id) const noexcept { return id != 0 && id < hot_.size(); }
  [[nodiscard]] Instrument& at(std::uint32_t id) noexcept { return hot_[id]; }
  [[nodiscard]] const Instrument& at(std::uint32_t id) const noexcept { return hot_[id]; }
  [[nodiscard]] InstrumentDetail& detail(std::uint32_t id) noexcept { return details_[id]; }
  [[nodiscard]] const InstrumentDetail& detail(std::uint32_t id) const noexcept { return details_[id]; }
  void prefetch(std::uint32_t id) const noexcept { __builtin_prefetch(hot_.data() + id, 1); }

  void mark_dirty(std::uint32_t id) noexcept {
    if (at(id).dirty) return;
    at(id).dirty = true;
    dirty_ids_[dirty_count_++] = id;
  }

  // Calls visit(id) for each dirty instrument, in the order they became so, and clears the list.
  template <class Visitor>
  void drain_dirty(Visitor visit) {
    for (std::uint32_t i = 0; i < dirty_count_; ++i) {
      at(dirty_ids_[i]).dirty = false;
      visit(dirty_ids_[i]);
    }
    dirty_count_ = 0;
  }

  void name(std::uint32_t id, std::string_view symbol) noexcept;

  // Forgets everything; the entries that the board shows become dirty.
  void reset() noexcept;

  // The board's view, `sequence` being the ring record it reflects.
  [[nodiscard]] schema::BoardEntry board_entry(std::uint32_t id, std::uint64_t sequence) const noexcept;

 private:
  Preallocated<Instrument> hot_;
  Preallocated<InstrumentDetail> details_;
  Preallocated<std::uint32_t> dirty_ids_;
  std::uint32_t dirty_count_ = 0;
};

}  // namespace hft::feedd
