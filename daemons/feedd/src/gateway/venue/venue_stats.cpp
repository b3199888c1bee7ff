#include "gateway/venue/venue_stats.hpp"

#include <string>

namespace hft::feedd {

std::string_view name_of(SessionBreak reason) noexcept {
  static constexpr std::array<std::string_view, SESSION_BREAKS> NAMES = {
      "connect_failed", "login_timeout",  "login_rejected", "login_malformed", "silence",           "closed",
      "receive_failed", "send_failed",    "zero_length",    "oversize",        "unexpected_packet", "short_message",
      "replay_gap",     "replay_differs", "replay_timeout"};
  return NAMES[static_cast<std::size_t>(reason)];
}

std::string_view name_of(VenueRequest request) noexcept {
  static constexpr std::array<std::string_view, VENUE_REQUESTS> NAMES = {
      "enter", "replace", "modify", "cancel", "account_query", "login", "logout", "heartbeat"};
  return NAMES[static_cast<std::size_t>(request)];
}

void VenueStats::declare(StatsRegistry& registry) {
  registry.written_by(StatWriter::GATEWAY);
  registry.gauge(session, "feedd_venue_session", "state");
  registry.counter(connects, "feedd_venue_connects_total", "connections");
  registry.counter(logins, "feedd_venue_logins_total", "logins");
  registry.gauge(next_sequence, "feedd_venue_next_sequence", "sequence");
  constexpr const char* REJECTS = "feedd_venue_login_rejects_total";
  registry.counter(login_rejects_authorisation, REJECTS, "logins", stat_label("reason", "not_authorised"));
  registry.counter(login_rejects_session, REJECTS, "logins", stat_label("reason", "session_not_available"));
  registry.counter(login_rejects_other, REJECTS, "logins", stat_label("reason", "other"));
  for (std::size_t i = 0; i < SESSION_BREAKS; ++i) {
    registry.counter(breaks[i], "feedd_venue_breaks_total", "breaks",
                     stat_label("reason", name_of(static_cast<SessionBreak>(i))));
  }
  for (std::size_t i = 0; i < VENUE_REQUESTS; ++i) {
    const std::string type = stat_label("type", name_of(static_cast<VenueRequest>(i)));
    registry.counter(sent[i], "feedd_venue_sent_total", "messages", type);
    registry.counter(would_block[i], "feedd_venue_send_would_block_total", "messages", type);
  }
  for (std::size_t i = 0; i < messages.size(); ++i) {
    registry.counter(messages[i], "feedd_venue_messages_total", "messages",
                     stat_label("type", ouch50::MESSAGE_TYPES.substr(i, 1)));
  }
  registry.counter(unknown_messages, "feedd_venue_unknown_messages_total", "messages");
  registry.counter(short_messages, "feedd_venue_short_messages_total", "messages");
  registry.counter(unknown_codes, "feedd_venue_unknown_codes_total", "messages");
  registry.counter(cut_appendages, "feedd_venue_cut_appendages_total", "messages");
  registry.counter(replayed, "feedd_venue_replayed_messages_total", "messages");
  registry.counter(duplicates, "feedd_venue_duplicate_messages_total", "messages");
  registry.counter(repeated, "feedd_venue_repeated_messages_total", "messages");
  registry.counter(server_heartbeats, "feedd_venue_server_heartbeats_total", "packets");
  registry.counter(debug_packets, "feedd_venue_debug_packets_total", "packets");
  registry.counter(unsequenced_packets, "feedd_venue_unsequenced_packets_total", "packets");
  registry.counter(received_bytes, "feedd_venue_received_bytes_total", "bytes");
  registry.counter(partial_writes, "feedd_venue_partial_writes_total", "messages");
}

}  // namespace hft::feedd
