#include "book/book.hpp"

#include <gtest/gtest.h>

#include <random>

#include "book_audit.hpp"

namespace hft::feedd {
namespace {

using enum schema::Side;

class BookTest : public ::testing::Test {
 protected:
  BookChange add(std::uint64_t reference, schema::Side side, std::int64_t price, std::uint64_t quantity) {
    return engine.add(book, 1, reference, side, price, quantity);
  }
  static Level bid_level(std::int64_t price, std::uint64_t quantity, std::uint32_t orders) {
    return {price, quantity, orders, 0};
  }
  static Level ask_level(std::int64_t price, std::uint64_t quantity, std::uint32_t orders) {
    return {~price, quantity, orders, 0};
  }
  std::string problems() {
    return test::audit(engine, 2, [this](std::uint32_t) -> const Book& { return book; });
  }

  BookEngine engine{1024, 4096};
  Book book{};
};

TEST_F(BookTest, the_best_bid_is_the_highest_and_the_best_ask_the_lowest) {
  add(1, BUY, 100, 10);
  add(2, BUY, 102, 20);
  add(3, BUY, 101, 30);
  add(4, SELL, 110, 40);
  add(5, SELL, 108, 50);
  add(6, SELL, 109, 60);
  EXPECT_EQ(bid_level(102, 20, 1), book.bid.top());
  EXPECT_EQ(ask_level(108, 50, 1), book.ask.top());
}

TEST_F(BookTest, an_empty_side_shows_zeros) { EXPECT_EQ(Level{}, book.bid.top()); }

TEST_F(BookTest, orders_of_one_price_share_a_level) {
  add(1, SELL, 100, 10);
  add(2, SELL, 100, 20);
  EXPECT_EQ(ask_level(100, 30, 2), book.ask.top());
  engine.remove(book, 1, 1);
  EXPECT_EQ(ask_level(100, 20, 1), book.ask.top());
  engine.remove(book, 1, 2);
  EXPECT_EQ(0u, book.ask.count);
}

TEST_F(BookTest, only_changes_of_the_best_level_change_the_top) {
  EXPECT_TRUE(add(1, BUY, 100, 10).top_changed);
  const BookChange behind = add(2, BUY, 99, 10);
  EXPECT_FALSE(behind.top_changed);
  EXPECT_TRUE(behind.book_changed);
  EXPECT_TRUE(add(3, BUY, 100, 1).top_changed);
  EXPECT_TRUE(engine.reduce(book, 1, 1, 4).top_changed);
  EXPECT_FALSE(engine.remove(book, 1, 2).top_changed);
}

TEST_F(BookTest, reducing_to_nothing_removes_the_order) {
  add(1, BUY, 100, 10);
  const BookChange change = engine.reduce(book, 1, 1, 10);
  EXPECT_EQ(BookResult::OK, change.result);
  EXPECT_EQ(100, change.price);
  EXPECT_EQ(10u, change.quantity);
  EXPECT_EQ(BookResult::UNKNOWN_REFERENCE, engine.remove(book, 1, 1).result);
}

TEST_F(BookTest, reducing_by_more_than_remains_takes_what_there_is) {
  add(1, BUY, 100, 10);
  add(2, BUY, 100, 5);
  EXPECT_EQ(BookResult::EXCESS_QUANTITY, engine.reduce(book, 1, 1, 11).result);
  EXPECT_EQ(bid_level(100, 5, 1), book.bid.top());
  EXPECT_EQ("", problems());
}

TEST_F(BookTest, a_reference_that_rests_is_not_entered_again) {
  add(1, BUY, 100, 10);
  const BookChange change = add(1, BUY, 101, 99);
  EXPECT_EQ(BookResult::DUPLICATE_REFERENCE, change.result);
  EXPECT_FALSE(change.book_changed);
  EXPECT_EQ(bid_level(100, 10, 1), book.bid.top());
}

TEST_F(BookTest, a_reference_of_another_instrument_is_left_alone) {
  add(1, BUY, 100, 10);
  Book other{};
  EXPECT_EQ(BookResult::INSTRUMENT_MISMATCH, engine.remove(other, 2, 1).result);
  EXPECT_EQ(bid_level(100, 10, 1), book.bid.top());
}

TEST_F(BookTest, replacing_keeps_the_side_and_forgets_the_original) {
  add(1, SELL, 100, 10);
  const BookChange change = engine.replace(book, 1, 1, 2, 99, 7);
  EXPECT_EQ(SELL, change.side);
  EXPECT_EQ(ask_level(99, 7, 1), book.ask.top());
  EXPECT_EQ(BookResult::UNKNOWN_REFERENCE, engine.remove(book, 1, 1).result);
  EXPECT_EQ(BookResult::OK, engine.remove(book, 1, 2).result);
}

TEST_F(BookTest, replacing_by_the_same_changes_nothing_visible) {
  add(1, SELL, 100, 10);
  const BookChange change = engine.replace(book, 1, 1, 2, 100, 10);
  EXPECT_FALSE(change.top_changed);
  EXPECT_FALSE(change.book_changed);
}

TEST_F(BookTest, replacing_onto_a_resting_reference_loses_the_original_only) {
  add(1, BUY, 100, 10);
  add(2, BUY, 99, 20);
  EXPECT_EQ(BookResult::DUPLICATE_REFERENCE, engine.replace(book, 1, 1, 2, 101, 5).result);
  EXPECT_EQ(bid_level(99, 20, 1), book.bid.top());
  EXPECT_EQ("", problems());
}

TEST_F(BookTest, an_order_of_nothing_is_not_entered) {
  EXPECT_EQ(BookResult::ZERO_QUANTITY, add(1, BUY, 100, 0).result);
  EXPECT_EQ(0u, engine.orders().size());
}

TEST_F(BookTest, a_full_order_table_refuses_the_next_order) {
  for (std::uint64_t reference = 1; reference <= 1024; ++reference) add(reference, BUY, 100, 1);
  EXPECT_EQ(BookResult::ORDERS_FULL, add(1025, BUY, 101, 1).result);
  EXPECT_EQ(bid_level(100, 1024, 1024), book.bid.top());
  EXPECT_EQ(BookResult::OK, engine.replace(book, 1, 5, 1025, 101, 1).result);
}

TEST_F(BookTest, full_levels_refuse_the_order_and_leave_no_trace_of_it) {
  BookEngine small(1024, 8);
  for (std::uint64_t reference = 1; reference <= 4; ++reference) {
    ASSERT_EQ(BookResult::OK, small.add(book, 1, reference, BUY, static_cast<std::int64_t>(reference), 1).result);
  }
  EXPECT_EQ(BookResult::LEVELS_FULL, small.add(book, 1, 5, BUY, 5, 1).result);
  EXPECT_EQ(BookResult::UNKNOWN_REFERENCE, small.remove(book, 1, 5).result);
  EXPECT_EQ(BookResult::OK, small.add(book, 1, 6, BUY, 4, 1).result);
}

TEST_F(BookTest, the_extremes_of_a_price_keep_their_order) {
  const auto lowest = std::numeric_limits<std::int64_t>::min();
  const auto highest = std::numeric_limits<std::int64_t>::max();
  add(1, SELL, lowest, 1);
  add(2, SELL, highest, 2);
  add(3, SELL, 0, 3);
  EXPECT_EQ(ask_level(lowest, 1, 1), book.ask.top());
}

TEST_F(BookTest, levels_are_the_sum_of_their_orders_through_a_long_random_life) {
  std::mt19937_64 random(7);
  for (int step = 0; step < 100'000; ++step) {
    const std::uint64_t reference = random() % 700;
    const auto price = static_cast<std::int64_t>(random() % 300);
    switch (random() % 4) {
      case 0: add(reference, random() % 2 == 0 ? BUY : SELL, price, 1 + random() % 100); break;
      case 1: engine.reduce(book, 1, reference, random() % 120); break;
      case 2: engine.remove(book, 1, reference); break;
      default: engine.replace(book, 1, reference, random() % 700, price, random() % 100);
    }
    if (step % 1000 == 0) {
      ASSERT_EQ("", problems()) << step;
    }
  }
  EXPECT_EQ("", problems());
}

}  // namespace
}  // namespace hft::feedd
