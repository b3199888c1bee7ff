#include "runtime/config.hpp"

#include <toml++/toml.h>

#include <bit>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <utility>

namespace hft::feedd {
namespace {

std::string in_quotes(std::string_view text) { return "\"" + std::string(text) + "\""; }

std::string type_of(const toml::node& node) {
  std::ostringstream out;
  out << node.type();
  return out.str();
}

[[noreturn]] void wrong_type(const std::string& key, const char* expected, const toml::node& node) {
  throw ConfigError(key, std::string("expected ") + expected + ", got " + type_of(node));
}

// One table of the file. Every key is asked for by name; what nobody asked for is unknown.
class Section {
 public:
  Section(const toml::table& table, std::string path) : table_(table), path_(std::move(path)) {}

  [[nodiscard]] std::string key(std::string_view name) const {
    return path_.empty() ? std::string(name) : path_ + "." + std::string(name);
  }

  const toml::node* find(std::string_view name) {
    known_.insert(std::string(name));
    return table_.get(name);
  }

  Section section(std::string_view name) {
    static const toml::table EMPTY;
    const toml::node* node = find(name);
    if (node != nullptr && !node->is_table()) wrong_type(key(name), "a section", *node);
    return Section(node == nullptr ? EMPTY : *node->as_table(), key(name));
  }

  template <class Integer>
  void integer(std::string_view name, std::int64_t min, std::int64_t max, Integer& out) {
    const toml::node* node = find(name);
    if (node != nullptr) out = static_cast<Integer>(integer_of(key(name), *node, min, max));
  }

  template <class Integer>
  void power_of_two(std::string_view name, std::int64_t min, std::int64_t max, Integer& out) {
    integer(name, min, max, out);
    if (!std::has_single_bit(out)) throw ConfigError(key(name), std::to_string(out) + " is not a power of two");
  }

  std::optional<std::string> text(std::string_view name) {
    const toml::node* node = find(name);
    if (node == nullptr) return std::nullopt;
    if (!node->is_string()) wrong_type(key(name), "a string", *node);
    return node->as_string()->get();
  }

  template <class Value>
  void choice(std::string_view name, std::initializer_list<std::pair<std::string_view, Value>> choices, Value& out) {
    const auto given = text(name);
    if (!given) return;
    std::string known;
    for (const auto& [word, value] : choices) {
      if (word == *given) {
        out = value;
        return;
      }
      known += (known.empty() ? "" : ", ") + in_quotes(word);
    }
    throw ConfigError(key(name), in_quotes(*given) + " is none of " + known);
  }

  // Optional endpoint: absent and "" are the same.
  std::optional<Endpoint> endpoint(std::string_view name) {
    const auto given = text(name);
    if (!given || given->empty()) return std::nullopt;
    const auto parsed = parse_endpoint(*given);
    if (!parsed) throw ConfigError(key(name), in_quotes(*given) + " is not address:port");
    return parsed;
  }

  static std::int64_t integer_of(const std::string& key, const toml::node& node, std::int64_t min, std::int64_t max) {
    if (!node.is_integer()) wrong_type(key, "an integer", node);
    const std::int64_t value = node.as_integer()->get();
    if (value < min || value > max) {
      throw ConfigError(key, std::to_string(value) + " is not within " + std::to_string(min) + " … " + std::to_string(max));
    }
    return value;
  }

  void finish() const {
    for (const auto& [name, node] : table_) {
      if (!known_.contains(std::string(name.str()))) throw ConfigError(key(name.str()), "unknown key");
    }
  }

 private:
  const toml::table& table_;
  std::string path_;
  std::set<std::string> known_;
};

constexpr std::int64_t CORE_MAX = 1023;  // CPU_SETSIZE - 1

RunConfig read_run(Section section) {
  RunConfig run;
  if (const auto directory = section.text("directory")) run.directory = *directory;
  if (!run.directory.starts_with('/') || run.directory.find('\0') != std::string::npos) {
    throw ConfigError(section.key("directory"), in_quotes(run.directory) + " is not an absolute path");
  }
  section.choice<bool>("huge_pages", {{"require", true}, {"allow_small", false}}, run.require_huge_pages);
  section.choice<Mode>("mode", {{"observe", Mode::OBSERVE}, {"paper", Mode::PAPER}, {"live", Mode::LIVE}}, run.mode);
  section.finish();
  return run;
}

CoresConfig read_cores(Section section) {
  CoresConfig cores;
  std::map<std::int64_t, std::string> taken;
  const auto take = [&taken](const std::string& key, std::int64_t core) {
    if (core == NOT_PINNED) return;
    const auto [owner, free] = taken.emplace(core, key);
    if (!free) throw ConfigError(key, std::to_string(core) + " is already " + owner->second);
  };
  section.integer("market", NOT_PINNED, CORE_MAX, cores.market);
  section.integer("gateway", NOT_PINNED, CORE_MAX, cores.gateway);
  section.integer("brain", NOT_PINNED, CORE_MAX, cores.brain);
  take(section.key("market"), cores.market);
  take(section.key("gateway"), cores.gateway);
  take(section.key("brain"), cores.brain);
  if (const toml::node* node = section.find("housekeeping")) {
    const std::string key = section.key("housekeeping");
    if (!node->is_array()) wrong_type(key, "an array", *node);
    for (const toml::node& element : *node->as_array()) {
      const std::string element_key = key + "[" + std::to_string(cores.housekeeping.size()) + "]";
      const std::int64_t core = Section::integer_of(element_key, element, 0, CORE_MAX);
      take(element_key, core);
      cores.housekeeping.push_back(static_cast<int>(core));
    }
  }
  section.finish();
  return cores;
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
  section.choice<std::string_view>("protocol", {{"itch50", "itch50"}}, protocol);
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
  const auto milliseconds = [&section](std::string_view name, std::int64_t min, std::int64_t max, std::uint64_t& out_ns) {
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
  toml::table tree;
  try {
    tree = toml::parse(text);
  } catch (const toml::parse_error& error) {
    const auto at = error.source().begin;
    throw ConfigError("", "not TOML: line " + std::to_string(at.line) + ", column " + std::to_string(at.column) + ": " +
                              std::string(error.description()));
  }
  Section root(tree, "");
  Config config;
  config.run = read_run(root.section("run"));
  config.cores = read_cores(root.section("cores"));
  Section feedd = root.section("feedd");
  feedd.choice<Idle>("idle", {{"spin", Idle::SPIN}, {"backoff", Idle::BACKOFF}}, config.idle);
  config.capacity = read_capacity(feedd.section("capacity"));
  config.feed = read_feed(feedd.section("feed"));
  feedd.finish();
  root.section("braind");  // its keys are checked by braind and by `hft config check`
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
