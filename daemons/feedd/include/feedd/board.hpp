// Board: the last depth snapshot of every instrument, each entry seqlocked by its own `version` word.
// `sequence` names the ring record it reflects, so a late joiner reads the board and goes on in the ring.
#pragma once
#include <cassert>
#include <cstdint>
#include <cstring>

#include "feedd/region.hpp"
#include "feedd/slot.hpp"

namespace hft {

inline constexpr std::size_t BOARD_DEPTH = 10;

class BoardWriter {
 public:
  explicit BoardWriter(Region& region) noexcept
      : entries_(reinterpret_cast<std::uint64_t*>(region.records())), capacity_(region.capacity_records()) {}

  [[nodiscard]] std::uint64_t capacity() const noexcept { return capacity_; }

  // Replaces entry `instrument_id` (< capacity). The entry's own `version` is ignored.
  void write(std::uint32_t instrument_id, const schema::BoardEntry& entry) noexcept {
    std::uint64_t words[RECORD_WORDS<schema::BoardEntry>];
    std::memcpy(words, &entry, sizeof entry);
    update(instrument_id, [&](std::uint64_t* slot) {
      for (std::size_t i = 1; i < RECORD_WORDS<schema::BoardEntry>; ++i) {
        control_word(slot[i]).store(words[i], std::memory_order_relaxed);
      }
    });
  }

  // Changes a part of entry `instrument_id` (< capacity): `change(slot)` stores the words that differ, relaxed and
  // through control_word; word 0 is not its business.
  template <class Change>
  void update(std::uint32_t instrument_id, Change change) noexcept {
    assert(instrument_id < capacity_);
    std::uint64_t* const slot = entries_ + instrument_id * RECORD_WORDS<schema::BoardEntry>;
    const std::uint64_t version = control_word(slot[0]).load(std::memory_order_relaxed);
    control_word(slot[0]).store(version | 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);  // pairs with the acquire fence in read_board_entry
    change(slot);
    control_word(slot[0]).store((version | 1) + 1, std::memory_order_release);  // pairs with read_board_entry
  }

 private:
  std::uint64_t* entries_;
  std::uint64_t capacity_;
};

// Copies a consistent entry. False after `attempts_max` tries that met the writer, or for an id out of range.
inline bool read_board_entry(const Region& board, std::uint32_t instrument_id, schema::BoardEntry& out,
                             unsigned attempts_max = 1000) noexcept {
  if (instrument_id >= board.capacity_records()) return false;
  const auto* slot =
      reinterpret_cast<const std::uint64_t*>(board.records()) + instrument_id * RECORD_WORDS<schema::BoardEntry>;
  std::uint64_t words[RECORD_WORDS<schema::BoardEntry>];
  for (unsigned attempt = 0; attempt < attempts_max; ++attempt) {
    words[0] = control_word(slot[0]).load(std::memory_order_acquire);  // pairs with the last store in write
    if (words[0] & 1) continue;
    for (std::size_t i = 1; i < RECORD_WORDS<schema::BoardEntry>; ++i) {
      words[i] = control_word(slot[i]).load(std::memory_order_relaxed);
    }
    std::atomic_thread_fence(std::memory_order_acquire);  // pairs with the release fence in write
    if (control_word(slot[0]).load(std::memory_order_relaxed) == words[0]) {
      std::memcpy(&out, words, sizeof out);
      return true;
    }
  }
  return false;
}

}  // namespace hft
