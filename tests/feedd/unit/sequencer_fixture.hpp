// A sequencer with a small window, what its sink heard, and short ways to feed it.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "feed_bytes.hpp"
#include "protocol/sequencer.hpp"

namespace hft::feedd::test {

constexpr std::uint64_t MS = 1'000'000;

// Writes what it hears: "3" message 3, "[5+2]" a gap, "<" begin, ">" end of session.
struct Recorder {
  std::string heard;
  std::vector<MessageMeta> metas;
  void on_message(std::uint64_t sequence, Bytes message, const MessageMeta& meta) {
    EXPECT_EQ(sequence % 251, static_cast<std::uint64_t>(message[0])) << "the bytes belong to the sequence";
    heard += std::to_string(sequence) + " ";
    metas.push_back(meta);
  }
  void on_gap(std::uint64_t first, std::uint64_t count) {
    heard += "[" + std::to_string(first) + "+" + std::to_string(count) + "] ";
  }
  void on_session(SessionChange change, const MoldSession&, std::uint64_t) {
    heard += change == SessionChange::BEGIN ? "< " : "> ";
  }
  void prepare(Bytes) {}
};

class SequencerFixture : public ::testing::Test {
 protected:
  explicit SequencerFixture(SequencerOptions chosen = {}) : options(chosen) {
    options.reorder_window_messages = 16;
    options.gap_timeout_ns = 200 * MS;
    options.request_interval_ns = 5 * MS;
  }

  Sequencer& sequencer() {
    if (!made) made = std::make_unique<Sequencer>(options);
    return *made;
  }

  RetransmissionRequest feed(std::uint64_t first, std::uint16_t count, Line line = Line::A) {
    std::vector<Buffer> messages;
    for (std::uint64_t s = first; s < first + count; ++s) messages.push_back({static_cast<std::byte>(s % 251)});
    return sequencer().on_packet(packet(session, first, messages, count), line, now_ns / 2, now_ns, sink);
  }
  RetransmissionRequest heartbeat(std::uint64_t next, std::uint16_t count = 0) {
    return sequencer().on_packet(packet(session, next, {}, count), Line::A, now_ns / 2, now_ns, sink);
  }
  RetransmissionRequest timer() { return sequencer().on_timer(now_ns, sink); }
  std::string heard() { return std::exchange(sink.heard, ""); }

  SequencerOptions options;
  MoldSession session = session_named("DAY1");
  std::uint64_t now_ns = 1000 * MS;
  Recorder sink;
  std::unique_ptr<Sequencer> made;
};

}  // namespace hft::feedd::test
