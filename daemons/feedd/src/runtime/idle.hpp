// What a hot loop does between two rounds without work.
//
//   spin      a pause instruction: the core is ours, no system call ever
//   backoff   spin, then sleep 10 … 200 µs: shared cores stay usable, latency is that of a sleep
//
// No sched_yield between the two: since Linux 6.6 (EEVDF) every yield pays a whole slice in advance, and a thread that
// has yielded a few times on a busy core is then kept off it for 100 ms, longer than watchd waits. A sleeper is not.
#pragma once
#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <ctime>

namespace hft::feedd {

enum class Idle : std::uint8_t { SPIN, BACKOFF };

class IdleStrategy {
 public:
  static constexpr unsigned SPIN_ROUNDS = 100;
  static constexpr long SLEEP_MIN_NS = 10'000;
  static constexpr long SLEEP_MAX_NS = 200'000;

  explicit IdleStrategy(Idle mode) noexcept : mode_(mode) {}

  // After each round; `work` is what do_work() returned.
  void idle(unsigned work) noexcept {
    if (work != 0) {
      empty_rounds_ = 0;
      sleep_ns_ = SLEEP_MIN_NS;
      return;
    }
    if (mode_ == Idle::SPIN || ++empty_rounds_ <= SPIN_ROUNDS) {
      _mm_pause();
    } else {
      const timespec pause{0, sleep_ns_};
      ::nanosleep(&pause, nullptr);
      sleep_ns_ = std::min(sleep_ns_ * 2, SLEEP_MAX_NS);
    }
  }

  // What the next idle round without work will sleep; 0 while it spins.
  [[nodiscard]] long next_sleep_ns() const noexcept {
    return mode_ == Idle::SPIN || empty_rounds_ < SPIN_ROUNDS ? 0 : sleep_ns_;
  }

 private:
  Idle mode_;
  unsigned empty_rounds_ = 0;
  long sleep_ns_ = SLEEP_MIN_NS;
};

}  // namespace hft::feedd
