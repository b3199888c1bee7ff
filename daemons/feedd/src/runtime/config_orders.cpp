#include "runtime/config_orders.hpp"

#include <algorithm>

namespace hft::feedd {
namespace {

using config_detail::in_quotes;
using config_detail::Kind;
using config_detail::require;
using config_detail::Section;

constexpr std::int64_t PRICE_UNITS = 10'000;  // of a currency unit

bool is_alphanumeric(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

void letters_and_digits(Section& section, const std::string& name, std::size_t min, std::size_t max, std::string& out,
                        const char* wanted) {
  if (const auto given = section.text(name)) out = *given;
  const bool good = out.size() >= min && out.size() <= max && std::all_of(out.begin(), out.end(), &is_alphanumeric);
  if (!good) throw ConfigError(section.key(name), in_quotes(out) + " is not " + wanted);
}

void milliseconds(Section& section, const std::string& name, std::int64_t min, std::int64_t max, std::uint64_t& ns) {
  std::uint64_t value = ns / 1'000'000;
  section.integer(name, min, max, value);
  ns = value * 1'000'000;
}

void microseconds(Section& section, const std::string& name, std::int64_t max, std::uint64_t& ns) {
  std::uint64_t value = ns / 1000;
  section.integer(name, 0, max, value);
  ns = value * 1000;
}

// Whole currency units in the file, price units in memory.
void currency(Section& section, const std::string& name, std::int64_t max, std::uint64_t& out) {
  std::int64_t value = -1;
  section.integer(name, 0, max, value);
  if (value >= 0) out = static_cast<std::uint64_t>(value * PRICE_UNITS);
}

void read_times(Section& section, GatewayConfig& gateway) {
  milliseconds(section, "heartbeat_ms", 10, 60'000, gateway.heartbeat_ns);
  milliseconds(section, "silence_ms", 20, 120'000, gateway.silence_ns);
  milliseconds(section, "login_timeout_ms", 100, 120'000, gateway.login_timeout_ns);
  milliseconds(section, "reconnect_ms", 10, 60'000, gateway.reconnect_ns);
  milliseconds(section, "reconnect_ms_max", 10, 600'000, gateway.reconnect_ns_max);
  if (gateway.silence_ns < 2 * gateway.heartbeat_ns) {
    throw ConfigError(section.key("silence_ms"), std::to_string(gateway.silence_ns / 1'000'000) +
                                                     " is less than two heartbeats (feedd.gateway.heartbeat_ms)");
  }
  if (gateway.reconnect_ns_max < gateway.reconnect_ns) {
    throw ConfigError(section.key("reconnect_ms_max"), std::to_string(gateway.reconnect_ns_max / 1'000'000) +
                                                           " is less than feedd.gateway.reconnect_ms");
  }
}

std::vector<std::string> read_symbols(Section& section, const std::string& name) {
  constexpr std::size_t SYMBOLS_MAX = 256;
  std::vector<std::string> symbols;
  const TomlNode* node = section.find(name);
  if (node == nullptr) return symbols;
  require(section.key(name), Kind::ARRAY, *node);
  if (node->array.size() > SYMBOLS_MAX) throw ConfigError(section.key(name), "more than 256 symbols");
  for (const TomlNode& element : node->array) {
    const std::string key = section.key(name) + "[" + std::to_string(symbols.size()) + "]";
    require(key, Kind::STRING, element);
    const std::string& symbol = element.text;
    const bool printable = std::all_of(symbol.begin(), symbol.end(), [](char c) { return c >= '!' && c <= '~'; });
    if (symbol.empty() || symbol.size() > 16 || !printable) {
      throw ConfigError(key, in_quotes(symbol) + " is not a symbol (1 to 16 printable ASCII characters)");
    }
    if (std::find(symbols.begin(), symbols.end(), symbol) != symbols.end()) {
      throw ConfigError(key, in_quotes(symbol) + " is named twice");
    }
    symbols.push_back(symbol);
  }
  return symbols;
}

void read_limits(Section& section, std::uint32_t orders, RiskLimits& limits) {
  section.choice<schema::MarketPhase>(
      "hours", {{"regular", schema::MarketPhase::REGULAR}, {"extended", schema::MarketPhase::EXTENDED}}, limits.hours);
  section.integer("order_quantity_max", 0, 999'999, limits.order_quantity_max);
  currency(section, "order_notional_max", 1'000'000'000, limits.order_notional_max);
  section.integer("position_max", 0, 1'000'000'000, limits.position_max);
  currency(section, "gross_notional_max", 100'000'000'000, limits.gross_notional_max);
  section.integer("open_orders_max", 0, 65536, limits.open_orders_max);
  section.integer("unacknowledged_max", 0, 65536, limits.unacknowledged_max);
  currency(section, "loss_max", 10'000'000'000, limits.loss_max);
  section.integer("price_collar_bps", 0, 10'000, limits.price_collar_bps);
  milliseconds(section, "book_age_ms_max", 0, 60'000, limits.book_age_ns_max);
  microseconds(section, "intent_age_us_max", 10'000'000, limits.intent_age_ns_max);
  microseconds(section, "duplicate_window_us", 60'000'000, limits.duplicate_window_ns);
  section.integer("messages_per_s", 0, 1'000'000, limits.messages_per_s);
  section.integer("message_burst", 0, 1'000'000, limits.message_burst);
  section.integer("cancel_reserve", 0, 1'000'000, limits.cancel_reserve);
  section.integer("price_tick", 1, 1'000'000, limits.price_tick);
  section.integer("lot", 1, 10'000, limits.lot);
  for (const auto& [name, value] : {std::pair{"open_orders_max", limits.open_orders_max},
                                    std::pair{"unacknowledged_max", limits.unacknowledged_max}}) {
    if (value > orders) {
      throw ConfigError(section.key(name), std::to_string(value) + " is more than feedd.gateway.orders");
    }
  }
  if (limits.cancel_reserve > limits.message_burst) {
    throw ConfigError(section.key("cancel_reserve"),
                      std::to_string(limits.cancel_reserve) + " is more than risk.message_burst");
  }
}

InstrumentRisk read_instrument(Section section, const std::string& symbol) {
  InstrumentRisk risk;
  risk.symbol = symbol;
  section.integer("order_quantity_max", 0, 999'999, risk.order_quantity_max);
  currency(section, "order_notional_max", 1'000'000'000, risk.order_notional_max);
  section.integer("position_max", 0, 1'000'000'000, risk.position_max);
  section.finish();
  return risk;
}

}  // namespace

GatewayConfig read_gateway(Section section) {
  GatewayConfig gateway;
  gateway.venue = section.endpoint("venue");
  section.choice<SoupVersion>("soupbintcp",
                              {{"3.0", SoupVersion::V40}, {"4.0", SoupVersion::V40}, {"4.1", SoupVersion::V41}},
                              gateway.soupbintcp);
  letters_and_digits(section, "username", 1, 6, gateway.username, "1 to 6 letters and digits");
  letters_and_digits(section, "session", 0, 10, gateway.session, "at most 10 letters and digits");
  letters_and_digits(section, "firm", 0, 4, gateway.firm, "4 letters and digits");
  if (!gateway.firm.empty() && gateway.firm.size() != 4) {
    throw ConfigError(section.key("firm"), in_quotes(gateway.firm) + " is not 4 letters and digits");
  }
  section.choice<TradesAs>("trades_as",
                           {{"principal", TradesAs::PRINCIPAL},
                            {"agency", TradesAs::AGENCY},
                            {"riskless_principal", TradesAs::RISKLESS_PRINCIPAL}},
                           gateway.trades_as);
  section.power_of_two("orders", 16, 65536, gateway.orders);
  read_times(section, gateway);
  if (const auto given = section.text("positions_file")) gateway.positions_file = *given;
  const std::string& file = gateway.positions_file;
  if (!file.empty() && (!file.starts_with('/') || file.find('\0') != std::string::npos)) {
    throw ConfigError(section.key("positions_file"), in_quotes(file) + " is not an absolute path");
  }
  section.finish();
  return gateway;
}

RiskConfig read_risk(Section section, const GatewayConfig& gateway) {
  constexpr std::size_t VENUE_SYMBOL_MAX = 8;  // OUCH
  RiskConfig risk;
  risk.symbols = read_symbols(section, "symbols");
  for (std::size_t i = 0; gateway.venue && i < risk.symbols.size(); ++i) {
    if (risk.symbols[i].size() > VENUE_SYMBOL_MAX) {
      throw ConfigError(section.key("symbols") + "[" + std::to_string(i) + "]",
                        in_quotes(risk.symbols[i]) + " is longer than the venue's 8 characters");
    }
  }
  read_limits(section, gateway.orders, risk.limits);
  if (const TomlNode* node = section.find("instruments")) {
    require(section.key("instruments"), Kind::TABLE, *node);
    Section instruments = section.section("instruments");
    for (const auto& [symbol, ignored] : node->table) {
      if (std::find(risk.symbols.begin(), risk.symbols.end(), symbol) == risk.symbols.end()) {
        throw ConfigError(instruments.key(symbol), "is not one of risk.symbols");
      }
      risk.instruments.push_back(read_instrument(instruments.section(symbol), symbol));
    }
  }
  section.finish();
  return risk;
}

}  // namespace hft::feedd
