#include "publish/board_update.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "normalizer_fixture.hpp"

namespace hft::feedd {
namespace {

class BoardUpdateTest : public test::NormalizerFixture {};

TEST_F(BoardUpdateTest, the_board_shows_depth_best_first_and_the_record_it_reflects) {
  open();
  for (std::uint32_t i = 0; i < 12; ++i) feed(test::add(3, 100 + i, 'B', 10 + i, 5000 + i, "ABCD"));
  feed(test::add(3, 11, 'S', 100, 6000));
  normalizer.flush();
  const auto& entry = publisher.board.at(3);
  EXPECT_EQ(10, entry.bid_levels());
  EXPECT_EQ(5011, entry.bids()->Get(0)->price());
  EXPECT_EQ(21u, entry.bids()->Get(0)->quantity());
  EXPECT_EQ(5002, entry.bids()->Get(9)->price());
  EXPECT_EQ(1, entry.ask_levels());
  EXPECT_EQ(6000, entry.asks()->Get(0)->price());
  EXPECT_EQ(1u, entry.asks()->Get(0)->orders());
  EXPECT_EQ(events().size(), entry.sequence());
  EXPECT_EQ(4, entry.price_decimals());
  EXPECT_STREQ("ABCD", reinterpret_cast<const char*>(entry.symbol()->Data()));
}

TEST_F(BoardUpdateTest, the_board_is_written_once_per_flush_and_only_where_something_changed) {
  open();
  feed(test::add(3, 11, 'S', 100, 5000));
  feed(test::add(3, 12, 'S', 100, 5000));
  normalizer.flush();
  normalizer.flush();
  EXPECT_EQ(1u, normalizer.counters().board_entries);
}

TEST_F(BoardUpdateTest, the_board_equals_a_whole_new_entry_after_every_flush_of_a_random_feed) {
  std::minstd_rand random(3);
  const auto below = [&](std::uint32_t limit) { return static_cast<std::uint32_t>(random()) % limit; };
  open();
  for (int step = 0; step < 20'000; ++step) {
    const auto locate = static_cast<std::uint16_t>(1 + below(2));
    const std::uint64_t reference = below(60);
    const auto price = below(30) + 100;
    switch (below(4)) {
      case 0: feed(test::add(locate, reference, below(2) == 0 ? 'B' : 'S', 1 + below(90), price)); break;
      case 1: feed(test::executed(locate, reference, below(100))); break;
      case 2: feed(test::deleted(locate, reference)); break;
      default: feed(test::replaced(locate, reference, below(60), below(90), price));
    }
    if (below(3) != 0) continue;
    normalizer.flush();
    for (const auto& [id, shown] : publisher.board) {
      auto expected = normalizer.instruments().board_entry(id, shown.sequence());
      expected.mutate_version(shown.version());
      ASSERT_EQ(0, std::memcmp(&expected, &shown, sizeof shown)) << "instrument " << id << " step " << step;
    }
  }
}

TEST_F(BoardUpdateTest, a_change_below_the_depth_of_the_board_writes_nothing) {
  open();
  for (std::uint32_t i = 0; i < 12; ++i) feed(test::add(3, 100 + i, 'B', 10, 5000 + i));
  normalizer.flush();
  const std::uint64_t before = normalizer.counters().board_entries;
  feed(test::deleted(3, 101));
  normalizer.flush();
  EXPECT_EQ(before, normalizer.counters().board_entries);
}

}  // namespace
}  // namespace hft::feedd
