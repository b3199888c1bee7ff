// A SoupBinTCP session, the client's side: connects, logs in, replays, keeps alive, comes back. Knows no OUCH.
//
//   DOWN ─ pause over ─ CONNECTING ─ LOGGING_IN ─ accepted ─ REPLAYING ─ replay_is_complete() ─ UP
//    ▲ any break: counted by its reason, then a pause that doubles        REJECTED: as DOWN, after a refused login
//
//   LOGGED_OFF after log_off(), until log_on().   ENDED when the session is over, for good: a process is for one
//   session, because order tokens start again with the next one.
//
// Sequenced messages reach the sink once each, in order, whatever the venue repeats. The stream does not say where a
// replay ends. So the first login of a process asks for nothing but what is new: its answer names the head of the
// stream. When there is something before it, that connection is given up for a second login that replays from what we
// need; what comes at or after head() was made after the replay was asked for.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

#include "gateway/venue.hpp"
#include "gateway/venue/backoff.hpp"
#include "gateway/venue/seen_messages.hpp"
#include "gateway/venue/tcp_stream.hpp"
#include "gateway/venue/venue_stats.hpp"
#include "protocol/soupbintcp.hpp"
#include "runtime/config.hpp"

namespace hft::feedd {

class SoupSink {
 public:
  virtual void on_session(schema::VenueSession session) noexcept = 0;
  // False: the message can not be read. The session breaks, and the next one has to repeat it.
  [[nodiscard]] virtual bool on_message(std::uint64_t sequence, Bytes message, std::uint64_t read_ts_ns) noexcept = 0;

 protected:
  ~SoupSink() = default;
};

class SoupClient {
 public:
  static constexpr unsigned PACKETS_A_POLL = 64;
  static constexpr std::uint64_t GOODBYE_NS = 1'000'000'000;  // wait for the venue to close after a logout

  // `config.venue` is set. Nothing is allocated later.
  SoupClient(const GatewayConfig& config, std::string_view password, VenueStats& stats, TcpStream::Clock clock);

  // At most one read and PACKETS_A_POLL packets; returns how many it handled. After log_off() it still hands over
  // what the venue says until it closes.
  unsigned poll(std::uint64_t now_ns, SoupSink& sink) noexcept;
  [[nodiscard]] schema::VenueSession session() const noexcept { return session_; }

  // To be asked only while REPLAYING or UP.
  [[nodiscard]] SendResult send(VenueRequest kind, Bytes packet, std::uint64_t now_ns) noexcept;
  // REPLAYING becomes UP.
  void replay_is_complete(SoupSink& sink) noexcept;
  // Sequence numbers from here on were not there yet when the replay was asked for.
  [[nodiscard]] std::uint64_t head() const noexcept { return head_; }
  // The next login learns it again.
  void forget_head() noexcept { head_known_ = false; }

  void log_off(std::uint64_t now_ns, SoupSink& sink) noexcept;
  void log_on() noexcept;

 private:
  [[nodiscard]] bool joined() const noexcept;
  void change(schema::VenueSession session, SoupSink& sink) noexcept;
  void tell(SoupSink& sink) noexcept;
  void lose(SessionBreak reason, std::uint64_t now_ns) noexcept;
  void break_off(SessionBreak reason, std::uint64_t now_ns, SoupSink& sink) noexcept;

  void dial(std::uint64_t now_ns, SoupSink& sink) noexcept;
  void finish_dialing(std::uint64_t now_ns, SoupSink& sink) noexcept;
  void log_in(std::uint64_t now_ns, SoupSink& sink) noexcept;
  void on_accepted(Bytes payload, std::uint64_t now_ns, SoupSink& sink) noexcept;
  void on_rejected(Bytes payload, std::uint64_t now_ns, SoupSink& sink) noexcept;
  void end_probe(std::uint64_t now_ns) noexcept;
  void hang_up_probe(std::uint64_t now_ns, SoupSink& sink) noexcept;

  unsigned receive(std::uint64_t now_ns, SoupSink& sink) noexcept;
  unsigned handle_packets(std::uint64_t now_ns, SoupSink& sink) noexcept;
  void handle(const soup::Packet& packet, std::uint64_t now_ns, SoupSink& sink) noexcept;
  void handle_login(const soup::Packet& packet, std::uint64_t now_ns, SoupSink& sink) noexcept;
  void on_sequenced(Bytes message, std::uint64_t now_ns, SoupSink& sink) noexcept;
  void keep_alive(std::uint64_t now_ns, SoupSink& sink) noexcept;

  [[nodiscard]] std::string_view session_name() const noexcept { return soup::trimmed({name_.data(), name_.size()}); }

  const Endpoint venue_;
  const std::uint64_t heartbeat_ns_, silence_ns_, login_timeout_ns_;
  const std::uint64_t steady_ns_;  // a session that has been UP for that long was a good one
  VenueStats& stats_;
  TcpStream::Clock clock_;
  TcpStream stream_;
  soup::Framer framer_;
  SeenMessages seen_;
  Backoff backoff_;
  soup::LoginRequest41 login_;  // or its beginning, for 3.0 and 4.0
  const std::size_t login_bytes_;
  soup::PacketHeader heartbeat_, logout_;

  schema::VenueSession session_ = schema::VenueSession::DOWN;
  schema::VenueSession told_ = schema::VenueSession::NONE;
  bool head_known_ = false;
  bool probing_ = false;             // this login asks where the head is
  bool hanging_up_ = false;          // and has learned it: the venue is to close
  bool more_ = false;                // whole packets may wait in the framer
  std::array<char, 10> name_;        // of the session, right-justified as on the wire; blank = the venue's current one
  std::uint64_t next_sequence_ = 1;  // first one that the sink has not got
  std::uint64_t stream_sequence_ = 1;  // of the next sequenced packet on this connection
  std::uint64_t head_ = 1;
  std::uint64_t retry_ns_ = 0;
  std::uint64_t began_ns_ = 0;  // of this try to connect and log in
  std::uint64_t heard_ns_ = 0;
  std::uint64_t sent_ns_ = 0;
  std::uint64_t progress_ns_ = 0;  // of the replay
  std::uint64_t up_ns_ = 0;        // when it was UP last
  std::uint64_t goodbye_ns_ = 0;   // then we close ourselves
  std::uint64_t read_ts_ns_ = 0;
};

}  // namespace hft::feedd
