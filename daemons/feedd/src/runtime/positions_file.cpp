#include "runtime/positions_file.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>

namespace hft::feedd {
namespace {

constexpr std::string_view HEADING = "symbol,quantity,price";
constexpr std::int64_t QUANTITY_MAX = 1'000'000'000;
constexpr std::int64_t PRICE_MAX = 199'999;  // whole currency units, OUCH's own limit
constexpr std::size_t DECIMALS = 4;

[[noreturn]] void refuse(std::size_t line, const std::string& problem) {
  throw ConfigError("feedd.gateway.positions_file", "line " + std::to_string(line) + ": " + problem);
}

bool whole(std::string_view text, std::int64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// "12.5" → 125000.
bool price_of(std::string_view text, std::int64_t& price) {
  const std::size_t point = std::min(text.find('.'), text.size());
  std::string decimals(point < text.size() ? text.substr(point + 1) : std::string_view());
  if (decimals.size() > DECIMALS || text.starts_with('-') || text.ends_with('.')) return false;
  decimals.resize(DECIMALS, '0');
  std::int64_t units = 0;
  std::int64_t fraction = 0;
  if (!whole(text.substr(0, point), units) || !whole(decimals, fraction) || fraction < 0) return false;
  price = units * 10'000 + fraction;
  return units <= PRICE_MAX && price > 0;
}

StartPosition parse_line(std::string_view text, std::size_t line) {
  const std::size_t first = text.find(',');
  const std::size_t second = first == std::string_view::npos ? first : text.find(',', first + 1);
  if (second == std::string_view::npos) refuse(line, "is not symbol,quantity,price");
  StartPosition start;
  start.symbol = text.substr(0, first);
  if (start.symbol.empty() || start.symbol.size() > VenueSymbol().size()) refuse(line, "symbol of 1 to 8 characters");
  const bool quantity = whole(text.substr(first + 1, second - first - 1), start.position);
  if (!quantity || start.position < -QUANTITY_MAX || start.position > QUANTITY_MAX) {
    refuse(line, "quantity is no whole number within ±10^9");
  }
  if (!price_of(text.substr(second + 1), start.price)) {
    refuse(line, "price is no positive number with at most 4 decimals");
  }
  return start;
}

}  // namespace

std::vector<StartPosition> parse_positions(std::string_view text) {
  std::vector<StartPosition> positions;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view row = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (row.ends_with('\r')) row.remove_suffix(1);
    if (row.empty() || row.starts_with('#') || (line == 1 && row == HEADING)) continue;
    const StartPosition start = parse_line(row, line);
    for (const StartPosition& other : positions) {
      if (other.symbol == start.symbol) refuse(line, "\"" + start.symbol + "\" is named twice");
    }
    if (positions.size() == Accounts::ACCOUNTS_MAX / 2) refuse(line, "more than 512 positions");
    positions.push_back(start);
  }
  return positions;
}

std::vector<StartPosition> read_positions(const std::string& path) {
  if (path.empty()) return {};
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.is_open() || file.bad()) throw ConfigError("feedd.gateway.positions_file", "can not read " + path);
  return parse_positions(text);
}

}  // namespace hft::feedd
