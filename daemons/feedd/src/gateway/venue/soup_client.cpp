#include "gateway/venue/soup_client.hpp"

namespace hft::feedd {
namespace {

using schema::VenueSession;

// Holds any packet, so OVERSIZE is a matter of the protocol's own limit, and some packets to a read.
constexpr std::size_t BUFFER_BYTES = 2 * (1u << 16) + sizeof(soup::PacketHeader);

// Times come from several readings of the clock: `since` may be the younger one.
bool is_over(std::uint64_t since_ns, std::uint64_t duration_ns, std::uint64_t now_ns) noexcept {
  return now_ns >= since_ns && now_ns - since_ns >= duration_ns;
}

// Coming back at once would meet the same.
bool needs_people(SessionBreak reason) noexcept {
  return reason == SessionBreak::REPLAY_GAP || reason == SessionBreak::REPLAY_DIFFERS;
}

soup::LoginRequest41 login_of(const GatewayConfig& config, std::string_view password) noexcept {
  const soup::Credentials who{config.username, password};
  if (config.soupbintcp == SoupVersion::V41) {
    return soup::login_request_41(who, static_cast<std::uint32_t>(config.silence_ns / 1'000'000));
  }
  return {soup::login_request(who), {}};
}

Bytes bytes_of(const soup::PacketHeader& packet) noexcept {
  return {reinterpret_cast<const std::byte*>(&packet), sizeof packet};
}

}  // namespace

SoupClient::SoupClient(const GatewayConfig& config, std::string_view password, VenueStats& stats,
                       TcpStream::Clock clock)
    : venue_(*config.venue),
      heartbeat_ns_(config.heartbeat_ns),
      silence_ns_(config.silence_ns),
      login_timeout_ns_(config.login_timeout_ns),
      steady_ns_(config.reconnect_ns_max),
      stats_(stats),
      clock_(clock),
      stream_(clock),
      framer_(BUFFER_BYTES),
      backoff_(config.reconnect_ns, config.reconnect_ns_max, monotonic_ns()),
      login_(login_of(config, password)),
      login_bytes_(config.soupbintcp == SoupVersion::V41 ? sizeof login_ : sizeof login_.request),
      heartbeat_(soup::header_of(soup::CLIENT_HEARTBEAT, 0)),
      logout_(soup::header_of(soup::LOGOUT_REQUEST, 0)) {
  soup::set_right(name_, config.session);
}

unsigned SoupClient::poll(std::uint64_t now_ns, SoupSink& sink) noexcept {
  tell(sink);  // what broke while sending
  if (hanging_up_) {
    hang_up_probe(now_ns, sink);
    return 0;
  }
  switch (session_) {
    case VenueSession::DOWN:
    case VenueSession::REJECTED:
      if (now_ns >= retry_ns_) dial(now_ns, sink);
      return 0;
    case VenueSession::CONNECTING: finish_dialing(now_ns, sink); return 0;
    case VenueSession::LOGGING_IN:
    case VenueSession::REPLAYING:
    case VenueSession::UP: {
      const unsigned handled = receive(now_ns, sink);
      keep_alive(now_ns, sink);
      return handled;
    }
    case VenueSession::LOGGED_OFF: {
      if (!stream_.is_open()) return 0;
      const unsigned handled = receive(now_ns, sink);
      if (now_ns >= goodbye_ns_) stream_.close();
      return handled;
    }
    default: return 0;
  }
}

SendResult SoupClient::send(VenueRequest kind, Bytes packet, std::uint64_t now_ns) noexcept {
  const auto index = static_cast<std::size_t>(kind);
  const TcpStream::Write written = stream_.write(packet);
  stats_.partial_writes.set(stream_.partial_writes());
  switch (written) {
    case TcpStream::Write::WHOLE:
      stats_.sent[index].add();
      sent_ns_ = now_ns;
      return SendResult::SENT;
    case TcpStream::Write::WOULD_BLOCK: stats_.would_block[index].add(); return SendResult::WOULD_BLOCK;
    case TcpStream::Write::BROKEN: break;
  }
  lose(SessionBreak::SEND_FAILED, now_ns);
  return SendResult::NO_SESSION;
}

void SoupClient::replay_is_complete(SoupSink& sink) noexcept {
  if (session_ != VenueSession::REPLAYING) return;
  up_ns_ = clock_();
  change(VenueSession::UP, sink);
}

void SoupClient::log_off(std::uint64_t now_ns, SoupSink& sink) noexcept {
  if (session_ == VenueSession::ENDED || session_ == VenueSession::LOGGED_OFF) return;
  // A logout that does not fit behind what waits is said by the end of the stream.
  if (joined() && send(VenueRequest::LOGOUT, bytes_of(logout_), now_ns) != SendResult::NO_SESSION) {
    stream_.end_writing();
    goodbye_ns_ = now_ns + GOODBYE_NS;
  } else {
    stream_.close();
  }
  hanging_up_ = false;
  change(VenueSession::LOGGED_OFF, sink);
}

void SoupClient::log_on() noexcept {
  if (session_ != VenueSession::LOGGED_OFF) return;
  stream_.close();
  backoff_.reset();
  retry_ns_ = 0;
  session_ = VenueSession::DOWN;
}

bool SoupClient::joined() const noexcept { return session_ == VenueSession::REPLAYING || session_ == VenueSession::UP; }

void SoupClient::change(VenueSession session, SoupSink& sink) noexcept {
  session_ = session;
  tell(sink);
}

void SoupClient::tell(SoupSink& sink) noexcept {
  if (told_ == session_) return;
  told_ = session_;
  stats_.session.set(static_cast<std::uint64_t>(session_));
  sink.on_session(session_);
}

// Without telling: nobody listens while sending. A session that is lost as soon as it is up leaves the pauses long: two
// clients of one account, who throw each other out, would else do so as often as they can.
void SoupClient::lose(SessionBreak reason, std::uint64_t now_ns) noexcept {
  stream_.close();
  hanging_up_ = false;
  if (session_ == VenueSession::LOGGED_OFF) return;  // we were leaving anyway
  stats_.breaks[static_cast<std::size_t>(reason)].add();
  if (session_ == VenueSession::UP && is_over(up_ns_, steady_ns_, now_ns)) backoff_.reset();
  retry_ns_ = now_ns + (needs_people(reason) ? backoff_.longest_ns() : backoff_.next_ns());
  session_ = VenueSession::DOWN;
}

void SoupClient::break_off(SessionBreak reason, std::uint64_t now_ns, SoupSink& sink) noexcept {
  lose(reason, now_ns);
  tell(sink);
}

unsigned SoupClient::receive(std::uint64_t now_ns, SoupSink& sink) noexcept {
  if (!more_) {
    std::size_t bytes = 0;
    switch (stream_.read(framer_.space(), bytes)) {
      case TcpStream::Read::NOTHING: return 0;
      case TcpStream::Read::CLOSED: break_off(SessionBreak::CLOSED, now_ns, sink); return 0;
      case TcpStream::Read::FAILED: break_off(SessionBreak::RECEIVE_FAILED, now_ns, sink); return 0;
      case TcpStream::Read::DATA: break;
    }
    framer_.filled(bytes);
    heard_ns_ = now_ns;
    read_ts_ns_ = clock_();
    stats_.received_bytes.add(bytes);
  }
  return handle_packets(now_ns, sink);
}

unsigned SoupClient::handle_packets(std::uint64_t now_ns, SoupSink& sink) noexcept {
  more_ = true;
  unsigned handled = 0;
  while (handled < PACKETS_A_POLL && stream_.is_open() && !hanging_up_) {
    soup::Packet packet;
    switch (framer_.next(packet)) {
      case soup::Framer::Next::INCOMPLETE: more_ = false; return handled;
      case soup::Framer::Next::ZERO_LENGTH: break_off(SessionBreak::ZERO_LENGTH, now_ns, sink); return handled;
      case soup::Framer::Next::OVERSIZE: break_off(SessionBreak::OVERSIZE, now_ns, sink); return handled;
      case soup::Framer::Next::PACKET: break;
    }
    ++handled;
    if (session_ == VenueSession::LOGGING_IN) {
      handle_login(packet, now_ns, sink);
    } else {
      handle(packet, now_ns, sink);
    }
  }
  return handled;
}

void SoupClient::handle(const soup::Packet& packet, std::uint64_t now_ns, SoupSink& sink) noexcept {
  switch (packet.type) {
    case soup::SEQUENCED: return on_sequenced(packet.payload, now_ns, sink);
    case soup::SERVER_HEARTBEAT: return stats_.server_heartbeats.add();
    case soup::UNSEQUENCED: return stats_.unsequenced_packets.add();
    case soup::DEBUG: return stats_.debug_packets.add();
    case soup::END_OF_SESSION: stream_.close(); return change(VenueSession::ENDED, sink);
    default: return break_off(SessionBreak::UNEXPECTED_PACKET, now_ns, sink);
  }
}

void SoupClient::on_sequenced(Bytes message, std::uint64_t now_ns, SoupSink& sink) noexcept {
  const std::uint64_t sequence = stream_sequence_++;
  if (sequence < next_sequence_) {
    stats_.duplicates.add();
    if (!seen_.agrees(sequence, message)) break_off(SessionBreak::REPLAY_DIFFERS, now_ns, sink);
    return;
  }
  progress_ns_ = now_ns;
  const bool readable = sink.on_message(sequence, message, read_ts_ns_);
  const bool again = seen_.has(sequence, message);
  seen_.remember(sequence, message);
  if (!readable && !again) return break_off(SessionBreak::SHORT_MESSAGE, now_ns, sink);
  stats_.short_messages.add(!readable);  // the same again is what the venue says, and no way past it leads back
  next_sequence_ = sequence + 1;
  stats_.next_sequence.set(next_sequence_);
}

void SoupClient::keep_alive(std::uint64_t now_ns, SoupSink& sink) noexcept {
  if (session_ == VenueSession::LOGGING_IN) {
    if (is_over(began_ns_, login_timeout_ns_, now_ns)) break_off(SessionBreak::LOGIN_TIMEOUT, now_ns, sink);
    return;
  }
  if (!joined()) return;
  if (is_over(heard_ns_, silence_ns_, now_ns)) return break_off(SessionBreak::SILENCE, now_ns, sink);
  if (session_ == VenueSession::REPLAYING && is_over(progress_ns_, login_timeout_ns_, now_ns)) {
    return break_off(SessionBreak::REPLAY_TIMEOUT, now_ns, sink);
  }
  if (!is_over(sent_ns_, heartbeat_ns_, now_ns)) return;
  // A full socket will tell the venue of us, too.
  if (send(VenueRequest::HEARTBEAT, bytes_of(heartbeat_), now_ns) == SendResult::WOULD_BLOCK) sent_ns_ = now_ns;
  tell(sink);
}

}  // namespace hft::feedd
