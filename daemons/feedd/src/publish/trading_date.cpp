#include "publish/trading_date.hpp"

#include <cassert>
#include <charconv>

namespace hft::feedd {
namespace {

using namespace std::chrono;

constexpr hours STANDARD_OFFSET{-5};
constexpr hours SAVING_OFFSET{-4};

constexpr sys_days saving_begins(year y) noexcept { return y / March / Sunday[2]; }
constexpr sys_days saving_ends(year y) noexcept { return y / November / Sunday[1]; }

std::optional<int> number(std::string_view text) noexcept {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<Date> parse_date(std::string_view text) noexcept {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto y = number(text.substr(0, 4));
  const auto m = number(text.substr(5, 2));
  const auto d = number(text.substr(8, 2));
  if (!y || !m || !d || *y < 2007 || *y > 2099 || *m < 1 || *d < 1) return std::nullopt;
  const Date date = year(*y) / month(static_cast<unsigned>(*m)) / day(static_cast<unsigned>(*d));
  return date.ok() ? std::optional(date) : std::nullopt;
}

std::uint64_t new_york_midnight_utc_ns(Date date) noexcept {
  assert(date.ok() && date.year() >= year(2007));
  const sys_days day = date;
  // The clocks change at 02:00, so the midnight of a change still has the old offset.
  const bool saving = day > saving_begins(date.year()) && day <= saving_ends(date.year());
  const sys_time<nanoseconds> midnight = day - (saving ? SAVING_OFFSET : STANDARD_OFFSET);
  return static_cast<std::uint64_t>(midnight.time_since_epoch().count());
}

Date new_york_date(std::uint64_t realtime_ns) noexcept {
  const sys_time<nanoseconds> now{nanoseconds(static_cast<std::int64_t>(realtime_ns))};
  const Date standard = floor<days>(now + STANDARD_OFFSET);
  const auto begins = saving_begins(standard.year()) + hours(2) - STANDARD_OFFSET;
  const auto ends = saving_ends(standard.year()) + hours(2) - SAVING_OFFSET;
  return now >= begins && now < ends ? Date(floor<days>(now + SAVING_OFFSET)) : standard;
}

}  // namespace hft::feedd
