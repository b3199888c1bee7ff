// The pause before the next try: doubled with each failure up to a limit, plus up to an eighth so that many clients
// of one venue do not come back at the same moment.
#pragma once
#include <algorithm>
#include <cstdint>

namespace hft::feedd {

class Backoff {
 public:
  Backoff(std::uint64_t first_ns, std::uint64_t max_ns, std::uint64_t seed) noexcept
      : first_ns_(first_ns), max_ns_(max_ns), next_ns_(first_ns), random_(seed | 1) {}

  [[nodiscard]] std::uint64_t next_ns() noexcept {
    const std::uint64_t pause_ns = next_ns_;
    next_ns_ = std::min(max_ns_, next_ns_ * 2);
    return pause_ns + jitter(pause_ns);
  }
  [[nodiscard]] std::uint64_t longest_ns() noexcept {
    next_ns_ = max_ns_;
    return next_ns();
  }
  void reset() noexcept { next_ns_ = first_ns_; }

 private:
  std::uint64_t jitter(std::uint64_t pause_ns) noexcept {
    random_ ^= random_ << 13;  // xorshift64
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return random_ % (pause_ns / 8 + 1);
  }

  std::uint64_t first_ns_, max_ns_, next_ns_;
  std::uint64_t random_;
};

}  // namespace hft::feedd
