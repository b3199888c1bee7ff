#include "runtime/config_cores.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

namespace hft::feedd {
namespace {

using config_detail::in_quotes;
using config_detail::Kind;
using config_detail::require;
using config_detail::Section;

constexpr std::int64_t CORE_MAX = 1023;  // CPU_SETSIZE - 1
constexpr std::size_t CORES_MAX = 1024;

void take(TakenCores& taken, const std::string& key, std::int64_t core) {
  if (core == NOT_PINNED) return;
  const auto [owner, free] = taken.emplace(core, key);
  if (!free) throw ConfigError(key, std::to_string(core) + " is already " + owner->second);
}

std::string element_key(const std::string& key, std::size_t index) { return key + "[" + std::to_string(index) + "]"; }

const std::vector<TomlNode>& array(Section& section, const std::string& name, std::size_t size_max) {
  static const std::vector<TomlNode> NONE;
  const TomlNode* node = section.find(name);
  if (node == nullptr) return NONE;
  require(section.key(name), Kind::ARRAY, *node);
  if (node->array.size() > size_max) throw ConfigError(section.key(name), "more than " + std::to_string(size_max));
  return node->array;
}

std::vector<int> core_list(Section& section, const std::string& name) {
  std::vector<int> cores;
  for (const TomlNode& element : array(section, name, CORES_MAX)) {
    const std::string key = element_key(section.key(name), cores.size());
    cores.push_back(static_cast<int>(Section::integer_of(key, element, 0, CORE_MAX)));
  }
  return cores;
}

void take_all(TakenCores& taken, const std::string& key, const std::vector<int>& cores) {
  for (std::size_t i = 0; i < cores.size(); ++i) take(taken, element_key(key, i), cores[i]);
}

bool is_alphanumeric(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// A shell or systemd reads these: no quotes, blanks, dollars or backslashes.
bool is_argument(std::string_view text) noexcept {
  const auto fits = [](char c) {
    return is_alphanumeric(c) || std::string_view("_.,:=/@+-").find(c) != std::string_view::npos;
  };
  return !text.empty() && text.size() <= 200 && std::all_of(text.begin(), text.end(), fits);
}

bool is_interface(std::string_view text) noexcept {
  const auto fits = [](char c) { return is_alphanumeric(c) || c == '_' || c == '.' || c == '-'; };
  return !text.empty() && text.size() <= 15 && is_alphanumeric(text[0]) && std::all_of(text.begin(), text.end(), fits);
}

void check_words(Section& section, const std::string& name, std::size_t size_max, bool (*is_one)(std::string_view),
                 const char* wanted) {
  std::vector<std::string> words;
  for (const TomlNode& element : array(section, name, size_max)) {
    const std::string key = element_key(section.key(name), words.size());
    require(key, Kind::STRING, element);
    if (!is_one(element.text)) throw ConfigError(key, in_quotes(element.text) + " is not " + wanted);
    if (std::find(words.begin(), words.end(), element.text) != words.end()) {
      throw ConfigError(key, in_quotes(element.text) + " is named twice");
    }
    words.push_back(element.text);
  }
}

}  // namespace

CoresConfig read_cores(Section section, TakenCores& taken) {
  CoresConfig cores;
  section.integer("market", NOT_PINNED, CORE_MAX, cores.market);
  section.integer("gateway", NOT_PINNED, CORE_MAX, cores.gateway);
  int brain = NOT_PINNED;  // braind's, but nobody else's
  section.integer("brain", NOT_PINNED, CORE_MAX, brain);
  take(taken, section.key("market"), cores.market);
  take(taken, section.key("gateway"), cores.gateway);
  take(taken, section.key("brain"), brain);
  cores.housekeeping = core_list(section, "housekeeping");
  take_all(taken, section.key("housekeeping"), cores.housekeeping);
  section.finish();
  return cores;
}

void check_host(Section section, TakenCores taken) {
  std::string_view word;
  section.choice<std::string_view>("profile", {{"isolated", ""}, {"untuned", ""}}, word);
  std::int64_t number = 0;
  section.integer("numa_node", NOT_PINNED, CORE_MAX, number);
  take_all(taken, section.key("reserved_cores"), core_list(section, "reserved_cores"));
  // The rest of the machine may live on housekeeping cores, but not where it is meant to be quiet.
  std::erase_if(taken, [](const auto& entry) { return entry.second.starts_with("cores.housekeeping"); });
  take_all(taken, section.key("system_cores"), core_list(section, "system_cores"));
  section.integer("huge_pages", 0, 1 << 24, number);
  check_words(section, "kernel_arguments", 32, &is_argument, "a kernel argument");
  check_words(section, "interfaces", 8, &is_interface, "the name of an interface");
  section.integer("nic_queues", 1, 64, number);
  section.integer("nic_ring_entries", 64, 65536, number);
  section.choice<std::string_view>("clock", {{"none", ""}, {"ntp", ""}, {"ptp", ""}}, word);
  section.integer("clock_offset_us_max", 1, 1'000'000, number);
  section.finish();
}

}  // namespace hft::feedd
