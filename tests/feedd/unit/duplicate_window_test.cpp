#include "gateway/risk/duplicate_window.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace hft::feedd {
namespace {

constexpr std::uint64_t WINDOW_NS = 1000;
constexpr DuplicateKey ORDER{7, schema::Side::BUY, 1'000'000, 100};

TEST(DuplicateWindowTest, the_same_order_is_seen_until_the_window_is_over) {
  const auto window = std::make_unique<DuplicateWindow>(WINDOW_NS);
  EXPECT_FALSE(window->seen(ORDER, 5000));
  window->remember(ORDER, 5000);
  EXPECT_TRUE(window->seen(ORDER, 5000));
  EXPECT_TRUE(window->seen(ORDER, 5999));
  EXPECT_FALSE(window->seen(ORDER, 6000));
}

TEST(DuplicateWindowTest, sending_it_again_starts_the_window_anew) {
  const auto window = std::make_unique<DuplicateWindow>(WINDOW_NS);
  window->remember(ORDER, 5000);
  window->remember(ORDER, 6000);
  EXPECT_TRUE(window->seen(ORDER, 6999));
  EXPECT_FALSE(window->seen(ORDER, 7000));
}

TEST(DuplicateWindowTest, another_instrument_side_price_or_quantity_is_another_order) {
  const auto window = std::make_unique<DuplicateWindow>(WINDOW_NS);
  window->remember(ORDER, 5000);
  for (int changed = 0; changed < 4; ++changed) {
    DuplicateKey other = ORDER;
    if (changed == 0) ++other.instrument_id;
    if (changed == 1) other.side = schema::Side::SELL;
    if (changed == 2) ++other.price;
    if (changed == 3) ++other.quantity;
    EXPECT_FALSE(window->seen(other, 5000)) << changed;
  }
}

TEST(DuplicateWindowTest, a_window_of_0_sees_nothing) {
  const auto window = std::make_unique<DuplicateWindow>(0);
  window->remember(ORDER, 5000);
  EXPECT_FALSE(window->seen(ORDER, 5000));
  EXPECT_FALSE(window->seen(ORDER, 4999));
}

TEST(DuplicateWindowTest, a_stamp_of_the_future_counts_as_within) {
  const auto window = std::make_unique<DuplicateWindow>(WINDOW_NS);
  window->remember(ORDER, 5000);
  EXPECT_TRUE(window->seen(ORDER, 4000));
}

TEST(DuplicateWindowTest, what_did_not_fit_is_refused_until_its_window_is_over_and_no_longer) {
  constexpr std::uint64_t ORDERS = 4 * DuplicateWindow::SETS * DuplicateWindow::WAYS;
  const auto window = std::make_unique<DuplicateWindow>(WINDOW_NS);
  DuplicateKey key = ORDER;
  for (key.price = 1; key.price <= ORDERS; ++key.price) window->remember(key, 5000);
  for (key.price = 1; key.price <= ORDERS; ++key.price) ASSERT_TRUE(window->seen(key, 5999)) << key.price;
  EXPECT_TRUE(window->seen(ORDER, 5999)) << "a full set can not tell it from one that it gave up";
  for (key.price = 1; key.price <= ORDERS; ++key.price) ASSERT_FALSE(window->seen(key, 6000)) << key.price;
}

TEST(DuplicateWindowTest, sending_the_same_orders_over_and_over_uses_no_places_of_others) {
  constexpr std::uint64_t ORDERS = 1000;
  const auto window = std::make_unique<DuplicateWindow>(WINDOW_NS);
  DuplicateKey key = ORDER;
  for (std::uint64_t now_ns = 5000; now_ns < 5020; ++now_ns) {
    for (key.price = 1; key.price <= ORDERS; ++key.price) {
      if ((key.price + now_ns) % 3 != 0) window->remember(key, now_ns);  // never all in the same order
    }
  }
  for (key.price = ORDERS + 1; key.price <= 10 * ORDERS; ++key.price) ASSERT_FALSE(window->seen(key, 5020));
}

TEST(DuplicateWindowTest, places_of_orders_whose_window_is_over_are_used_again_without_blindness) {
  const auto window = std::make_unique<DuplicateWindow>(WINDOW_NS);
  DuplicateKey key = ORDER;
  for (std::uint64_t i = 0; i < 1'000'000; ++i) {
    key.price = i + 1;
    ASSERT_FALSE(window->seen(key, 10 * i)) << i;  // a hundred within the window
    window->remember(key, 10 * i);
  }
}

}  // namespace
}  // namespace hft::feedd
