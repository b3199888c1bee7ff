// Price levels of all books from one preallocated arena, in blocks of 4, 8, 16, … levels.
//
// A side that outgrows its block moves to one twice as long; the old block goes to the free list of its size.
// When nothing of a size is left, a larger free block is split. Blocks are not merged again within a session.
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "book/preallocated.hpp"

namespace hft::feedd {

// `key` orders both sides alike, best = largest: the price of a bid, the complement of an ask's.
struct Level {
  std::int64_t key;
  std::uint64_t quantity;
  std::uint32_t orders;
  std::uint32_t reserved;

  friend bool operator==(const Level&, const Level&) = default;
};
static_assert(sizeof(Level) == 24);

class LevelArena {
 public:
  static constexpr std::uint32_t BLOCK_LEVELS_MIN = 4;

  explicit LevelArena(std::uint64_t capacity_levels, Touch touch = Touch::NOW)
      : levels_(std::max<std::uint64_t>(capacity_levels, BLOCK_LEVELS_MIN), touch) {}

  // A block of `count` levels, a power of two not below BLOCK_LEVELS_MIN; nullptr when the arena is exhausted.
  [[nodiscard]] Level* allocate(std::uint32_t count) noexcept {
    const unsigned size = size_class(count);
    if (free_[size] != nullptr) return pop(size);
    if (levels_.size() - used_ >= count) {
      Level* const block = levels_.data() + used_;
      used_ += count;
      return block;
    }
    return split_larger(size);
  }

  void release(Level* block, std::uint32_t count) noexcept { push(block, size_class(count)); }

  // Every block is void afterwards.
  void clear() noexcept {
    used_ = 0;
    free_.fill(nullptr);
  }

 private:
  static constexpr unsigned SIZE_CLASSES = 30;

  static unsigned size_class(std::uint32_t count) noexcept {
    return static_cast<unsigned>(std::countr_zero(count) - std::countr_zero(BLOCK_LEVELS_MIN));
  }

  // A free block's first level holds the link to the next one.
  void push(Level* block, unsigned size) noexcept {
    block->quantity = reinterpret_cast<std::uintptr_t>(free_[size]);
    free_[size] = block;
  }

  Level* pop(unsigned size) noexcept {
    Level* const block = free_[size];
    free_[size] = reinterpret_cast<Level*>(block->quantity);
    return block;
  }

  Level* split_larger(unsigned size) noexcept {
    unsigned larger = size + 1;
    while (larger < SIZE_CLASSES && free_[larger] == nullptr) ++larger;
    if (larger >= SIZE_CLASSES) return nullptr;
    Level* const block = pop(larger);
    while (larger-- > size) push(block + (BLOCK_LEVELS_MIN << larger), larger);
    return block;
  }

  Preallocated<Level> levels_;
  std::uint64_t used_ = 0;
  std::array<Level*, SIZE_CLASSES> free_{};
};

}  // namespace hft::feedd
