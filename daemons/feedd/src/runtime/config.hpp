// feedd's part of the suite's configuration file (deploy/hft.toml documents every key).
//
// Strict: an unknown key, a wrong type or a value out of range is a ConfigError that names the key's full
// path. daemons/hft/config.py checks the same file for the Python daemons, and [braind], which feedd skips.
#pragma once
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

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

struct Config {
  RunConfig run;
  CoresConfig cores;
  Idle idle = Idle::SPIN;
  CapacityConfig capacity;
  FeedConfig feed;
};

// Both throw ConfigError and nothing else.
[[nodiscard]] Config load_config(const std::string& path);
[[nodiscard]] Config parse_config(std::string_view text);

}  // namespace hft::feedd
