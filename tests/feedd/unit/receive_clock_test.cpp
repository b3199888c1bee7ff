#include "ingest/receive_clock.hpp"

#include <gtest/gtest.h>

namespace hft::feedd {
namespace {

constexpr std::uint64_t NOW_NS = 5'000'000'000;
constexpr ClockOffset OFFSET{1'600'000'000'000'000'000, NOW_NS};

constexpr std::uint64_t realtime_at(std::uint64_t monotonic) { return monotonic + 1'600'000'000'000'000'000u; }

TEST(ReceiveClockTest, a_stamp_moves_to_the_monotonic_clock) {
  const ReceiveStamp stamp = to_monotonic(realtime_at(NOW_NS - 7'000), OFFSET, NOW_NS - 1'000'000);
  EXPECT_TRUE(stamp.plausible);
  EXPECT_EQ(NOW_NS - 7'000, stamp.receive_ts_ns);
}

TEST(ReceiveClockTest, a_stamp_a_little_ahead_is_now) {
  const ReceiveStamp stamp = to_monotonic(realtime_at(NOW_NS + STAMP_SLACK_NS), OFFSET, 0);
  EXPECT_TRUE(stamp.plausible);
  EXPECT_EQ(NOW_NS, stamp.receive_ts_ns);
}

TEST(ReceiveClockTest, a_stamp_from_the_future_is_replaced_by_now) {
  const ReceiveStamp stamp = to_monotonic(realtime_at(NOW_NS + STAMP_SLACK_NS + 1), OFFSET, 0);
  EXPECT_FALSE(stamp.plausible);
  EXPECT_EQ(NOW_NS, stamp.receive_ts_ns);
}

TEST(ReceiveClockTest, a_stamp_from_before_the_socket_was_empty_is_replaced_by_now) {
  const std::uint64_t empty_ts_ns = NOW_NS - 1'000'000;
  EXPECT_TRUE(to_monotonic(realtime_at(empty_ts_ns - STAMP_SLACK_NS), OFFSET, empty_ts_ns).plausible);
  const ReceiveStamp stamp = to_monotonic(realtime_at(empty_ts_ns - STAMP_SLACK_NS - 1), OFFSET, empty_ts_ns);
  EXPECT_FALSE(stamp.plausible);
  EXPECT_EQ(NOW_NS, stamp.receive_ts_ns);
}

TEST(ReceiveClockTest, a_missing_stamp_is_replaced_by_now) {
  const ReceiveStamp stamp = to_monotonic(0, OFFSET, NOW_NS - 1'000'000);
  EXPECT_FALSE(stamp.plausible);
  EXPECT_EQ(NOW_NS, stamp.receive_ts_ns);
}

TEST(ReceiveClockTest, the_measured_distance_joins_the_two_clocks) {
  const ClockOffset offset = ClockOffset::measure();
  const std::uint64_t expected_ns = clock_ns(CLOCK_REALTIME) - monotonic_ns();
  EXPECT_NEAR(0.0, static_cast<double>(static_cast<std::int64_t>(expected_ns) - offset.realtime_ahead_ns), 5e6);
}

}  // namespace
}  // namespace hft::feedd
