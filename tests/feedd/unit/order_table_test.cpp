#include "book/order_table.hpp"

#include <gtest/gtest.h>

#include <random>
#include <unordered_map>
#include <vector>

namespace hft::feedd {
namespace {

Order order(std::uint64_t reference, std::uint64_t quantity = 1) {
  return {reference, 10, quantity, 1, schema::Side::BUY, 0, 0};
}

TEST(OrderTable, finds_what_was_inserted_and_nothing_else) {
  OrderTable table(16);
  EXPECT_EQ(nullptr, table.find(7));
  EXPECT_EQ(OrderTable::Inserted::OK, table.insert(order(7, 300)));
  ASSERT_NE(nullptr, table.find(7));
  EXPECT_EQ(300u, table.find(7)->quantity);
  EXPECT_EQ(nullptr, table.find(8));
}

TEST(OrderTable, reference_zero_and_the_largest_are_references_like_any_other) {
  OrderTable table(16);
  EXPECT_EQ(nullptr, table.find(0));
  EXPECT_EQ(OrderTable::Inserted::OK, table.insert(order(0)));
  EXPECT_EQ(OrderTable::Inserted::OK, table.insert(order(~0ull)));
  EXPECT_NE(nullptr, table.find(0));
  EXPECT_NE(nullptr, table.find(~0ull));
}

TEST(OrderTable, refuses_a_reference_that_rests) {
  OrderTable table(16);
  table.insert(order(7, 300));
  EXPECT_EQ(OrderTable::Inserted::DUPLICATE, table.insert(order(7, 1)));
  EXPECT_EQ(300u, table.find(7)->quantity);
}

TEST(OrderTable, is_full_at_its_capacity_and_not_before) {
  OrderTable table(100);
  for (std::uint64_t reference = 1; reference <= 100; ++reference) {
    ASSERT_EQ(OrderTable::Inserted::OK, table.insert(order(reference)));
  }
  EXPECT_EQ(OrderTable::Inserted::FULL, table.insert(order(101)));
  table.erase(table.find(50));
  EXPECT_EQ(OrderTable::Inserted::OK, table.insert(order(101)));
}

TEST(OrderTable, agrees_with_a_map_through_a_long_random_life) {
  OrderTable table(512);
  std::unordered_map<std::uint64_t, std::uint64_t> expected;
  std::mt19937_64 random(1);
  for (int step = 0; step < 200'000; ++step) {
    const std::uint64_t reference = random() % 1024;
    if (Order* found = table.find(reference)) {
      ASSERT_EQ(expected.at(reference), found->quantity);
      table.erase(found);
      expected.erase(reference);
    } else {
      ASSERT_FALSE(expected.contains(reference));
      const bool full = expected.size() == 512;
      ASSERT_EQ(full ? OrderTable::Inserted::FULL : OrderTable::Inserted::OK,
                table.insert(order(reference, static_cast<std::uint64_t>(step))));
      if (!full) expected[reference] = static_cast<std::uint64_t>(step);
    }
    ASSERT_EQ(expected.size(), table.size());
  }
  std::size_t visited = 0;
  table.for_each([&](const Order& seen) { visited += expected.at(seen.reference) == seen.quantity ? 1u : 1000u; });
  EXPECT_EQ(expected.size(), visited);
}

TEST(OrderTable, clearing_forgets_everything) {
  OrderTable table(16);
  table.insert(order(7));
  table.clear();
  EXPECT_EQ(0u, table.size());
  EXPECT_EQ(nullptr, table.find(7));
}

TEST(OrderTable, each_of_its_lives_begins_empty) {
  OrderTable table(64);
  for (std::uint64_t life = 0; life < 70'000; ++life) {
    ASSERT_EQ(nullptr, table.find(life % 64)) << "life " << life;
    ASSERT_EQ(OrderTable::Inserted::OK, table.insert(order(life % 64, life)));
    ASSERT_EQ(OrderTable::Inserted::OK, table.insert(order(life % 64 + 1, life)));
    table.erase(table.find(life % 64 + 1));
    ASSERT_EQ(life, table.find(life % 64)->quantity);
    table.clear();
  }
}

TEST(OrderTable, a_chain_does_not_end_in_a_slot_of_an_earlier_life) {
  OrderTable table(512);
  std::mt19937_64 random(2);
  for (int life = 0; life < 20; ++life) {
    std::unordered_map<std::uint64_t, std::uint64_t> expected;
    for (int step = 0; step < 4000; ++step) {
      const std::uint64_t reference = random() % 4096;
      if (Order* found = table.find(reference)) {
        ASSERT_EQ(1u, expected.erase(reference));
        table.erase(found);
      } else if (expected.size() < 500) {
        ASSERT_EQ(OrderTable::Inserted::OK, table.insert(order(reference)));
        expected[reference] = 1;
      }
    }
    std::size_t visited = 0;
    table.for_each([&](const Order& seen) { visited += expected.count(seen.reference); });
    ASSERT_EQ(expected.size(), visited);
    ASSERT_EQ(expected.size(), table.size());
    table.clear();
  }
}

}  // namespace
}  // namespace hft::feedd
