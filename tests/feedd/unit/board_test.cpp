#include "feedd/board.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include "shared_memory.hpp"

namespace hft {
namespace {

constexpr std::size_t WORDS = RECORD_WORDS<schema::BoardEntry>;

class BoardTest : public SharedMemoryTest {
 protected:
  [[nodiscard]] Region board(std::uint64_t instruments) const {
    return Region::create(
        options(schema::RegionKind::MARKET_BOARD, instruments, sizeof(schema::BoardEntry), "market.board"));
  }

  // Every word but the version says `value`.
  static schema::BoardEntry uniform(std::uint64_t value) {
    std::uint64_t words[WORDS];
    std::fill(std::begin(words), std::end(words), value);
    schema::BoardEntry entry;
    std::memcpy(static_cast<void*>(&entry), words, sizeof entry);
    return entry;
  }
  static bool is_uniform(const schema::BoardEntry& entry) {
    std::uint64_t words[WORDS];
    std::memcpy(words, &entry, sizeof entry);
    return std::all_of(words + 2, words + WORDS, [&words](std::uint64_t word) { return word == words[1]; });
  }
};

TEST_F(BoardTest, an_entry_reads_back_as_it_was_written_and_touches_no_neighbour) {
  Region region = board(4);
  BoardWriter writer(region);
  writer.write(2, uniform(7));
  const Region view = Region::open(region.path(), schema::RegionKind::MARKET_BOARD);
  schema::BoardEntry seen;
  ASSERT_TRUE(read_board_entry(view, 2, seen));
  EXPECT_EQ(7u, seen.sequence());
  EXPECT_TRUE(is_uniform(seen));
  ASSERT_TRUE(read_board_entry(view, 1, seen));
  EXPECT_EQ(0u, seen.sequence());
  ASSERT_TRUE(read_board_entry(view, 3, seen));
  EXPECT_EQ(0u, seen.version());
}

TEST_F(BoardTest, an_instrument_beyond_the_capacity_is_not_read) {
  const Region region = board(4);
  schema::BoardEntry seen;
  EXPECT_FALSE(read_board_entry(region, 4, seen));
  EXPECT_FALSE(read_board_entry(region, 0xFFFFFFFF, seen));
}

TEST_F(BoardTest, an_entry_whose_writer_died_in_the_middle_is_refused_after_bounded_tries) {
  const Region region = board(1);
  control_word(*reinterpret_cast<std::uint64_t*>(region.records())).store(5);
  schema::BoardEntry seen;
  EXPECT_FALSE(read_board_entry(region, 0, seen, 10));
}

TEST_F(BoardTest, a_reader_beside_a_busy_writer_never_accepts_a_mixed_entry) {
  Region region = board(1);
  std::atomic<bool> stop = false;
  std::thread writing([&] {
    BoardWriter writer(region);
    for (std::uint64_t value = 1; !stop.load(std::memory_order_relaxed); ++value) writer.write(0, uniform(value));
  });
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
  std::uint64_t accepted = 0, mixed = 0, last = 0, backwards = 0;
  while (std::chrono::steady_clock::now() < end) {
    schema::BoardEntry seen;
    if (!read_board_entry(region, 0, seen)) continue;
    ++accepted;
    mixed += !is_uniform(seen);
    backwards += seen.sequence() < last;
    last = seen.sequence();
  }
  stop = true;
  writing.join();
  EXPECT_GT(accepted, 0u);
  EXPECT_EQ(0u, mixed);
  EXPECT_EQ(0u, backwards);
}

}  // namespace
}  // namespace hft
