// The parts of the configuration that orders need: [feedd.gateway] and [risk].
#pragma once
#include "runtime/config_section.hpp"

namespace hft::feedd {

// Both throw ConfigError.
[[nodiscard]] GatewayConfig read_gateway(config_detail::Section section);
[[nodiscard]] RiskConfig read_risk(config_detail::Section section, std::uint32_t orders);

}  // namespace hft::feedd
