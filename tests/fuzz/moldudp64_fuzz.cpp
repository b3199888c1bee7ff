// MoldUDP64 parsing and sequencing under packets of every kind, on every line, at any time.
//
// Input: options, then operations (see run). Held to, after every operation:
//   - every sequence number from the session's first on reaches the sink once, as a message or inside a gap, in order
//   - well-formed packets deliver the bytes that were sent under that number
//   - no message is given up while its packet is at hand
//   - the session changes with the packet that confirms the change, and with no other (SessionModel)
//   - what is asked for is exactly the start of what is missing, and never more than allowed
//   - an operation does no more work than its packet and the window can hold
#include <algorithm>
#include <cstring>
#include <iterator>
#include <vector>

#include "input.hpp"
#include "protocol/sequencer.hpp"

namespace {

using namespace hft::feedd;
using hft::fuzz::Input;
using hft::fuzz::require;

constexpr std::uint32_t SESSIONS = 3;

MoldSession session_number(std::uint32_t number) {
  MoldSession session;
  session.fill(static_cast<char>('A' + number));
  return session;
}

// What the venue sends under a number: its length and its bytes follow from the number.
std::size_t length_of(std::uint64_t sequence) { return sequence % 5 == 0 ? sequence % 90 : 1 + sequence % 7; }
std::byte byte_of(std::uint64_t sequence) { return static_cast<std::byte>(sequence * 31); }

// The sink: the stream as the normalizer would see it.
struct Stream {
  std::uint64_t next = 0;
  std::uint64_t calls = 0;
  std::uint64_t sessions = 0;
  std::uint64_t messages = 0;
  std::uint64_t missing = 0;
  std::uint64_t prepared = 0;
  std::uint64_t at_hand_first = 0;  // the packet being handled, where it must be used: [first, end)
  std::uint64_t at_hand_end = 0;
  bool check_bytes = true;
  bool ended = false;
  MoldSession session{};

  void on_message(std::uint64_t sequence, Bytes message, const MessageMeta& meta) {
    ++calls;
    ++messages;
    require(sequence == next);
    ++next;
    require(static_cast<std::size_t>(meta.line) < LINES);
    if (!check_bytes) return;
    require(message.size() == length_of(sequence));
    for (const std::byte byte : message) require(byte == byte_of(sequence));
  }
  void on_gap(std::uint64_t first, std::uint64_t count) {
    ++calls;
    require(first == next && count != 0 && count <= ~0ull - first);
    require(first + count <= at_hand_first || first >= at_hand_end);
    next += count;
    missing += count;
  }
  void on_session(SessionChange change, const MoldSession& of, std::uint64_t sequence) {
    ++calls;
    if (change == SessionChange::BEGIN) {
      require(sequence >= 1 && (next == 0 || of != session));
      ++sessions;
      next = sequence;
      session = of;
      ended = false;
    } else {
      require(of == session && sequence <= next && !ended);
      ended = true;
    }
  }
  void prepare(Bytes) { ++prepared; }
};

// Says from the packets on lines A and B since the session began whether the next one begins another.
struct SessionModel {
  MoldSession current{}, earlier{};
  bool ended = false;
  std::uint64_t heard_ns = 0;
  std::uint64_t sessions = 0;
  std::vector<MoldSession> recent;  // well-formed packets that could confirm something

  bool begins(const MoldPacket& packet, std::uint64_t now_ns) const {
    const MoldSession& session = packet.session();
    if (sessions == 0) return true;
    if (session == current) return false;
    const bool back = sessions > 1 && session == earlier;
    if (back && packet.end_of_session()) return false;
    if (ended && !back) return true;
    if (now_ns - heard_ns >= SESSION_CHANGE_SILENCE_NS) return true;
    const auto same = [&session](const MoldSession& other) { return other == session; };
    const auto before = static_cast<std::ptrdiff_t>(SESSION_CHANGE_PACKETS) - 1;
    return std::ssize(recent) >= before && std::all_of(recent.end() - before, recent.end(), same);
  }

  // A well-formed packet. True when it belongs to the session then read.
  bool see(const MoldPacket& packet, Line line, std::uint64_t now_ns) {
    const MoldSession& session = packet.session();
    const bool on_lines = line != Line::RETRANSMISSION;
    if (on_lines && begins(packet, now_ns)) {
      earlier = current;
      current = session;
      ended = false;
      ++sessions;
      recent.clear();
    }
    const bool mine = sessions != 0 && session == current;
    if (mine) ended = ended || packet.end_of_session();
    if (on_lines && mine) heard_ns = now_ns;
    if (on_lines && (mine || session != earlier || sessions < 2 || !packet.end_of_session())) recent.push_back(session);
    return mine;
  }
};

struct Run {
  explicit Run(Input& given) : input(given), options(options_from(given)), sequencer(options) {}

  static SequencerOptions options_from(Input& input) {
    SequencerOptions options;
    options.join = input.below(2) == 0 ? Join::START : Join::LIVE;
    options.reorder_window_messages = 1 + input.below(200);
    options.gap_timeout_ns = 1 + input.below(100);
    options.request_interval_ns = 1 + input.below(20);
    options.request_messages_max = static_cast<std::uint16_t>(1 + input.below(64));
    options.requests = input.below(2) != 0;
    options.lines = static_cast<std::uint8_t>(1 + input.below(2));
    return options;
  }

  // A sequence near what is expected, or any at all.
  std::uint64_t sequence() {
    const std::uint32_t how = input.below(8);
    if (how == 0) return input.take<std::uint64_t>();
    if (how == 1) return sequencer.expected_sequence() + static_cast<std::uint64_t>(input.take<std::int16_t>());
    return sequencer.expected_sequence() + static_cast<std::uint64_t>(input.take<std::int8_t>() / 4);
  }

  void deliver(Line line, std::size_t messages) {
    const std::uint64_t calls = stream.calls;
    const std::uint64_t prepared = stream.prepared;
    const std::uint64_t foreign = sequencer.counters().foreign_session_packets;
    const bool whole = parsed.parse(packet) == MalformedPacket::NONE;
    const bool refused = whole && !sessions.see(parsed, line, now_ns);
    judge(sequencer.on_packet(packet, line, now_ns, now_ns, stream));
    require(stream.sessions == sessions.sessions && (stream.sessions == 0 || stream.session == sessions.current));
    require(sequencer.counters().foreign_session_packets == foreign + (refused ? 1 : 0));
    if (refused || !whole) require(stream.calls == calls);
    // At most every message of the packet and of the window, a gap before each, and two changes of session.
    require(stream.calls - calls <= 2 * (messages + 2 * options.reorder_window_messages) + 4);
    require(stream.prepared - prepared <= messages);
  }

  // A packet of `messages` messages from `first` on that claims `count`.
  void build(std::uint64_t first, std::uint32_t messages, std::uint16_t count) {
    MoldHeader header{};
    header.session.raw = session_number(session);
    header.sequence.set(first);
    header.count.set(count);
    packet.resize(sizeof header);
    std::memcpy(packet.data(), &header, sizeof header);
    for (std::uint64_t sequence = first; sequence != first + messages; ++sequence) {
      U16be length{};
      length.set(static_cast<std::uint16_t>(length_of(sequence)));
      packet.insert(packet.end(), length.raw.begin(), length.raw.end());
      packet.resize(packet.size() + length_of(sequence), byte_of(sequence));
    }
  }

  void send(std::uint64_t first, std::uint32_t messages, Line line) {
    build(first, messages, static_cast<std::uint16_t>(messages));
    bool usable = messages <= ~0ull - first && first != 0 && session_number(session) == stream.session;
    for (std::uint64_t sequence = first; sequence != first + messages; ++sequence) {
      usable = usable && length_of(sequence) <= ReorderWindow::MESSAGE_BYTES_MAX;
    }
    if (usable) {
      stream.at_hand_first = first;
      stream.at_hand_end = first + messages;
    }
    deliver(line, messages);
    stream.at_hand_first = stream.at_hand_end = 0;
  }

  void judge(const RetransmissionRequest& request) {
    require(sequencer.expected_sequence() == stream.next || stream.next == 0);
    if (!request) return;
    require(options.requests && request.session == stream.session);
    require(request.first_sequence == stream.next && request.count <= options.request_messages_max);
    require(request.count <= sequencer.behind_messages());
    asked = request;
  }

  void operation() {
    const std::uint32_t start = input.take<std::uint8_t>();
    const auto line = static_cast<Line>(start % 3);
    now_ns += start / 3;  // the timer does not run before every packet
    switch (input.below(8)) {
      case 0: {  // bytes as they come
        stream.check_bytes = false;
        const auto bytes = input.bytes(input.take<std::uint8_t>());
        packet.assign(bytes.begin(), bytes.end());
        return deliver(line, bytes.size());
      }
      case 1: {  // heartbeat or end of session
        const bool end = input.below(4) == 0;
        build(sequence(), 0, end ? MOLD_END_OF_SESSION : 0);
        return deliver(line, 0);
      }
      case 2: {  // time passes, now and then long enough to be silence
        const std::uint32_t step_ns = input.below(64);
        now_ns += step_ns == 0 ? SESSION_CHANGE_SILENCE_NS - 40 : step_ns;
        return judge(sequencer.on_timer(now_ns, stream));
      }
      case 3:  // another session
        session = input.below(SESSIONS);
        return;
      case 4:  // the server answers a part of what was asked
        if (asked) send(asked.first_sequence, 1 + input.below(asked.count), Line::RETRANSMISSION);
        return;
      case 5:  // a packet with a lie in its count or cut off
        build(sequence(), 1, input.take<std::uint16_t>());
        packet.resize(std::min<std::size_t>(packet.size(), input.take<std::uint8_t>()));
        return deliver(line, 1);
      default: return send(sequence(), input.below(24), line);
    }
  }

  void finish() {
    sequencer.finish(stream);
    require(sequencer.behind_messages() == 0);
    const auto& counters = sequencer.counters();
    std::uint64_t delivered = 0;
    for (const std::uint64_t of_line : counters.messages_delivered) delivered += of_line;
    require(delivered == stream.messages);
    require(counters.missing_messages == stream.missing);
  }

  Input& input;
  SequencerOptions options;
  Sequencer sequencer;
  Stream stream;
  SessionModel sessions;
  MoldPacket parsed;
  std::vector<std::byte> packet;
  RetransmissionRequest asked;
  std::uint32_t session = 0;
  std::uint64_t now_ns = 1000;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  Run run(input);
  while (!input.empty()) run.operation();
  run.finish();
  return 0;
}
