// Kernel receive stamps are CLOCK_REALTIME; the suite orders by CLOCK_MONOTONIC.
//
// The distance of the two clocks is measured for each batch, so a stepped wall clock can spoil only what was
// in the socket at that moment. What it spoils is seen: a datagram can not have come after now, nor before
// the socket was last found empty.
#pragma once
#include <cstdint>

#include "feedd/clock.hpp"

namespace hft::feedd {

inline constexpr std::uint64_t STAMP_SLACK_NS = 100'000;  // error of the measured distance, preemption included

// CLOCK_REALTIME - CLOCK_MONOTONIC, and the moment it was measured.
struct ClockOffset {
  std::int64_t realtime_ahead_ns = 0;
  std::uint64_t now_ns = 0;  // CLOCK_MONOTONIC

  static ClockOffset measure() noexcept {
    const std::uint64_t before_ns = monotonic_ns();
    const std::uint64_t realtime_ns = clock_ns(CLOCK_REALTIME);
    const std::uint64_t after_ns = monotonic_ns();
    const std::uint64_t middle_ns = before_ns + (after_ns - before_ns) / 2;
    return {static_cast<std::int64_t>(realtime_ns - middle_ns), after_ns};
  }
};

struct ReceiveStamp {
  std::uint64_t receive_ts_ns = 0;  // CLOCK_MONOTONIC, never later than `offset.now_ns`
  bool plausible = false;
};

// `empty_ts_ns`: when the socket was last found empty. An implausible stamp becomes now.
[[nodiscard]] constexpr ReceiveStamp to_monotonic(std::uint64_t realtime_ns, const ClockOffset& offset,
                                                  std::uint64_t empty_ts_ns) noexcept {
  const auto monotonic = static_cast<std::uint64_t>(static_cast<std::int64_t>(realtime_ns) - offset.realtime_ahead_ns);
  if (monotonic > offset.now_ns + STAMP_SLACK_NS || monotonic + STAMP_SLACK_NS < empty_ts_ns) {
    return {offset.now_ns, false};
  }
  return {monotonic < offset.now_ns ? monotonic : offset.now_ns, true};
}

}  // namespace hft::feedd
