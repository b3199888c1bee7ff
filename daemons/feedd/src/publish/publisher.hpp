// Where normalized events and board entries go, and what time it is while they go there.
#pragma once
#include <concepts>
#include <cstdint>

#include "feedd/board.hpp"
#include "feedd/ring.hpp"
#include "hft/schema/hft_generated.h"
#include "publish/board_update.hpp"

namespace hft::feedd {

// publish() returns the ring sequence of the event; update_board() brings an instrument's entry up to date.
template <class Candidate>
concept EventPublisher = requires(Candidate publisher, const schema::MarketEvent& event, const BoardUpdate& update) {
  { publisher.publish(event) } -> std::same_as<std::uint64_t>;
  { publisher.update_board(update) } -> std::same_as<void>;
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
  void update_board(const BoardUpdate& update) noexcept {
    board_->update(update.id, [&](std::uint64_t* slot) {
      update.store([slot](std::size_t word, std::uint64_t value) {
        control_word(slot[word]).store(value, std::memory_order_relaxed);
      });
    });
  }

 private:
  RingWriter<schema::MarketEvent>* ring_;
  BoardWriter* board_;
};

}  // namespace hft::feedd
