// Wire bytes for tests: MoldUDP64 packets and ITCH messages built through the wire structs.
#pragma once
#include <cstring>
#include <string_view>
#include <vector>

#include "protocol/itch50.hpp"
#include "protocol/moldudp64.hpp"

namespace hft::feedd::test {

using Buffer = std::vector<std::byte>;

inline MoldSession session_named(std::string_view name) {
  MoldSession session;
  session.fill(' ');
  std::memcpy(session.data(), name.data(), name.size());
  return session;
}

template <class Struct>
Buffer bytes_of(const Struct& message) {
  Buffer bytes(sizeof message);
  std::memcpy(bytes.data(), &message, sizeof message);
  return bytes;
}

inline Buffer from_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  Buffer bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  }
  return bytes;
}

// A packet as a venue sends it; `count` other than the number of messages makes heartbeats and broken packets.
inline Buffer packet(const MoldSession& session, std::uint64_t sequence, const std::vector<Buffer>& messages,
                     std::uint16_t count) {
  MoldHeader header{};
  header.session.raw = session;
  header.sequence.set(sequence);
  header.count.set(count);
  Buffer bytes = bytes_of(header);
  for (const Buffer& message : messages) {
    U16be length{};
    length.set(static_cast<std::uint16_t>(message.size()));
    bytes.insert(bytes.end(), length.raw.begin(), length.raw.end());
    bytes.insert(bytes.end(), message.begin(), message.end());
  }
  return bytes;
}

template <class Struct>
Struct itch(char type, std::uint16_t locate, std::uint64_t timestamp_ns = 0) {
  Struct message{};
  auto& prefix = reinterpret_cast<itch50::Prefix&>(message);
  prefix.type = type;
  prefix.stock_locate.set(locate);
  prefix.timestamp_ns.set(timestamp_ns);
  return message;
}

inline itch50::Stock stock(std::string_view name) {
  itch50::Stock padded;
  padded.raw.fill(' ');
  std::memcpy(padded.raw.data(), name.data(), name.size());
  return padded;
}

inline Buffer system_event(char code) {
  auto message = itch<itch50::SystemEvent>('S', 0);
  message.event_code = code;
  return bytes_of(message);
}

inline Buffer add(std::uint16_t locate, std::uint64_t reference, char side, std::uint32_t shares,
                  std::uint32_t price_e4, std::string_view symbol = "TEST") {
  auto message = itch<itch50::AddOrder>('A', locate);
  message.order_reference.set(reference);
  message.side = side;
  message.shares.set(shares);
  message.stock = stock(symbol);
  message.price_e4.set(price_e4);
  return bytes_of(message);
}

inline Buffer executed(std::uint16_t locate, std::uint64_t reference, std::uint32_t shares, std::uint64_t match = 0) {
  auto message = itch<itch50::OrderExecuted>('E', locate);
  message.order_reference.set(reference);
  message.executed_shares.set(shares);
  message.match_number.set(match);
  return bytes_of(message);
}

inline Buffer deleted(std::uint16_t locate, std::uint64_t reference) {
  auto message = itch<itch50::OrderDelete>('D', locate);
  message.order_reference.set(reference);
  return bytes_of(message);
}

inline Buffer replaced(std::uint16_t locate, std::uint64_t original, std::uint64_t reference, std::uint32_t shares,
                       std::uint32_t price_e4) {
  auto message = itch<itch50::OrderReplace>('U', locate);
  message.original_reference.set(original);
  message.new_reference.set(reference);
  message.shares.set(shares);
  message.price_e4.set(price_e4);
  return bytes_of(message);
}

}  // namespace hft::feedd::test
