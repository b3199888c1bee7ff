#include "publish/trading_date.hpp"

#include <gtest/gtest.h>

namespace hft::feedd {
namespace {

using namespace std::chrono;

constexpr std::uint64_t SECOND = 1'000'000'000ull;

// Expected values from the IANA time zone database; tests/hft/decode compares every day of 2007 to 2040.
TEST(TradingDate, midnight_is_five_hours_behind_utc_in_winter_and_four_in_summer) {
  EXPECT_EQ(1577682000 * SECOND, new_york_midnight_utc_ns(2019y / December / 30));
  EXPECT_EQ(1692676800 * SECOND, new_york_midnight_utc_ns(2023y / August / 22));
}

TEST(TradingDate, the_midnight_of_a_change_has_the_old_offset) {
  EXPECT_EQ(1710046800 * SECOND, new_york_midnight_utc_ns(2024y / March / 10));
  EXPECT_EQ(1710129600 * SECOND, new_york_midnight_utc_ns(2024y / March / 11));
  EXPECT_EQ(1730606400 * SECOND, new_york_midnight_utc_ns(2024y / November / 3));
  EXPECT_EQ(1730696400 * SECOND, new_york_midnight_utc_ns(2024y / November / 4));
}

TEST(TradingDate, the_date_changes_at_midnight_in_new_york) {
  for (const Date date : {Date(2024y / March / 10), Date(2024y / March / 11), Date(2024y / November / 3),
                          Date(2024y / November / 4), Date(2024y / January / 1)}) {
    const std::uint64_t midnight = new_york_midnight_utc_ns(date);
    EXPECT_EQ(date, new_york_date(midnight));
    EXPECT_EQ(Date(sys_days(date) - days(1)), new_york_date(midnight - 1));
  }
}

TEST(TradingDate, reads_iso_dates_and_refuses_everything_else) {
  EXPECT_EQ(Date(2019y / December / 30), parse_date("2019-12-30"));
  for (const auto* text : {"", "20191230", "2019-13-01", "2019-02-29", "2006-12-31", "2019-1-01", "2019-12-3x",
                           "2019/12/30", "-019-12-30", "2019-00-10"}) {
    EXPECT_EQ(std::nullopt, parse_date(text)) << text;
  }
}

}  // namespace
}  // namespace hft::feedd
