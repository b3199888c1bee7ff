// Where normalized events and board entries go, and what time it is while they go there.
#pragma once
#include <concepts>
#include <cstdint>

#include "feedd/board.hpp"
#include "feedd/clock.hpp"
#include "feedd/ring.hpp"
#include "hft/schema/hft_generated.h"

namespace hft::feedd {

// publish() returns the ring sequence of the event; write_board() replaces the entry of its instrument.
template <class Candidate>
concept EventPublisher = requires(Candidate publisher, const schema::MarketEvent& event,
                                  const schema::BoardEntry& entry) {
  { publisher.publish(event) } -> std::same_as<std::uint64_t>;
  { publisher.write_board(entry) } -> std::same_as<void>;
};

// Stamps publish_ts_ns.
template <class Candidate>
concept EventClock = requires(const Candidate clock) {
  { clock.now_ns() } -> std::convertible_to<std::uint64_t>;
};

// market.ring and market.board. The board has as many entries as the normalizer has instruments.
class RingPublisher {
 public:
  RingPublisher(RingWriter<schema::MarketEvent>& ring, BoardWriter& board) noexcept : ring_(&ring), board_(&board) {}

  std::uint64_t publish(const schema::MarketEvent& event) noexcept { return ring_->publish(event); }
  void write_board(const schema::BoardEntry& entry) noexcept { board_->write(entry.instrument_id(), entry); }

 private:
  RingWriter<schema::MarketEvent>* ring_;
  BoardWriter* board_;
};

struct MonotonicClock {
  [[nodiscard]] std::uint64_t now_ns() const noexcept { return monotonic_ns(); }
};

}  // namespace hft::feedd
