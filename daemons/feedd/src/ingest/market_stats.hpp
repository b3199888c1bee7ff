// What the market thread counts, as the world sees it: docs/METRICS.md has a line for each name.
//
// The stages count in plain members of their own; publish() copies those to shared memory now and then, so the
// hot path pays for nothing twice.
#pragma once
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "ingest/packet_receiver.hpp"
#include "protocol/sequencer.hpp"
#include "publish/normalizer.hpp"
#include "runtime/stats_registry.hpp"

namespace hft::feedd {

struct AgentCounters {
  std::uint64_t ticks = 0;
  std::uint64_t request_errors = 0;
  std::uint64_t silence_alarms = 0;
  bool silent = false;
  schema::MarketPhase phase = schema::MarketPhase::UNKNOWN;
};

class MarketStats {
 public:
  void declare(StatsRegistry& registry);

  // Once, before the thread runs.
  void opened(Line line, const UdpSocket& socket) noexcept;

  void publish_line(Line line, const ReceiverCounters& counters) noexcept;
  void publish(const Sequencer& sequencer) noexcept;
  void publish(const NormalizerCounters& counters) noexcept;
  void publish(const AgentCounters& counters) noexcept;

  Histogram receive_to_publish_ns;
  Counter loop_iterations;

 private:
  struct LineStats {
    Counter packets, bytes, kernel_drops, truncated, implausible_stamps, errors, delivered, receive_buffer_bytes;
  };
  struct TypeCounter {
    std::uint8_t type;
    Counter counter;
  };

  void declare_lines(StatsRegistry& registry);
  void declare_sequencer(StatsRegistry& registry);
  void declare_normalizer(StatsRegistry& registry);

  std::array<LineStats, LINES> lines_;
  Counter busy_poll_refused_;
  std::array<Counter, MALFORMED_PACKET_REASONS> malformed_packets_;
  Counter heartbeats_, duplicates_, held_, oversize_, window_overflow_, gaps_noticed_, gaps_, gap_messages_;
  Counter requests_, request_errors_, sessions_, foreign_packets_, end_of_session_, expected_, behind_;

  std::array<Counter, itch50::MALFORMED_MESSAGE_REASONS> malformed_messages_;
  std::array<Counter, BOOK_RESULTS> book_problems_;
  std::vector<TypeCounter> types_;
  Counter messages_decoded_, published_, board_entries_, instruments_full_, unknown_sides_;

  Counter ticks_, silence_alarms_, silent_, phase_;
};

}  // namespace hft::feedd
