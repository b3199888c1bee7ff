// One order that is, or may be, open at the venue.
#pragma once
#include <cstdint>

#include "gateway/venue.hpp"
#include "hft/schema/hft_generated.h"

namespace hft::feedd {

// Place in the table. NO_PLACE = none.
using OrderPlace = std::uint32_t;
inline constexpr OrderPlace NO_PLACE = UINT32_MAX;

// When what happened to the intent that made the order, CLOCK_MONOTONIC.
struct OrderTimes {
  std::uint64_t market_receive_ns = 0;
  std::uint64_t market_publish_ns = 0;
  std::uint64_t emit_ns = 0;
  std::uint64_t gate_ns = 0;
  std::uint64_t send_ns = 0;
  std::uint64_t sent_ns = 0;
};

struct OpenOrder {
  std::uint32_t token = 0;    // 0 = free place
  std::uint32_t account = 0;  // place of its instrument in Accounts
  std::uint64_t order_id = 0;
  std::uint64_t intents_generation = 0;  // 0 = of an earlier life
  std::uint64_t queue_tag = 0;
  std::uint64_t intent_id = 0;
  std::uint64_t intent_sequence = 0;
  std::uint64_t epoch = 0;
  std::uint64_t market_seq = 0;
  std::uint64_t venue_order_id = 0;
  std::uint64_t price = 0;
  std::uint64_t quantity = 0;  // of the chain: filled + open
  std::uint64_t filled = 0;
  std::uint64_t leaves = 0;
  OrderTimes times;
  std::uint64_t cancel_sent_ns = 0;
  std::uint32_t strategy_id = 0;
  OrderPlace partner = NO_PLACE;  // REPLACING: the order that is to take its place; a replacing one: whom it replaces
  OrderPlace next = NO_PLACE;     // of the same instrument
  OrderPlace previous = NO_PLACE;
  schema::Side side = schema::Side::NONE;
  schema::TimeInForce time_in_force = schema::TimeInForce::NONE;
  schema::IntentFlags flags = static_cast<schema::IntentFlags>(0);
  schema::OrderState state = schema::OrderState::NONE;
  bool short_sale = false;      // marked as such, or to be
  bool accepted = false;        // the venue has answered for it once
  bool replacing = false;       // made by a REPLACE that is not answered
  bool cancel_sent = false;     // on this session, and neither it nor the order's end was answered
  bool cancel_wanted = false;   // by a command, the fence, or the window
  bool cancel_refused = false;  // that one, by the venue: it is sent again after a while

  [[nodiscard]] bool in_use() const noexcept { return token != 0; }
  [[nodiscard]] bool buys() const noexcept { return side == schema::Side::BUY; }
};

}  // namespace hft::feedd
