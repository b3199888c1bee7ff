#include "runtime/stats_view.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace hft::feedd {
namespace {

struct WatchedName {
  std::string_view name;
  LogLevel level;
  std::string_view event;
};

constexpr std::array STATS_WATCHED = {
    WatchedName{"feedd_sessions_total", LogLevel::INFO, "session_began"},
    WatchedName{"feedd_end_of_session", LogLevel::INFO, "session_end_changed"},
    WatchedName{"feedd_feed_silent", LogLevel::WARNING, "feed_silence_changed"},
    WatchedName{"feedd_gap_messages_total", LogLevel::WARNING, "messages_lost"},
    WatchedName{"feedd_capacity_reached_total", LogLevel::WARNING, "capacity_reached"},
    WatchedName{"feedd_book_errors_total", LogLevel::WARNING, "book_error"},
    WatchedName{"feedd_malformed_packets_total", LogLevel::WARNING, "malformed_packet"},
    WatchedName{"feedd_malformed_messages_total", LogLevel::WARNING, "malformed_message"},
    WatchedName{"feedd_foreign_session_packets_total", LogLevel::WARNING, "foreign_session_packet"},
    WatchedName{"feedd_kernel_drops_total", LogLevel::WARNING, "kernel_dropped_packets"},
    WatchedName{"feedd_truncated_packets_total", LogLevel::WARNING, "packet_truncated"},
    WatchedName{"feedd_receive_errors_total", LogLevel::WARNING, "receive_error"},
    WatchedName{"feedd_request_errors_total", LogLevel::WARNING, "request_error"},
    WatchedName{"feedd_implausible_stamps_total", LogLevel::WARNING, "implausible_stamp"},
};

template <std::uint16_t N>
std::string text_of(const flatbuffers::Array<std::uint8_t, N>& padded) {
  std::string text;
  for (const std::uint8_t c : padded) {
    if (c == 0) break;
    text += static_cast<char>(c);
  }
  return text;
}

}  // namespace

StatName stat_name(const Region& stats, std::size_t index) {
  const auto& descriptor = reinterpret_cast<const schema::StatDescriptor*>(stats.records())[index];
  return {text_of(*descriptor.name()), text_of(*descriptor.labels())};
}

StatSum::StatSum(const Region& stats, std::string_view name) {
  for (std::size_t i = 0; i < stats.capacity_records(); ++i) {
    if (stat_name(stats, i).name == name) words_.push_back(stat_counter(stats, i));
  }
}

std::uint64_t StatSum::value() const noexcept {
  std::uint64_t sum = 0;
  for (const Counter& word : words_) sum += word.value();
  return sum;
}

StatsWatch::StatsWatch(const Region& stats) {
  for (std::size_t i = 0; i < stats.capacity_records(); ++i) {
    StatName name = stat_name(stats, i);
    const auto found = std::find_if(STATS_WATCHED.begin(), STATS_WATCHED.end(),
                                    [&name](const WatchedName& watched) { return watched.name == name.name; });
    if (found != STATS_WATCHED.end())
      watched_.push_back({found->level, found->event, std::move(name.labels), stat_counter(stats, i), 0});
  }
}

void StatsWatch::look() {
  for (Watched& watched : watched_) {
    const std::uint64_t value = watched.word.value();
    if (value == watched.seen) continue;
    LogLine(watched.level, watched.event).field("labels", watched.labels).field("was", watched.seen).field("is", value);
    watched.seen = value;
  }
}

}  // namespace hft::feedd
