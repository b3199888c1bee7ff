// One table of the configuration file, read strictly: for config.cpp and what reads its parts.
#pragma once
#include <bit>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/config.hpp"
#include "runtime/toml.hpp"

namespace hft::feedd::config_detail {

inline std::string in_quotes(std::string_view text) {
  std::string out(1, '"');
  out += text;
  out += '"';
  return out;
}

using Kind = TomlNode::Kind;

inline void require(const std::string& key, Kind kind, const TomlNode& node) {
  if (node.kind == kind) return;
  throw ConfigError(key, "expected " + std::string(name_of(kind)) + ", got " + std::string(name_of(node.kind)));
}

// One table of the file. Every key is asked for by name; what nobody asked for is unknown.
class Section {
 public:
  Section(const TomlNode& table, std::string path) : table_(table), path_(std::move(path)) {}

  [[nodiscard]] std::string key(const std::string& name) const { return path_.empty() ? name : path_ + "." + name; }

  const TomlNode* find(const std::string& name) {
    known_.insert(name);
    const auto found = table_.table.find(name);
    return found == table_.table.end() ? nullptr : &found->second;
  }

  Section section(const std::string& name) {
    static const TomlNode EMPTY;
    const TomlNode* node = find(name);
    if (node != nullptr) require(key(name), Kind::TABLE, *node);
    return Section(node == nullptr ? EMPTY : *node, key(name));
  }

  template <class Integer>
  void integer(const std::string& name, std::int64_t min, std::int64_t max, Integer& out) {
    const TomlNode* node = find(name);
    if (node != nullptr) out = static_cast<Integer>(integer_of(key(name), *node, min, max));
  }

  template <class Integer>
  void power_of_two(const std::string& name, std::int64_t min, std::int64_t max, Integer& out) {
    integer(name, min, max, out);
    if (!std::has_single_bit(out)) throw ConfigError(key(name), std::to_string(out) + " is not a power of two");
  }

  std::optional<std::string> text(const std::string& name) {
    const TomlNode* node = find(name);
    if (node == nullptr) return std::nullopt;
    require(key(name), Kind::STRING, *node);
    return node->text;
  }

  template <class Value>
  void choice(const std::string& name, std::initializer_list<std::pair<std::string_view, Value>> choices, Value& out) {
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
  std::optional<Endpoint> endpoint(const std::string& name) {
    const auto given = text(name);
    if (!given || given->empty()) return std::nullopt;
    const auto parsed = parse_endpoint(*given);
    if (!parsed) throw ConfigError(key(name), in_quotes(*given) + " is not address:port");
    return parsed;
  }

  static std::int64_t integer_of(const std::string& key, const TomlNode& node, std::int64_t min, std::int64_t max) {
    require(key, Kind::INTEGER, node);
    const std::int64_t value = node.integer;
    if (value < min || value > max) {
      throw ConfigError(key,
                        std::to_string(value) + " is not within " + std::to_string(min) + " … " + std::to_string(max));
    }
    return value;
  }

  void finish() const {
    for (const auto& [name, node] : table_.table) {
      if (!known_.contains(name)) throw ConfigError(key(name), "unknown key");
    }
  }

 private:
  const TomlNode& table_;
  std::string path_;
  std::set<std::string> known_;
};

}  // namespace hft::feedd::config_detail
