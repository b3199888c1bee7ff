// A capture through feedd's own code into memory: what `hft decode` and the tests see is what the ring would hold.
#pragma once
#include <cstdint>
#include <vector>

#include "protocol/sequencer.hpp"
#include "publish/normalizer.hpp"

namespace hft::feedd {

// Keeps the events until they are taken, each with the number of the message it came from.
class CollectingPublisher {
 public:
  std::uint64_t publish(const schema::MarketEvent& event) {
    events.push_back(event);
    events.back().mutate_sequence(++sequence_);
    message_numbers.push_back(message_number);
    return sequence_;
  }
  void update_board(const BoardUpdate&) noexcept {}  // the decoder builds entries on request

  std::vector<schema::MarketEvent> events;
  std::vector<std::uint64_t> message_numbers;  // one an event
  std::uint64_t message_number = 0;            // of the message being normalized, counted from 0

 private:
  std::uint64_t sequence_ = 0;
};

struct CaptureClock {
  [[nodiscard]] std::uint64_t now_ns() const noexcept { return 0; }  // nothing is published to anybody
};

class CaptureDecoder {
 public:
  explicit CaptureDecoder(const NormalizerOptions& options);
  CaptureDecoder(const CaptureDecoder&) = delete;
  CaptureDecoder& operator=(const CaptureDecoder&) = delete;

  // Length-prefixed messages (Nasdaq BinaryFILE: u16 big-endian, then the message). Chunks may end anywhere.
  void feed_stream(Bytes chunk);
  // One MoldUDP64 packet captured at `capture_ts_ns`, which becomes receive_ts_ns.
  void feed_packet(Bytes payload, std::uint64_t capture_ts_ns);
  // The capture ends: gaps are given up. Returns the bytes of a message that was cut off, 0 for a whole file.
  std::size_t finish();

  void set_midnight_utc_ns(std::uint64_t midnight_utc_ns) noexcept { normalizer_.set_midnight_utc_ns(midnight_utc_ns); }

  // Where the first malformed message or packet lies: offset of its length prefix, or number of the packet.
  struct Problem {
    std::uint64_t place = 0;
    const char* reason = nullptr;  // nullptr = none
  };
  [[nodiscard]] const Problem& first_problem() const noexcept { return first_problem_; }
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }  // bytes of whole messages so far

  [[nodiscard]] CollectingPublisher& collected() noexcept { return publisher_; }
  [[nodiscard]] const NormalizerCounters& counters() const noexcept { return normalizer_.counters(); }
  [[nodiscard]] const SequencerCounters& sequencer_counters() const noexcept { return sequencer_.counters(); }
  [[nodiscard]] const Instruments& instruments() const noexcept { return normalizer_.instruments(); }

  // MessageSink of the sequencer: numbers the messages on their way to the normalizer.
  void on_message(std::uint64_t feed_sequence, Bytes message, const MessageMeta& meta);
  void on_gap(std::uint64_t first_missing, std::uint64_t count) { normalizer_.on_gap(first_missing, count); }
  void on_session(SessionChange change, const MoldSession& session, std::uint64_t sequence) {
    normalizer_.on_session(change, session, sequence);
  }
  void prepare(Bytes message) const noexcept { normalizer_.prepare(message); }

 private:
  std::size_t decode_whole_messages(Bytes bytes);
  void note_problem(std::uint64_t place, const char* reason);

  CollectingPublisher publisher_;
  CaptureClock clock_;
  Normalizer<CollectingPublisher, CaptureClock> normalizer_;
  Sequencer sequencer_;
  std::vector<std::byte> partial_;  // a message whose rest comes with the next chunk
  std::uint64_t offset_ = 0;
  std::uint64_t packets_ = 0;
  bool end_mark_ = false;  // the last length seen was 0
  Problem first_problem_;
};

}  // namespace hft::feedd
