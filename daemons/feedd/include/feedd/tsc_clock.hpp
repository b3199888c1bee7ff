// CLOCK_MONOTONIC from the CPU's time stamp counter: half the price of the vDSO where every event is stamped.
//
//   now = base_ns + (tsc - base_tsc) × ns_per_tick      base and rate from the last two readings of both clocks
//
// The kernel slews CLOCK_MONOTONIC (NTP, at most 500 ppm), so the owner calls recalibrate() now and then: the
// error is the rate's error times the time since. Two readings 10 ms apart give about 5 ppm, 50 ns per 10 ms.
// Where the counter does not tick at one rate on all cores (CPUID says so), it is not used at all.
#pragma once
#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

#include <cstdint>

#include "feedd/clock.hpp"

namespace hft {

// Owned by one thread.
class TscClock {
 public:
  // Takes about 2 ms to learn the rate.
  TscClock() noexcept : usable_(invariant_tsc()) {
    if (!usable_) return;
    base_ = read_both();
    while (monotonic_ns() - base_.ns < FIRST_CALIBRATION_NS) {
    }
    recalibrate();
  }

  // Never goes back.
  [[nodiscard]] std::uint64_t now_ns() const noexcept {
    const std::uint64_t now_ns = usable_ ? converted(read_tsc()) : monotonic_ns();
    if (now_ns > last_ns_) last_ns_ = now_ns;
    return last_ns_;
  }

  // Call every 1 to 100 ms from the thread that reads it. Sooner than the shortest useful interval it does nothing.
  void recalibrate() noexcept {
    if (!usable_) return;
    const Reading reading = read_both();
    if (reading.ns - base_.ns < CALIBRATION_NS_MIN) return;
    ns_per_tick_ = static_cast<double>(reading.ns - base_.ns) / static_cast<double>(reading.tsc - base_.tsc);
    base_ = reading;
  }

  [[nodiscard]] bool uses_tsc() const noexcept { return usable_; }

 private:
  static constexpr std::uint64_t FIRST_CALIBRATION_NS = 2'000'000;
  static constexpr std::uint64_t CALIBRATION_NS_MIN = 1'000'000;
  static constexpr int READING_ATTEMPTS = 5;

  struct Reading {
    std::uint64_t tsc = 0;
    std::uint64_t ns = 0;
  };

#if defined(__x86_64__)
  static std::uint64_t read_tsc() noexcept { return __rdtsc(); }

  static bool invariant_tsc() noexcept {
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 && (d & (1u << 8)) != 0;
  }
#else
  static std::uint64_t read_tsc() noexcept { return 0; }
  static bool invariant_tsc() noexcept { return false; }
#endif

  // Both clocks at one moment: the narrowest of a few attempts, as an interrupt may fall between the readings.
  static Reading read_both() noexcept {
    Reading best;
    std::uint64_t narrowest = ~0ull;
    for (int attempt = 0; attempt < READING_ATTEMPTS; ++attempt) {
      const std::uint64_t before = read_tsc();
      const std::uint64_t ns = monotonic_ns();
      const std::uint64_t width = read_tsc() - before;
      if (width >= narrowest) continue;
      narrowest = width;
      best = {before + width / 2, ns};
    }
    return best;
  }

  [[nodiscard]] std::uint64_t converted(std::uint64_t tsc) const noexcept {
    return base_.ns + static_cast<std::uint64_t>(static_cast<double>(tsc - base_.tsc) * ns_per_tick_);
  }

  bool usable_;
  double ns_per_tick_ = 0;
  Reading base_;
  mutable std::uint64_t last_ns_ = 0;
};

}  // namespace hft
