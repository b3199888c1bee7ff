// An IPv4 address and port, as the configuration writes them: "233.54.12.111:26477".
#pragma once
#include <netinet/in.h>

#include <optional>
#include <string>
#include <string_view>

namespace hft::feedd {

struct Endpoint {
  in_addr address{};      // network byte order
  in_port_t port_be = 0;  // network byte order

  [[nodiscard]] bool is_multicast() const noexcept;
  [[nodiscard]] sockaddr_in socket_address() const noexcept;
  [[nodiscard]] std::string text() const;
};

// Dotted decimal without leading zeros; nothing is resolved. Empty = not an address.
[[nodiscard]] std::optional<in_addr> parse_address(std::string_view text);
// address:port with a port of 1 … 65535. Empty = not an endpoint.
[[nodiscard]] std::optional<Endpoint> parse_endpoint(std::string_view text);

}  // namespace hft::feedd
