#include "book/level_arena.hpp"

#include <gtest/gtest.h>

namespace hft::feedd {
namespace {

TEST(LevelArena, hands_out_blocks_that_do_not_overlap_until_nothing_is_left) {
  LevelArena arena(16);
  Level* const first = arena.allocate(8);
  Level* const second = arena.allocate(8);
  ASSERT_NE(nullptr, first);
  ASSERT_NE(nullptr, second);
  EXPECT_LE(8, std::abs(second - first));
  EXPECT_EQ(nullptr, arena.allocate(4));
}

TEST(LevelArena, reuses_a_released_block) {
  LevelArena arena(8);
  Level* const block = arena.allocate(8);
  arena.release(block, 8);
  EXPECT_EQ(block, arena.allocate(8));
}

TEST(LevelArena, splits_a_larger_block_when_its_size_has_run_out) {
  LevelArena arena(16);
  Level* const block = arena.allocate(16);
  arena.release(block, 16);
  for (int i = 0; i < 4; ++i) EXPECT_NE(nullptr, arena.allocate(4)) << i;
  EXPECT_EQ(nullptr, arena.allocate(4));
}

TEST(LevelArena, clearing_makes_everything_available) {
  LevelArena arena(16);
  arena.release(arena.allocate(4), 4);
  EXPECT_EQ(nullptr, arena.allocate(16));
  arena.clear();
  EXPECT_NE(nullptr, arena.allocate(16));
}

}  // namespace
}  // namespace hft::feedd
