// Two-phase slots: how a record gets into shared memory so that no reader ever accepts half of it.
//
//   word 0            words 1 … n-1
//   | control         | payload     |
//
//   control = BUSY | n   while record n is being written
//           = n          once record n is complete
//           = 0          never written
//
// Publishing the number last, without BUSY, is not enough: a reader that checks the number before and
// after its copy can see the old number twice while the payload is already half the new one.
// BUSY carries the number it is for, so that a reader tells "mine, not yet" from "overwritten" by one load.
//
// Payload words are relaxed atomics: same machine code as plain stores, and no data race by the rules of
// C++ when a reader is overtaken.
#pragma once
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace hft {

inline constexpr std::uint64_t SLOT_BUSY = 1ull << 63;

inline std::atomic_ref<std::uint64_t> control_word(std::uint64_t& word) noexcept {
  return std::atomic_ref<std::uint64_t>(word);
}

// Readers map pages read-only; loads through atomic_ref need a non-const reference in C++20.
inline std::atomic_ref<std::uint64_t> control_word(const std::uint64_t& word) noexcept {
  return std::atomic_ref<std::uint64_t>(const_cast<std::uint64_t&>(word));
}

template <class Record>
concept SlotRecord = std::is_trivially_copyable_v<Record> && sizeof(Record) % sizeof(std::uint64_t) == 0;

template <SlotRecord Record>
inline constexpr std::size_t RECORD_WORDS = sizeof(Record) / sizeof(std::uint64_t);

// Publishes `record` as `sequence`. The record's own word 0 is ignored.
template <SlotRecord Record>
inline void write_slot(std::uint64_t* slot, const Record& record, std::uint64_t sequence) noexcept {
  std::uint64_t words[RECORD_WORDS<Record>];
  std::memcpy(words, &record, sizeof(Record));
  control_word(slot[0]).store(SLOT_BUSY | sequence, std::memory_order_relaxed);
  // Pairs with the acquire fence in read_slot and RingReader::validate: whoever sees a payload word of
  // this record sees BUSY (or later) in the control word afterwards.
  std::atomic_thread_fence(std::memory_order_release);
  for (std::size_t i = 1; i < RECORD_WORDS<Record>; ++i) {
    control_word(slot[i]).store(words[i], std::memory_order_relaxed);
  }
  // Pairs with the acquire load in read_slot and RingReader::poll: the number is seen after the payload.
  control_word(slot[0]).store(sequence, std::memory_order_release);
}

// Copies the record if the slot holds exactly `sequence` before and after the copy.
template <SlotRecord Record>
inline bool read_slot(const std::uint64_t* slot, std::uint64_t sequence, Record& out) noexcept {
  if (control_word(slot[0]).load(std::memory_order_acquire) != sequence) return false;
  std::uint64_t words[RECORD_WORDS<Record>];
  words[0] = sequence;
  for (std::size_t i = 1; i < RECORD_WORDS<Record>; ++i) {
    words[i] = control_word(slot[i]).load(std::memory_order_relaxed);
  }
  std::atomic_thread_fence(std::memory_order_acquire);  // pairs with the release fence in write_slot
  if (control_word(slot[0]).load(std::memory_order_relaxed) != sequence) return false;
  std::memcpy(&out, words, sizeof(Record));
  return true;
}

}  // namespace hft
