// A normalizer with small capacities, what it published, and short ways to feed it.
#pragma once
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <vector>

#include "feed_bytes.hpp"
#include "publish/normalizer.hpp"

namespace hft::feedd::test {

using schema::BookValidity;
using schema::EventFlags;
using schema::EventKind;
using schema::MarketEvent;
using schema::Side;
using schema::TradeState;

constexpr std::uint64_t MIDNIGHT = 1'577'682'000'000'000'000ull;

struct RecordingPublisher {
  std::vector<MarketEvent> events;
  std::map<std::uint32_t, schema::BoardEntry> board;
  std::uint64_t publish(const MarketEvent& event) {
    events.push_back(event);
    return events.size();
  }
  void update_board(const BoardUpdate& update) {
    std::uint64_t words[RECORD_WORDS<schema::BoardEntry>];
    std::memcpy(words, &board[update.id], sizeof words);
    update.store([&](std::size_t word, std::uint64_t value) { words[word] = value; });
    std::memcpy(static_cast<void*>(&board[update.id]), words, sizeof words);
  }
};

struct CountingClock {
  std::uint64_t now_ns() const { return ++time_ns; }
  mutable std::uint64_t time_ns = 0;
};

class NormalizerFixture : public ::testing::Test {
 protected:
  const MarketEvent& feed(const Buffer& message, MessageMeta meta = {}) {
    normalizer.on_message(++sequence, message, meta);
    return events().back();
  }
  void open() { feed(system_event('O')); }
  std::vector<MarketEvent>& events() { return publisher.events; }
  BookValidity board_validity(std::uint32_t id) {
    normalizer.flush();
    return publisher.board.at(id).validity();
  }
  std::uint64_t book_results(BookResult result) const {
    return normalizer.counters().book_results[static_cast<std::size_t>(result)];
  }
  static bool has(const MarketEvent& event, EventFlags flag) { return (event.flags() & flag) != EventFlags::NONE; }

  RecordingPublisher publisher;
  CountingClock clock;
  Normalizer<RecordingPublisher, CountingClock> normalizer{
      {.instruments = 8, .orders = 64, .levels = 256, .midnight_utc_ns = MIDNIGHT}, publisher, clock};
  std::uint64_t sequence = 0;
};

}  // namespace hft::feedd::test
