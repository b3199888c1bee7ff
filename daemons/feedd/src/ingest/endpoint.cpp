#include "ingest/endpoint.hpp"

#include <arpa/inet.h>

#include <array>
#include <charconv>

namespace hft::feedd {

bool Endpoint::is_multicast() const noexcept { return IN_MULTICAST(ntohl(address.s_addr)); }

sockaddr_in Endpoint::socket_address() const noexcept {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_addr = address;
  out.sin_port = port_be;
  return out;
}

std::string Endpoint::text() const {
  std::array<char, INET_ADDRSTRLEN> host{};
  ::inet_ntop(AF_INET, &address, host.data(), host.size());
  return std::string(host.data()) + ":" + std::to_string(ntohs(port_be));
}

std::optional<in_addr> parse_address(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  in_addr address{};
  if (::inet_pton(AF_INET, std::string(text).c_str(), &address) != 1) return std::nullopt;
  // Only the canonical spelling: inet_pton itself is lenient in some libraries.
  std::array<char, INET_ADDRSTRLEN> canonical{};
  ::inet_ntop(AF_INET, &address, canonical.data(), canonical.size());
  if (text != canonical.data()) return std::nullopt;
  return address;
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view port_text = text.substr(colon + 1);
  const auto address = parse_address(text.substr(0, colon));
  std::uint16_t port = 0;
  const char* end = port_text.data() + port_text.size();
  const auto parsed = std::from_chars(port_text.data(), end, port);
  const bool plain = !port_text.empty() && port_text.front() != '0' && parsed.ec == std::errc() && parsed.ptr == end;
  if (!address || !plain) return std::nullopt;
  return Endpoint{*address, htons(port)};
}

}  // namespace hft::feedd
