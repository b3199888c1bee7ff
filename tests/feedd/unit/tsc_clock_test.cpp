#include "feedd/tsc_clock.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>

namespace hft {
namespace {

constexpr std::uint64_t MS = 1'000'000;

// How far the clock is from CLOCK_MONOTONIC: the best of many readings, as the thread may lose its core in between.
std::int64_t best_error_ns(const TscClock& clock) {
  std::int64_t best = std::numeric_limits<std::int64_t>::max();
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t before = monotonic_ns();
    const std::uint64_t read = clock.now_ns();
    const std::uint64_t after = monotonic_ns();
    const auto error = static_cast<std::int64_t>(read) - static_cast<std::int64_t>(before + (after - before) / 2);
    if (std::abs(error) < std::abs(best)) best = error;
  }
  return best;
}

TEST(TscClock, follows_the_monotonic_clock_while_it_is_recalibrated) {
  TscClock clock;
  EXPECT_LT(std::abs(best_error_ns(clock)), 2'000);
  const std::uint64_t end_ns = monotonic_ns() + 50 * MS;
  while (monotonic_ns() < end_ns) clock.recalibrate();
  EXPECT_LT(std::abs(best_error_ns(clock)), 2'000);
}

TEST(TscClock, never_goes_back_not_even_where_it_is_recalibrated) {
  TscClock clock;
  std::uint64_t last = clock.now_ns();
  const std::uint64_t end_ns = monotonic_ns() + 20 * MS;
  while (monotonic_ns() < end_ns) {
    clock.recalibrate();
    const std::uint64_t now = clock.now_ns();
    ASSERT_LE(last, now);
    last = now;
  }
}

}  // namespace
}  // namespace hft
