// The parts of the configuration that name cores: [cores], and [host], of which feedd checks the form only.
#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "runtime/config_section.hpp"

namespace hft::feedd {

// The key that took each core.
using TakenCores = std::map<std::int64_t, std::string>;

// Both throw ConfigError.
[[nodiscard]] CoresConfig read_cores(config_detail::Section section, TakenCores& taken);
void check_host(config_detail::Section section, TakenCores taken);

}  // namespace hft::feedd
