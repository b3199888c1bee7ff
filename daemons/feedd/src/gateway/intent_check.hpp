// Is an intent well formed? Pure: private copy in, verdict out. Whether it may go to a venue is not asked here.
#pragma once
#include <cstdint>

#include "hft/schema/hft_generated.h"

namespace hft::feedd {

// What an intent may refer to.
struct IntentLimits {
  std::uint32_t instruments = 0;        // ids run from 1 to below this
  std::uint64_t market_generation = 0;  // of the market.ring that this feedd writes
};

// Every comparison is written so that a value nobody thought of is not well formed.
[[nodiscard]] bool well_formed(const schema::OrderIntent& intent, const IntentLimits& limits) noexcept;

}  // namespace hft::feedd
