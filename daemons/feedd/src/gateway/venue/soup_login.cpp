// SoupClient's way from DOWN to REPLAYING.
#include "gateway/venue/soup_client.hpp"

namespace hft::feedd {

using schema::VenueSession;

void SoupClient::dial(std::uint64_t now_ns, SoupSink& sink) noexcept {
  began_ns_ = now_ns;
  framer_.reset();
  more_ = false;
  stats_.connects.add();
  if (!stream_.connect(venue_)) return break_off(SessionBreak::CONNECT_FAILED, now_ns, sink);
  change(VenueSession::CONNECTING, sink);
}

void SoupClient::finish_dialing(std::uint64_t now_ns, SoupSink& sink) noexcept {
  switch (stream_.connection()) {
    case TcpStream::Connection::FAILED: return break_off(SessionBreak::CONNECT_FAILED, now_ns, sink);
    case TcpStream::Connection::OPEN: return log_in(now_ns, sink);
    case TcpStream::Connection::PENDING:
      if (now_ns - began_ns_ >= login_timeout_ns_) break_off(SessionBreak::LOGIN_TIMEOUT, now_ns, sink);
  }
}

void SoupClient::log_in(std::uint64_t now_ns, SoupSink& sink) noexcept {
  probing_ = !head_known_;
  soup::ask_for(login_.request, session_name(), probing_ ? 0 : next_sequence_);
  heard_ns_ = now_ns;
  // A new socket takes it; one that does not is broken.
  const Bytes packet{reinterpret_cast<const std::byte*>(&login_), login_bytes_};
  const SendResult result = send(VenueRequest::LOGIN, packet, now_ns);
  if (result == SendResult::WOULD_BLOCK) lose(SessionBreak::SEND_FAILED, now_ns);
  if (result == SendResult::SENT) session_ = VenueSession::LOGGING_IN;
  tell(sink);
}

void SoupClient::handle_login(const soup::Packet& packet, std::uint64_t now_ns, SoupSink& sink) noexcept {
  switch (packet.type) {
    case soup::LOGIN_ACCEPTED: return on_accepted(packet.payload, now_ns, sink);
    case soup::LOGIN_REJECTED: return on_rejected(packet.payload, now_ns, sink);
    case soup::DEBUG: return stats_.debug_packets.add();
    case soup::SERVER_HEARTBEAT: return stats_.server_heartbeats.add();  // of a venue that takes its time
    default: return break_off(SessionBreak::UNEXPECTED_PACKET, now_ns, sink);
  }
}

void SoupClient::on_accepted(Bytes payload, std::uint64_t now_ns, SoupSink& sink) noexcept {
  const auto accepted = soup::decode_accepted(payload);
  if (!accepted) return break_off(SessionBreak::LOGIN_MALFORMED, now_ns, sink);
  stats_.logins.add();
  if (!session_name().empty() && accepted->session != session_name()) {
    // Another session: ours is over, whether or not we heard its end.
    stream_.close();
    return change(VenueSession::ENDED, sink);
  }
  soup::set_right(name_, accepted->session);
  if (probing_) {
    head_ = accepted->sequence;
    head_known_ = true;
    if (head_ > next_sequence_) return end_probe(now_ns);
  } else if (accepted->sequence > next_sequence_) {
    return break_off(SessionBreak::REPLAY_GAP, now_ns, sink);
  }
  stream_sequence_ = accepted->sequence;
  progress_ns_ = now_ns;
  change(VenueSession::REPLAYING, sink);
}

void SoupClient::on_rejected(Bytes payload, std::uint64_t now_ns, SoupSink& sink) noexcept {
  const char reason = payload.empty() ? '\0' : static_cast<char>(payload[0]);
  lose(SessionBreak::LOGIN_REJECTED, now_ns);
  if (reason == soup::NOT_AUTHORISED) {
    stats_.login_rejects_authorisation.add();
    retry_ns_ = now_ns + backoff_.longest_ns();  // more tries may lock the account
  } else if (reason == soup::SESSION_NOT_AVAILABLE) {
    stats_.login_rejects_session.add();
  } else {
    stats_.login_rejects_other.add();
  }
  change(VenueSession::REJECTED, sink);
}

// Leaves in order and lets the venue close: it may allow one connection at a time.
void SoupClient::end_probe(std::uint64_t now_ns) noexcept {
  if (send(VenueRequest::LOGOUT, {reinterpret_cast<const std::byte*>(&logout_), sizeof logout_}, now_ns) ==
      SendResult::NO_SESSION) {
    return;  // told with the next poll
  }
  stream_.end_writing();
  hanging_up_ = true;
  goodbye_ns_ = now_ns + GOODBYE_NS;
}

void SoupClient::hang_up_probe(std::uint64_t now_ns, SoupSink& sink) noexcept {
  framer_.reset();
  std::size_t bytes = 0;
  const TcpStream::Read read = stream_.read(framer_.space(), bytes);
  const bool open = read == TcpStream::Read::DATA || read == TcpStream::Read::NOTHING;
  if (open && now_ns < goodbye_ns_) return;
  hanging_up_ = false;
  dial(now_ns, sink);
}

}  // namespace hft::feedd
