// The parts of the configuration that orders need: [feedd.gateway] and [risk].
#pragma once
#include "runtime/config_section.hpp"

namespace hft::feedd {

// Both throw ConfigError.
[[nodiscard]] GatewayConfig read_gateway(config_detail::Section section);
[[nodiscard]] RiskConfig read_risk(config_detail::Section section, const GatewayConfig& gateway);

}  // namespace hft::feedd
