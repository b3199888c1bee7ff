// What the venue session counts: docs/METRICS.md has a line for each name.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "feedd/stats.hpp"
#include "protocol/ouch50.hpp"
#include "runtime/stats_registry.hpp"

namespace hft::feedd {

// Why a connection, or the try to make one, ended other than by log_off() or the venue's end of session.
enum class SessionBreak : std::uint8_t {
  CONNECT_FAILED,  // refused, unreachable, or the system gave no socket
  LOGIN_TIMEOUT,   // not connected and logged in within login_timeout
  LOGIN_REJECTED,
  LOGIN_MALFORMED,  // an answer to the login that can not be read
  SILENCE,          // nothing heard for silence_ms
  CLOSED,           // by the venue
  RECEIVE_FAILED,
  SEND_FAILED,        // also: a part of a message could not follow
  ZERO_LENGTH,        // a packet of no type
  OVERSIZE,           // a packet longer than the buffer
  UNEXPECTED_PACKET,  // a type that is unknown or has no place here
  SHORT_MESSAGE,      // a message shorter than its type, met for the first time
  REPLAY_GAP,         // the venue begins after the message that we need next
  REPLAY_DIFFERS,     // the venue sends another message under a number that we have seen
  REPLAY_TIMEOUT,     // the replay, or the answer to the account query, stopped coming
};
inline constexpr std::size_t SESSION_BREAKS = 15;
[[nodiscard]] std::string_view name_of(SessionBreak reason) noexcept;

enum class VenueRequest : std::uint8_t { ENTER, REPLACE, MODIFY, CANCEL, ACCOUNT_QUERY, LOGIN, LOGOUT, HEARTBEAT };
inline constexpr std::size_t VENUE_REQUESTS = 8;
[[nodiscard]] std::string_view name_of(VenueRequest request) noexcept;

struct VenueStats {
  Counter session;  // schema::VenueSession
  Counter connects, logins, next_sequence;
  Counter login_rejects_authorisation, login_rejects_session, login_rejects_other;
  std::array<Counter, SESSION_BREAKS> breaks;
  std::array<Counter, VENUE_REQUESTS> sent;
  std::array<Counter, VENUE_REQUESTS> would_block;
  std::array<Counter, ouch50::MESSAGE_TYPES.size()> messages;  // by type, in the order of MESSAGE_TYPES
  Counter unknown_messages, short_messages, unknown_codes, cut_appendages;
  Counter replayed, duplicates, repeated;
  Counter server_heartbeats, debug_packets, unsequenced_packets;
  Counter received_bytes, partial_writes;

  void declare(StatsRegistry& registry);
  // Of a good message.
  [[nodiscard]] Counter& of_type(std::byte type) noexcept {
    return messages[TYPE_INDEX[static_cast<std::size_t>(type)]];
  }

 private:
  static constexpr std::array<std::uint8_t, 256> TYPE_INDEX = [] {
    std::array<std::uint8_t, 256> index{};
    for (std::size_t i = 0; i < ouch50::MESSAGE_TYPES.size(); ++i) {
      index[static_cast<std::uint8_t>(ouch50::MESSAGE_TYPES[i])] = static_cast<std::uint8_t>(i);
    }
    return index;
  }();
};

}  // namespace hft::feedd
