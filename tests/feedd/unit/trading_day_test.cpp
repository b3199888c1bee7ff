#include "ingest/trading_day.hpp"

#include <gtest/gtest.h>

namespace hft::feedd {
namespace {

constexpr std::uint64_t HOUR_NS = 3'600'000'000'000;
const Date MONDAY = *parse_date("2019-12-30");

TEST(TradingDayTest, a_configured_date_stays) {
  TradingDay day(MONDAY);
  const std::uint64_t midnight_ns = new_york_midnight_utc_ns(MONDAY);
  EXPECT_EQ(midnight_ns, day.midnight_utc_ns(0));
  EXPECT_EQ(midnight_ns, day.midnight_utc_ns(midnight_ns + 1000 * HOUR_NS));
}

TEST(TradingDayTest, today_moves_on_at_midnight_in_new_york) {
  TradingDay day(std::nullopt);
  const std::uint64_t midnight_ns = new_york_midnight_utc_ns(MONDAY);
  EXPECT_EQ(midnight_ns, day.midnight_utc_ns(midnight_ns + HOUR_NS));
  EXPECT_EQ(midnight_ns, day.midnight_utc_ns(midnight_ns + 24 * HOUR_NS - 1));
  EXPECT_EQ(midnight_ns + 24 * HOUR_NS, day.midnight_utc_ns(midnight_ns + 24 * HOUR_NS));
}

TEST(TradingDayTest, today_follows_a_wall_clock_that_was_set_back) {
  TradingDay day(std::nullopt);
  const std::uint64_t midnight_ns = new_york_midnight_utc_ns(MONDAY);
  EXPECT_EQ(midnight_ns, day.midnight_utc_ns(midnight_ns + HOUR_NS));
  EXPECT_EQ(midnight_ns - 24 * HOUR_NS, day.midnight_utc_ns(midnight_ns - HOUR_NS));
}

}  // namespace
}  // namespace hft::feedd
