// Snapshot: one value of any length in a region of its own, replaced as a whole, read whole or not at all.
//
//   region | header | … | Snapshot (version, payload_bytes, …) | payload |
//
// A seqlock: the writer makes `version` odd, stores every word, makes it even again; a reader that saw the same even
// version before and after its copy has one moment. For what changes seldom (braind's checkpoints): readers retry.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "feedd/region.hpp"
#include "feedd/slot.hpp"

namespace hft {

static_assert(sizeof(schema::Snapshot) == 128);

// The longest image (Snapshot and payload) that fits into the region.
inline std::size_t snapshot_capacity_bytes(const Region& region) noexcept {
  return region.size_bytes() - RECORDS_OFFSET;
}

// Replaces the snapshot by `image`: a Snapshot, whose `version` is ignored, and its payload. False when it is
// shorter than a Snapshot or does not fit. One writer.
inline bool write_snapshot(Region& region, const std::byte* image, std::size_t size_bytes) noexcept {
  if (size_bytes < sizeof(schema::Snapshot) || size_bytes > snapshot_capacity_bytes(region)) return false;
  auto* const slot = reinterpret_cast<std::uint64_t*>(region.records());
  const std::uint64_t version = control_word(slot[0]).load(std::memory_order_relaxed);  // own word: no partner
  control_word(slot[0]).store(version | 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);  // pairs with the acquire fence in read_snapshot
  const std::size_t words = size_bytes / sizeof(std::uint64_t);
  for (std::size_t i = 1; i < words; ++i) {
    std::uint64_t word;
    std::memcpy(&word, image + i * sizeof word, sizeof word);
    control_word(slot[i]).store(word, std::memory_order_relaxed);
  }
  if (const std::size_t rest = size_bytes % sizeof(std::uint64_t); rest != 0) {
    std::uint64_t word = 0;
    std::memcpy(&word, image + words * sizeof word, rest);
    control_word(slot[words]).store(word, std::memory_order_relaxed);
  }
  control_word(slot[0]).store((version | 1) + 1, std::memory_order_release);  // pairs with read_snapshot
  return true;
}

// The version that is there now: 0 = nothing yet, odd = being written.
inline std::uint64_t snapshot_version(const Region& region) noexcept {
  return control_word(*reinterpret_cast<const std::uint64_t*>(region.records())).load(std::memory_order_acquire);
}

// Copies the first `size_bytes` of the image (a multiple of 8, within the region). False: nothing is there yet, or the
// writer was met.
inline bool read_snapshot(const Region& region, std::byte* out, std::size_t size_bytes) noexcept {
  const auto* const slot = reinterpret_cast<const std::uint64_t*>(region.records());
  const std::uint64_t version = snapshot_version(region);  // pairs with the last store in write_snapshot
  if (version == 0 || (version & 1) != 0) return false;
  std::memcpy(out, &version, sizeof version);
  for (std::size_t offset = sizeof version; offset < size_bytes; offset += sizeof version) {
    const std::uint64_t word = control_word(slot[offset / sizeof word]).load(std::memory_order_relaxed);
    std::memcpy(out + offset, &word, sizeof word);
  }
  std::atomic_thread_fence(std::memory_order_acquire);  // pairs with the release fence in write_snapshot
  return control_word(slot[0]).load(std::memory_order_relaxed) == version;
}

}  // namespace hft
