// All instruments by stock locate, and which of them the board does not show as they are.
#pragma once
#include <cstdint>
#include <string_view>

#include "publish/board_update.hpp"
#include "publish/instrument.hpp"

namespace hft::feedd {

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
  void prefetch(std::uint32_t id) const noexcept { feedd::prefetch(hot_.data() + id); }

  void mark_dirty(std::uint32_t id) noexcept {
    if (at(id).dirty) return;
    at(id).dirty = true;
    dirty_ids_[dirty_count_++] = id;
  }

  // Calls visit(update) for each dirty instrument, in the order they became so; afterwards none is.
  template <class Visitor>
  void drain_dirty(std::uint64_t sequence, Visitor visit) {
    for (std::uint32_t i = 0; i < dirty_count_; ++i) {
      const std::uint32_t id = dirty_ids_[i];
      Instrument& instrument = at(id);
      visit(BoardUpdate{id, sequence, instrument, details_[id], instrument.bids_dirty, instrument.asks_dirty});
      instrument.dirty = instrument.bids_dirty = instrument.asks_dirty = false;
    }
    dirty_count_ = 0;
  }

  void name(std::uint32_t id, std::string_view symbol) noexcept;

  // Forgets everything; the entries that the board shows become dirty.
  void reset() noexcept;

  // The board's view, `sequence` being the ring record it reflects.
  [[nodiscard]] schema::BoardEntry board_entry(std::uint32_t id, std::uint64_t sequence) const {
    return BoardUpdate{id, sequence, at(id), details_[id], true, true}.entry();
  }

 private:
  Preallocated<Instrument> hot_;
  Preallocated<InstrumentDetail> details_;
  Preallocated<std::uint32_t> dirty_ids_;
  std::uint32_t dirty_count_ = 0;
};

}  // namespace hft::feedd
