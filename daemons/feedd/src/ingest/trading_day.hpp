// The midnight that the feed counts from: of the configured date, or of today in New York, which moves on.
#pragma once
#include <cstdint>
#include <optional>

#include "publish/trading_date.hpp"

namespace hft::feedd {

class TradingDay {
 public:
  // Empty = today in New York.
  explicit TradingDay(std::optional<Date> date) noexcept
      : follows_today_(!date), midnight_utc_ns_(date ? new_york_midnight_utc_ns(*date) : 0) {}

  // `realtime_ns`: CLOCK_REALTIME.
  [[nodiscard]] std::uint64_t midnight_utc_ns(std::uint64_t realtime_ns) noexcept {
    if (follows_today_ && (realtime_ns >= valid_until_ns_ || realtime_ns < midnight_utc_ns_)) {
      const Date today = new_york_date(realtime_ns);
      midnight_utc_ns_ = new_york_midnight_utc_ns(today);
      valid_until_ns_ = new_york_midnight_utc_ns(std::chrono::sys_days(today) + std::chrono::days(1));
    }
    return midnight_utc_ns_;
  }

 private:
  bool follows_today_;
  std::uint64_t midnight_utc_ns_;
  std::uint64_t valid_until_ns_ = 0;
};

}  // namespace hft::feedd
