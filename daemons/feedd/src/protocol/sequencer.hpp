// MoldUDP64 sequencing: packets of two lines and of the retransmission server in, one gapless stream out.
//
//   packet ─ below `expected`: duplicate, counted
//          ─ at `expected`: delivered, then everything held right behind it
//          ─ above: held in the reorder window; [expected, first held) is the front gap
//   front gap ─ asked for from the server (on_packet and on_timer return the request, the caller sends it)
//             ─ older than gap_timeout without progress: given up, the sink hears on_gap
//
// The lines, not the server, say which session is read. After the announced end of a session the next one begins
// with its first packet. Without it a packet of another session may be a stray (a test feed, a wrong port), and
// believing it would void the books: it is counted and dropped until the change is confirmed, see
// confirms_session_change. The confirming packet is the first delivered; START asks for the dropped ones before it.
// The session read before may come back in the same way, so a wrong change heals, but late packets of it in ones
// and twos, and its repeated end, change nothing. Limit: two sessions alive on the lines for long take turns.
//
// Every sequence number of a session reaches the sink exactly once, as a message or inside a gap, in order.
// Choices: a packet with a broken frame is thrown away whole (its messages come from the other line or are asked
// for); messages beyond the window are dropped while the server makes progress (they are asked for later) and
// force the front gap to be given up otherwise. Work a packet: its own messages, those held behind it, and a scan
// of at most window / 64 words. No allocation after construction; time comes in as a value.
#pragma once
#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>

#include "protocol/moldudp64.hpp"
#include "protocol/reorder_window.hpp"

namespace hft::feedd {

enum class SessionChange : std::uint8_t { BEGIN, END };

// on_session(BEGIN, session, first): everything known so far is void, `first` is the first sequence expected.
// on_session(END, session, next): the venue ended the session after `next` - 1; all before it was delivered.
// prepare(message): a hint, this message will be delivered soon.
template <class Candidate>
concept MessageSink = requires(Candidate sink, std::uint64_t sequence, Bytes message, const MessageMeta& meta,
                               SessionChange change, const MoldSession& session) {
  { sink.on_message(sequence, message, meta) } -> std::same_as<void>;
  { sink.on_gap(sequence, sequence) } -> std::same_as<void>;  // first missing, count
  { sink.on_session(change, session, sequence) } -> std::same_as<void>;
  { sink.prepare(message) } -> std::same_as<void>;
};

enum class Join : std::uint8_t {
  START,  // a session begins at sequence 1
  LIVE,   // a session begins with the packet that is accepted as its first
};

// Packets of one other session in a row, with none of the current session between them, that change the session.
inline constexpr std::uint32_t SESSION_CHANGE_PACKETS = 3;
// Silence of the current session after which one is enough: three of MoldUDP64's usual heartbeats missed.
inline constexpr std::uint64_t SESSION_CHANGE_SILENCE_NS = 3'000'000'000;

struct SequencerOptions {
  Join join = Join::START;
  std::uint64_t reorder_window_messages = 65536;
  std::uint64_t gap_timeout_ns = 200'000'000;
  std::uint64_t request_interval_ns = 5'000'000;
  // A reply is one datagram, so asking for more at a time gains nothing.
  std::uint16_t request_messages_max = 64;
  bool requests = false;   // a retransmission server is configured
  std::uint8_t lines = 2;  // 1 or 2
};

struct SequencerCounters {
  std::array<std::uint64_t, LINES> packets{};
  std::array<std::uint64_t, LINES> messages_delivered{};
  std::array<std::uint64_t, MALFORMED_PACKET_REASONS> malformed_packets{};
  std::uint64_t heartbeats = 0;
  std::uint64_t duplicate_messages = 0;
  std::uint64_t held_messages = 0;             // had to wait in the window
  std::uint64_t oversize_messages = 0;         // too long to be held
  std::uint64_t window_overflow_messages = 0;  // dropped beyond the window
  std::uint64_t gaps_noticed = 0;
  std::uint64_t gaps_given_up = 0;     // calls of on_gap
  std::uint64_t missing_messages = 0;  // sum of their counts
  std::uint64_t requests = 0;
  std::uint64_t sessions = 0;
  std::uint64_t foreign_session_packets = 0;  // of another session that was not begun, on any line
};

class Sequencer {
 public:
  explicit Sequencer(const SequencerOptions& options);

  // `payload` is one UDP payload. Returns what to ask the retransmission server for, if anything.
  template <MessageSink Sink>
  RetransmissionRequest on_packet(Bytes payload, Line line, std::uint64_t receive_ts_ns, std::uint64_t now_ns,
                                  Sink& sink);
  // To be called at least every request interval.
  template <MessageSink Sink>
  RetransmissionRequest on_timer(std::uint64_t now_ns, Sink& sink);
  // Gives up what is missing and delivers what is held: the capture or the daemon ends.
  template <MessageSink Sink>
  void finish(Sink& sink);

  [[nodiscard]] const SequencerCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] std::uint64_t expected_sequence() const noexcept { return expected_; }
  // Messages known to exist and not delivered yet.
  [[nodiscard]] std::uint64_t behind_messages() const noexcept { return highest_ - expected_; }
  [[nodiscard]] bool session_ended() const noexcept { return ended_; }
  // `now_ns` of the last packet of the current session on line A or B; 0 = none yet.
  [[nodiscard]] std::uint64_t heard_ns() const noexcept { return line_heard_ns_; }
  // `receive_ts_ns` of the last such packet that was news (messages not delivered before, or a heartbeat at the end
  // of all that were) and left nothing behind; 0 = none yet. Copies, strays, what the server sends again and the
  // repeated end of a session are not news.
  [[nodiscard]] std::uint64_t up_to_date_ns() const noexcept { return up_to_date_ns_; }

 private:
  struct FrontGap {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;  // 0 = no gap
    std::uint64_t since_ns = 0;
    std::uint64_t request_due_ns = 0;
    bool requested = false;
  };

  template <MessageSink Sink>
  bool accept_session(Line line, std::uint64_t now_ns, Sink& sink);
  template <MessageSink Sink>
  void deliver_in_order(Line line, std::uint64_t receive_ts_ns, Sink& sink);
  template <MessageSink Sink>
  void deliver_held(Sink& sink);
  template <MessageSink Sink>
  void give_up_until(std::uint64_t end, Sink& sink);
  template <MessageSink Sink>
  void make_room(std::uint64_t target, std::uint64_t first, Sink& sink);
  template <MessageSink Sink>
  void expire(std::uint64_t end, Line progress, std::uint64_t now_ns, Sink& sink);
  template <MessageSink Sink>
  RetransmissionRequest settle(Line progress, std::uint64_t now_ns, Sink& sink);

  void hold_packet(Line line, std::uint64_t receive_ts_ns, std::uint64_t now_ns) noexcept;
  [[nodiscard]] bool confirms_session_change(std::uint64_t now_ns) noexcept;
  void begin_session(const MoldSession& session) noexcept;
  void update_front(Line progress, std::uint64_t now_ns) noexcept;
  [[nodiscard]] bool lines_are_past(std::uint64_t sequence) const noexcept;
  [[nodiscard]] RetransmissionRequest due_request(std::uint64_t now_ns) noexcept;

  SequencerOptions options_;
  MoldPacket packet_;
  ReorderWindow window_;
  SequencerCounters counters_;
  MoldSession session_{};
  MoldSession earlier_session_{};
  MoldSession candidate_session_{};  // of the last packets on the lines, while candidate_packets_ != 0
  std::uint32_t candidate_packets_ = 0;
  std::uint64_t line_heard_ns_ = 0;
  std::uint64_t up_to_date_ns_ = 0;
  bool in_session_ = false;
  bool has_earlier_session_ = false;
  bool ended_ = false;
  bool server_silent_ = false;         // the last gap given up had been asked for in vain
  std::uint64_t expected_ = 1;         // next sequence to deliver
  std::uint64_t highest_ = 1;          // one past the highest sequence known to exist
  std::uint64_t tail_noticed_ns_ = 0;  // when `highest_` last rose
  std::uint64_t end_sequence_ = 0;     // announced end of session, 0 = none
  std::array<std::uint64_t, LINES> line_next_{};
  FrontGap front_;
};

}  // namespace hft::feedd

#include "protocol/sequencer_impl.hpp"
