// feedd's part of the suite's configuration file (deploy/hft.toml documents every key).
//
// Strict: an unknown key, a wrong type or a value out of range is a ConfigError that names the key's full
// path. daemons/hft/config checks the same file for the Python daemons, and [braind], which feedd skips.
#pragma once
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "hft/schema/hft_generated.h"
#include "ingest/endpoint.hpp"
#include "protocol/sequencer.hpp"
#include "publish/trading_date.hpp"
#include "runtime/idle.hpp"

namespace hft::feedd {

class ConfigError : public std::runtime_error {
 public:
  ConfigError(const std::string& key, const std::string& problem)
      : std::runtime_error(key.empty() ? problem : key + ": " + problem), key_(key) {}
  // Full path, e.g. "feedd.feed.line_a"; empty = the file as a whole.
  [[nodiscard]] const std::string& key() const noexcept { return key_; }

 private:
  std::string key_;
};

inline constexpr int NOT_PINNED = -1;

struct RunConfig {
  std::string directory = "/dev/hugepages/hft";
  bool require_huge_pages = true;
  std::string control_directory = "/run/hft";
  std::uint64_t heartbeat_interval_ns = 10'000'000;
};

struct CoresConfig {
  int market = NOT_PINNED;
  int gateway = NOT_PINNED;
  std::vector<int> housekeeping;
};

struct CapacityConfig {
  std::uint64_t market_ring_records = 1u << 20;
  std::uint64_t updates_ring_records = 1u << 16;
  std::uint32_t instruments = 16384;
  std::uint32_t orders = 1u << 22;
  std::uint32_t levels = 1u << 20;
};

struct FeedConfig {
  Endpoint line_a;
  std::optional<Endpoint> line_b;
  in_addr interface {};
  std::optional<Endpoint> request_server;
  std::optional<Date> trading_date;  // empty = today in New York
  Join join = Join::START;
  std::uint32_t reorder_window_messages = 65536;
  std::uint64_t gap_timeout_ns = 200'000'000;
  std::uint64_t request_interval_ns = 5'000'000;
  std::uint64_t silence_alarm_ns = 3'000'000'000;
  std::uint64_t tick_interval_ns = 1'000'000;
  int receive_buffer_bytes = 16 << 20;
  int busy_poll_us = 0;
};

// What is written in the order's capacity field (OUCH).
enum class TradesAs : char { PRINCIPAL = 'P', AGENCY = 'A', RISKLESS_PRINCIPAL = 'R' };

// 4.1's login also says when the venue may take us for gone; 3.0 and 4.0 are alike.
enum class SoupVersion : std::uint8_t { V40, V41 };

struct GatewayConfig {
  std::optional<Endpoint> venue;  // empty = no venue: what passes every check is answered WOULD_SEND
  SoupVersion soupbintcp = SoupVersion::V40;
  std::string username = "HFT001";
  std::string session;
  std::string firm;
  TradesAs trades_as = TradesAs::PRINCIPAL;
  std::uint32_t orders = 4096;
  std::uint64_t heartbeat_ns = 1'000'000'000;
  std::uint64_t silence_ns = 15'000'000'000;
  std::uint64_t login_timeout_ns = 10'000'000'000;
  std::uint64_t reconnect_ns = 1'000'000'000;
  std::uint64_t reconnect_ns_max = 30'000'000'000;
  std::string positions_file;
};

// Values and notional in price units × shares (currency × 10^4), as the gate computes.
struct RiskLimits {
  schema::MarketPhase hours = schema::MarketPhase::REGULAR;  // or EXTENDED, which has the regular ones in it
  std::uint64_t order_quantity_max = 0;
  std::uint64_t order_notional_max = 0;
  std::uint64_t position_max = 0;
  std::uint64_t gross_notional_max = 0;
  std::uint64_t open_orders_max = 0;
  std::uint64_t unacknowledged_max = 0;
  std::uint64_t loss_max = 0;
  std::uint64_t price_collar_bps = 0;
  std::uint64_t book_age_ns_max = 0;
  std::uint64_t intent_age_ns_max = 0;
  std::uint64_t duplicate_window_ns = 0;
  std::uint64_t messages_per_s = 0;
  std::uint64_t message_burst = 0;
  std::uint64_t cancel_reserve = 0;
  std::uint64_t price_tick = 100;
  std::uint64_t lot = 1;
};

struct InstrumentRisk {
  std::string symbol;
  std::uint64_t order_quantity_max = UINT64_MAX;  // not given: [risk]'s alone
  std::uint64_t order_notional_max = UINT64_MAX;
  std::uint64_t position_max = UINT64_MAX;
};

struct RiskConfig {
  std::vector<std::string> symbols;
  RiskLimits limits;
  std::vector<InstrumentRisk> instruments;
};

struct Config {
  RunConfig run;
  CoresConfig cores;
  Idle idle = Idle::SPIN;
  CapacityConfig capacity;
  FeedConfig feed;
  GatewayConfig gateway;
  RiskConfig risk;
};

// Both throw ConfigError and nothing else.
[[nodiscard]] Config load_config(const std::string& path);
[[nodiscard]] Config parse_config(std::string_view text);

}  // namespace hft::feedd
