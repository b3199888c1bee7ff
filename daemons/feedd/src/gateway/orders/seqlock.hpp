// Entries of gateway.orders and gateway.positions: word 0 is `version`, odd while the entry is being written.
#pragma once
#include <atomic>
#include <cstring>

#include "feedd/slot.hpp"

namespace hft::feedd {

// Replaces entry `index`; the entry's own version is ignored.
template <SlotRecord Entry>
void publish_entry(std::uint64_t* entries, std::size_t index, const Entry& entry) noexcept {
  std::uint64_t words[RECORD_WORDS<Entry>];
  std::memcpy(words, &entry, sizeof entry);
  std::uint64_t* const slot = entries + index * RECORD_WORDS<Entry>;
  const std::uint64_t version = control_word(slot[0]).load(std::memory_order_relaxed);
  control_word(slot[0]).store(version | 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);  // pairs with the acquire fence of a reader
  for (std::size_t i = 1; i < RECORD_WORDS<Entry>; ++i) {
    control_word(slot[i]).store(words[i], std::memory_order_relaxed);
  }
  control_word(slot[0]).store((version | 1) + 1, std::memory_order_release);  // pairs with a reader's first load
}

}  // namespace hft::feedd
