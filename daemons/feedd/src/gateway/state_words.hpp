// Control words of GatewayState, by their place in the schema. Readers: braind and watchd.
#pragma once
#include <cstddef>
#include <cstdint>

#include "feedd/region.hpp"
#include "feedd/slot.hpp"

namespace hft::feedd {

enum StateWord : std::size_t {
  INTENTS_CURSOR = 0,
  FENCE_TOKEN_SEEN = 16,
  FENCE_EPOCH_SEEN,
  VETO_SEEN,
  OPEN_ORDERS,
  DRAINED,
  UPDATES_WATERMARK,
  UPDATES_GENERATION,
  INTENTS_REFUSED,
  INTENTS_WOULD_SEND,
  EPOCH_LATCHED,
  FENCE_OPEN,
  RECONCILED,
  VENUE_SESSION,
  UNACKNOWLEDGED,
  ORDERS_SENT,
  CANCELS_SENT,
  SENT_AFTER_CLOSE,
  SENT_IN_WINDOW,
  OPEN_AT_CLOSE,
  CLOSE_SEEN_TS_NS,
  LAST_CANCEL_TS_NS,
  DRAINED_TS_NS,
  LIMITS_SEQUENCE,
  REALIZED_VALUE,
  MARKED_VALUE,
  CANCEL_ALL_DONE,
  FLATTEN_DONE,
  FLATTEN_REFUSAL,
};
static_assert(sizeof(schema::GatewayState) == 64 * sizeof(std::uint64_t));

inline void store_word(Region& state, StateWord word, std::uint64_t value) noexcept {
  // Release: a reader that sees the watermark sees the updates up to it.
  control_word(reinterpret_cast<std::uint64_t*>(state.records())[word]).store(value, std::memory_order_release);
}

inline std::uint64_t load_word(const Region& state, StateWord word) noexcept {
  return control_word(reinterpret_cast<const std::uint64_t*>(state.records())[word]).load(std::memory_order_acquire);
}

}  // namespace hft::feedd
