// Token bucket over all messages to the venue: a burst, refilled at a rate, its last tokens for cancels alone.
//
//   | cancel_reserve | what orders may use … |      capacity = message_burst
//
// Integers: a token is 10^9 parts, each nanosecond brings `messages_per_s` parts, so nothing is rounded and nothing
// drifts. Within any time t no more than burst + rate × t messages, and burst − reserve + rate × t orders, pass.
//
// Without a rate or a burst no order passes. Cancels then pass unpaced: an absent limit must not keep an order open.
#pragma once
#include <algorithm>
#include <cstdint>

#include "runtime/config.hpp"

namespace hft::feedd {

// One thread's. Full at birth.
class MessageBucket {
 public:
  MessageBucket(const RiskLimits& limits, std::uint64_t now_ns) noexcept
      : rate_(std::min(limits.messages_per_s, LIMIT_MAX)),
        capacity_(rate_ == 0 ? 0 : std::min(limits.message_burst, LIMIT_MAX) * TOKEN),
        reserve_(std::min(limits.cancel_reserve, LIMIT_MAX) * TOKEN),
        full_after_ns_(rate_ == 0 ? 0 : capacity_ / rate_),
        parts_(capacity_),
        refilled_ns_(now_ns) {}

  // May a NEW or a REPLACE go out now? Takes nothing: whoever sends calls spend().
  [[nodiscard]] bool order_allowed(std::uint64_t now_ns) noexcept {
    refill(now_ns);
    return parts_ >= reserve_ + TOKEN;
  }
  // May a cancel? Those of a cancel-all are paced by this, too.
  [[nodiscard]] bool cancel_allowed(std::uint64_t now_ns) noexcept {
    refill(now_ns);
    return capacity_ == 0 || parts_ >= TOKEN;
  }
  // A message went out.
  void spend() noexcept { parts_ -= std::min(parts_, TOKEN); }

  // Whole ones, as of the last question.
  [[nodiscard]] std::uint64_t tokens() const noexcept { return parts_ / TOKEN; }

 private:
  static constexpr std::uint64_t TOKEN = 1'000'000'000;
  static constexpr std::uint64_t LIMIT_MAX = 1'000'000'000;  // rate, burst: products stay below 2^61

  void refill(std::uint64_t now_ns) noexcept {
    if (now_ns <= refilled_ns_) return;
    const std::uint64_t elapsed_ns = now_ns - refilled_ns_;
    refilled_ns_ = now_ns;
    // Up to full_after_ns_ what comes is at most the capacity: nothing overflows.
    parts_ = elapsed_ns > full_after_ns_ ? capacity_ : std::min(capacity_, parts_ + elapsed_ns * rate_);
  }

  std::uint64_t rate_;  // parts a nanosecond
  std::uint64_t capacity_;
  std::uint64_t reserve_;
  std::uint64_t full_after_ns_;
  std::uint64_t parts_;
  std::uint64_t refilled_ns_;
};

}  // namespace hft::feedd
