// feedd.gateway.positions_file: what we hold at the start of the day.
//
//   symbol,quantity,price        quantity negative = short; price in currency, at most 4 decimals
//   # a comment; empty lines are skipped, and so is a first line that is exactly the one above
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "gateway/orders/order_side.hpp"

namespace hft::feedd {

// Both throw ConfigError, which names the line.
[[nodiscard]] std::vector<StartPosition> parse_positions(std::string_view text);
// An empty path is no file: flat.
[[nodiscard]] std::vector<StartPosition> read_positions(const std::string& path);

}  // namespace hft::feedd
