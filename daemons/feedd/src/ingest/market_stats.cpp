#include "ingest/market_stats.hpp"

#include <numeric>
#include <string>
#include <string_view>

namespace hft::feedd {
namespace {

constexpr std::array<std::string_view, LINES> LINE_NAMES = {"a", "b", "retransmission"};
constexpr std::string_view MESSAGE_TYPES = "SRHYLVWKJhAFECXDUPQBINO";

}  // namespace

void MarketStats::declare(StatsRegistry& registry) {
  registry.written_by(StatWriter::MARKET);
  types_.reserve(MESSAGE_TYPES.size());  // handles must not move
  declare_lines(registry);
  declare_sequencer(registry);
  declare_normalizer(registry);
  registry.counter(ticks_, "feedd_ticks_total", "events");
  registry.counter(silence_alarms_, "feedd_silence_alarms_total", "alarms");
  registry.gauge(silent_, "feedd_feed_silent", "bool");
  registry.gauge(phase_, "feedd_market_phase", "phase");
  registry.histogram(receive_to_publish_ns, "feedd_receive_to_publish_ns", "ns");
  registry.counter(loop_iterations, "feedd_loop_iterations_total", "rounds", stat_label("thread", "market"));
}

void MarketStats::declare_lines(StatsRegistry& registry) {
  for (std::size_t i = 0; i < LINES; ++i) {
    const std::string line = stat_label("line", LINE_NAMES[i]);
    registry.counter(lines_[i].packets, "feedd_packets_total", "packets", line);
    registry.counter(lines_[i].bytes, "feedd_bytes_total", "bytes", line);
    registry.counter(lines_[i].kernel_drops, "feedd_kernel_drops_total", "packets", line);
    registry.counter(lines_[i].truncated, "feedd_truncated_packets_total", "packets", line);
    registry.counter(lines_[i].implausible_stamps, "feedd_implausible_stamps_total", "packets", line);
    registry.counter(lines_[i].errors, "feedd_receive_errors_total", "calls", line);
    registry.counter(lines_[i].delivered, "feedd_messages_delivered_total", "messages", line);
    registry.gauge(lines_[i].receive_buffer_bytes, "feedd_receive_buffer_bytes", "bytes", line);
  }
  registry.gauge(busy_poll_refused_, "feedd_busy_poll_refused", "sockets");
}

void MarketStats::declare_sequencer(StatsRegistry& registry) {
  for (std::size_t i = 1; i < MALFORMED_PACKET_REASONS; ++i) {
    registry.counter(malformed_packets_[i], "feedd_malformed_packets_total", "packets",
                     stat_label("reason", name_of(static_cast<MalformedPacket>(i))));
  }
  registry.counter(heartbeats_, "feedd_heartbeats_total", "packets");
  registry.counter(duplicates_, "feedd_duplicate_messages_total", "messages");
  registry.counter(held_, "feedd_held_messages_total", "messages");
  registry.counter(oversize_, "feedd_oversize_messages_total", "messages");
  registry.counter(window_overflow_, "feedd_window_overflow_messages_total", "messages");
  registry.counter(gaps_noticed_, "feedd_gaps_noticed_total", "gaps");
  registry.counter(gaps_, "feedd_gaps_total", "gaps");
  registry.counter(gap_messages_, "feedd_gap_messages_total", "messages");
  registry.counter(requests_, "feedd_requests_total", "requests");
  registry.counter(request_errors_, "feedd_request_errors_total", "requests");
  registry.counter(sessions_, "feedd_sessions_total", "sessions");
  registry.counter(foreign_packets_, "feedd_foreign_session_packets_total", "packets");
  registry.gauge(end_of_session_, "feedd_end_of_session", "bool");
  registry.gauge(expected_, "feedd_expected_sequence", "sequence");
  registry.gauge(behind_, "feedd_behind_messages", "messages");
}

void MarketStats::declare_normalizer(StatsRegistry& registry) {
  registry.counter(messages_decoded_, "feedd_messages_decoded_total", "messages");
  for (std::size_t i = 0; i < MESSAGE_TYPES.size(); ++i) {
    TypeCounter& type = types_.emplace_back(TypeCounter{static_cast<std::uint8_t>(MESSAGE_TYPES[i]), Counter()});
    registry.counter(type.counter, "feedd_messages_total", "messages", stat_label("type", MESSAGE_TYPES.substr(i, 1)));
  }
  for (std::size_t i = 1; i < itch50::MALFORMED_MESSAGE_REASONS; ++i) {
    registry.counter(malformed_messages_[i], "feedd_malformed_messages_total", "messages",
                     stat_label("reason", itch50::name_of(static_cast<itch50::MalformedMessage>(i))));
  }
  const auto problem = [&](BookResult result, const char* name, const char* unit, std::string labels) {
    registry.counter(book_problems_[static_cast<std::size_t>(result)], name, unit, std::move(labels));
  };
  constexpr const char* ERRORS = "feedd_book_errors_total";
  constexpr const char* CAPACITY = "feedd_capacity_reached_total";
  problem(BookResult::UNKNOWN_REFERENCE, "feedd_unknown_references_total", "messages", "");
  problem(BookResult::DUPLICATE_REFERENCE, ERRORS, "messages", stat_label("reason", "duplicate_reference"));
  problem(BookResult::EXCESS_QUANTITY, ERRORS, "messages", stat_label("reason", "excess_quantity"));
  problem(BookResult::INSTRUMENT_MISMATCH, ERRORS, "messages", stat_label("reason", "instrument_mismatch"));
  problem(BookResult::ZERO_QUANTITY, ERRORS, "messages", stat_label("reason", "zero_quantity"));
  registry.counter(unknown_sides_, ERRORS, "messages", stat_label("reason", "unknown_side"));
  problem(BookResult::ORDERS_FULL, CAPACITY, "messages", stat_label("of", "orders"));
  problem(BookResult::LEVELS_FULL, CAPACITY, "messages", stat_label("of", "levels"));
  registry.counter(instruments_full_, CAPACITY, "messages", stat_label("of", "instruments"));
  registry.counter(published_, "feedd_published_total", "events");
  registry.counter(board_entries_, "feedd_board_entries_total", "entries");
}

void MarketStats::opened(Line line, const UdpSocket& socket) noexcept {
  lines_[static_cast<std::size_t>(line)].receive_buffer_bytes.set(
      static_cast<std::uint64_t>(socket.receive_buffer_bytes()));
  busy_poll_refused_.add(socket.busy_poll_refused());
}

void MarketStats::publish_line(Line line, const ReceiverCounters& counters) noexcept {
  LineStats& stats = lines_[static_cast<std::size_t>(line)];
  stats.packets.set(counters.packets);
  stats.bytes.set(counters.bytes);
  stats.kernel_drops.set(counters.kernel_drops);
  stats.truncated.set(counters.truncated);
  stats.implausible_stamps.set(counters.implausible_stamps);
  stats.errors.set(counters.errors);
}

void MarketStats::publish(const Sequencer& sequencer) noexcept {
  const SequencerCounters& counters = sequencer.counters();
  for (std::size_t i = 0; i < LINES; ++i) lines_[i].delivered.set(counters.messages_delivered[i]);
  for (std::size_t i = 1; i < MALFORMED_PACKET_REASONS; ++i) malformed_packets_[i].set(counters.malformed_packets[i]);
  heartbeats_.set(counters.heartbeats);
  duplicates_.set(counters.duplicate_messages);
  held_.set(counters.held_messages);
  oversize_.set(counters.oversize_messages);
  window_overflow_.set(counters.window_overflow_messages);
  gaps_noticed_.set(counters.gaps_noticed);
  gaps_.set(counters.gaps_given_up);
  gap_messages_.set(counters.missing_messages);
  requests_.set(counters.requests);
  sessions_.set(counters.sessions);
  foreign_packets_.set(counters.foreign_session_packets);
  end_of_session_.set(sequencer.session_ended());
  expected_.set(sequencer.expected_sequence());
  behind_.set(sequencer.behind_messages());
}

void MarketStats::publish(const NormalizerCounters& counters) noexcept {
  std::uint64_t malformed = 0;
  for (std::size_t i = 1; i < itch50::MALFORMED_MESSAGE_REASONS; ++i) {
    malformed_messages_[i].set(counters.malformed_messages[i]);
    malformed += counters.malformed_messages[i];
  }
  messages_decoded_.set(counters.messages - malformed);
  for (TypeCounter& type : types_) type.counter.set(counters.messages_by_type[type.type]);
  for (std::size_t i = 1; i < BOOK_RESULTS; ++i) book_problems_[i].set(counters.book_results[i]);
  instruments_full_.set(counters.instruments_out_of_range);
  unknown_sides_.set(counters.unknown_sides);
  published_.set(counters.events);
  board_entries_.set(counters.board_entries);
}

void MarketStats::publish(const AgentCounters& counters) noexcept {
  ticks_.set(counters.ticks);
  request_errors_.set(counters.request_errors);
  silence_alarms_.set(counters.silence_alarms);
  silent_.set(counters.silent);
  phase_.set(static_cast<std::uint64_t>(counters.phase));
}

}  // namespace hft::feedd
