// CLOCK_MONOTONIC nanoseconds: the suite's only clock for ordering and deadlines. vDSO, no system call.
#pragma once
#include <cstdint>
#include <ctime>

namespace hft {

inline std::uint64_t clock_ns(clockid_t clock) noexcept {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
}

inline std::uint64_t monotonic_ns() noexcept { return clock_ns(CLOCK_MONOTONIC); }

}  // namespace hft
