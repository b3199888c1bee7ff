#include "runtime/config.hpp"

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <utility>

#include "runtime/config_cores.hpp"
#include "runtime/config_orders.hpp"
#include "runtime/config_section.hpp"

namespace hft::feedd {
namespace {

using config_detail::in_quotes;
using config_detail::Section;

// sockaddr_un holds 107 bytes: a slash and a socket's name must fit behind it.
constexpr std::size_t CONTROL_DIRECTORY_BYTES_MAX = 90;

RunConfig read_run(Section section) {
  RunConfig run;
  const auto path = [&section](const std::string& name, std::string& out) {
    if (const auto given = section.text(name)) out = *given;
    if (!out.starts_with('/') || out.find('\0') != std::string::npos) {
      throw ConfigError(section.key(name), in_quotes(out) + " is not an absolute path");
    }
  };
  path("directory", run.directory);
  path("control_directory", run.control_directory);
  if (run.control_directory.size() > CONTROL_DIRECTORY_BYTES_MAX) {
    throw ConfigError(section.key("control_directory"), "longer than " + std::to_string(CONTROL_DIRECTORY_BYTES_MAX) +
                                                            " bytes: its sockets would have no address");
  }
  std::uint64_t interval_ms = run.heartbeat_interval_ns / 1'000'000;
  section.integer("heartbeat_interval_ms", 1, 1000, interval_ms);
  run.heartbeat_interval_ns = interval_ms * 1'000'000;
  section.choice<bool>("huge_pages", {{"require", true}, {"allow_small", false}}, run.require_huge_pages);
  std::string_view mode;  // what may be armed is watchd's to say, so all modes are the same here
  section.choice<std::string_view>("mode", {{"observe", ""}, {"paper", ""}, {"live", ""}}, mode);
  section.finish();
  return run;
}

CapacityConfig read_capacity(Section section) {
  CapacityConfig capacity;
  section.power_of_two("market_ring_records", 1024, 1 << 26, capacity.market_ring_records);
  section.power_of_two("updates_ring_records", 1024, 1 << 22, capacity.updates_ring_records);
  section.integer("instruments", 16, 65536, capacity.instruments);
  section.integer("orders", 1024, 1 << 26, capacity.orders);
  section.integer("levels", 1024, 1 << 26, capacity.levels);
  section.finish();
  return capacity;
}

void read_addresses(Section& section, FeedConfig& feed) {
  const auto line_a = section.endpoint("line_a");
  if (!line_a && section.text("line_a")) throw ConfigError(section.key("line_a"), "\"\" is not address:port");
  if (!line_a) throw ConfigError(section.key("line_a"), "missing, it has no default");
  feed.line_a = *line_a;
  feed.line_b = section.endpoint("line_b");
  if (feed.line_b && feed.line_b->text() == feed.line_a.text()) {
    throw ConfigError(section.key("line_b"), in_quotes(feed.line_b->text()) + " is line_a");
  }
  const std::string interface_text = section.text("interface").value_or("127.0.0.1");
  const auto interface_address = parse_address(interface_text);
  if (!interface_address || Endpoint{*interface_address, 0}.is_multicast()) {
    throw ConfigError(section.key("interface"), in_quotes(interface_text) + " is not the IPv4 address of an interface");
  }
  feed.interface = *interface_address;
  feed.request_server = section.endpoint("request_server");
  if (feed.request_server && feed.request_server->is_multicast()) {
    throw ConfigError(section.key("request_server"), in_quotes(feed.request_server->text()) + " is a multicast group");
  }
}

FeedConfig read_feed(Section section) {
  constexpr std::uint64_t MILLISECOND_NS = 1'000'000;
  FeedConfig feed;
  std::string_view protocol;
  section.choice<std::string_view>("protocol", {{"itch50", ""}}, protocol);
  read_addresses(section, feed);
  const std::string date = section.text("trading_date").value_or("today");
  if (date != "today") {
    feed.trading_date = parse_date(date);
    if (!feed.trading_date) {
      throw ConfigError(section.key("trading_date"),
                        in_quotes(date) + " is neither \"today\" nor a date from 2007-01-01 to 2099-12-31");
    }
  }
  section.choice<Join>("join", {{"start", Join::START}, {"live", Join::LIVE}}, feed.join);
  section.integer("reorder_window_messages", 1, 1 << 20, feed.reorder_window_messages);
  const auto milliseconds = [&section](const std::string& name, std::int64_t min, std::int64_t max,
                                       std::uint64_t& out_ns) {
    std::uint64_t value = out_ns / MILLISECOND_NS;
    section.integer(name, min, max, value);
    out_ns = value * MILLISECOND_NS;
  };
  milliseconds("gap_timeout_ms", 1, 60'000, feed.gap_timeout_ns);
  milliseconds("request_interval_ms", 1, 60'000, feed.request_interval_ns);
  milliseconds("silence_alarm_ms", 10, 3'600'000, feed.silence_alarm_ns);
  std::uint64_t tick_interval_us = feed.tick_interval_ns / 1000;
  section.integer("tick_interval_us", 10, 10'000'000, tick_interval_us);
  feed.tick_interval_ns = tick_interval_us * 1000;
  section.integer("receive_buffer_bytes", 65536, 1 << 30, feed.receive_buffer_bytes);
  section.integer("busy_poll_us", 0, 1000, feed.busy_poll_us);
  section.finish();
  return feed;
}

}  // namespace

Config parse_config(std::string_view text) {
  TomlNode tree;
  try {
    tree = parse_toml(text);
  } catch (const TomlError& error) {
    throw ConfigError("", std::string("not TOML: ") + error.what());
  }
  Section root(tree, "");
  Config config;
  config.run = read_run(root.section("run"));
  TakenCores taken;
  config.cores = read_cores(root.section("cores"), taken);
  check_host(root.section("host"), taken);
  Section feedd = root.section("feedd");
  feedd.choice<Idle>("idle", {{"spin", Idle::SPIN}, {"backoff", Idle::BACKOFF}}, config.idle);
  config.capacity = read_capacity(feedd.section("capacity"));
  config.feed = read_feed(feedd.section("feed"));
  config.gateway = read_gateway(feedd.section("gateway"));
  feedd.finish();
  config.risk = read_risk(root.section("risk"), config.gateway);
  root.section("braind");  // its keys are checked by braind and by `hft config check`
  root.section("watchd");  // likewise
  root.finish();
  return config;
}

Config load_config(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.is_open() || file.bad() || std::filesystem::is_directory(path)) throw ConfigError("", "can not read it");
  return parse_config(text);
}

}  // namespace hft::feedd
