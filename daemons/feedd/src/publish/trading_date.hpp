// The trading date and its midnight in New York: ITCH counts nanoseconds from there.
//
// Daylight saving time since 2007 (Energy Policy Act of 2005): from the second Sunday of March, 02:00 local, to the
// first Sunday of November, 02:00 local. The compiler has no time zone database, so the rule is written out.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hft::feedd {

using Date = std::chrono::year_month_day;

// "YYYY-MM-DD"; nothing for other text, days that do not exist and years before 2007 or after 2099.
[[nodiscard]] std::optional<Date> parse_date(std::string_view text) noexcept;

// UTC nanoseconds since the epoch at which `date` (2007 … 2099) begins in New York.
[[nodiscard]] std::uint64_t new_york_midnight_utc_ns(Date date) noexcept;

// The date in New York at a moment of CLOCK_REALTIME.
[[nodiscard]] Date new_york_date(std::uint64_t realtime_ns) noexcept;

}  // namespace hft::feedd
