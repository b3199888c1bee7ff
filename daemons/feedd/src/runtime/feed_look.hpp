// What the gateway thread asks of the market thread beside the board. Each word alone: relaxed, no partner.
#pragma once
#include <atomic>
#include <cstdint>

#include "hft/schema/hft_generated.h"

namespace hft::feedd {

struct FeedLook {
  // CLOCK_MONOTONIC at which the books last had all that the lines had said (Sequencer::up_to_date_ns), 0 = not in this
  // session.
  std::atomic<std::uint64_t> up_to_date_ns{0};
  std::atomic<schema::MarketPhase> phase{schema::MarketPhase::UNKNOWN};
};

}  // namespace hft::feedd
