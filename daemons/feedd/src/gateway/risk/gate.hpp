// The risk gate: may this order exist? Pure: what is known goes in, the first "no" comes out, in the order of
// RefusalReason. Integers only. Each comparison is written so that a value nobody thought of says no, and nothing can
// overflow into a yes. docs/GATE.md has every rule as a formula; tests/feedd/gate/gate_twin.py is the same gate a
// second time.
//
// Cancels do not come here: whoever may say no may always cancel.
#pragma once
#include <cstdint>

#include "hft/schema/hft_generated.h"
#include "runtime/config.hpp"

namespace hft::feedd {

// NEW: the order. REPLACE: the order as it shall be; the worst case of the order it replaces is in `replaced_*`, and is
// already in the instrument's open quantities.
struct GateOrder {
  schema::Side side = schema::Side::NONE;
  std::uint64_t quantity = 0;
  std::uint64_t price = 0;
  std::uint64_t replaced_leaves = 0;  // 0 for NEW
  std::uint64_t intent_emit_ts_ns = 0;
};

// The instrument as it is now. Of quantities, always the worst case: open, unknown, and what a replace may leave.
struct GateInstrument {
  bool allowed = false;
  schema::TradeState trade_state = schema::TradeState::UNKNOWN;
  schema::BookValidity validity = schema::BookValidity::NO_BOOK;
  std::uint64_t bid_price = 0;  // 0 = empty side
  std::uint64_t ask_price = 0;
  std::int64_t position = 0;
  std::uint64_t open_buy_quantity = 0;
  std::uint64_t open_sell_quantity = 0;
  std::uint64_t own_best_bid = 0;           // highest own open buy price, 0 = none
  std::uint64_t own_best_ask = UINT64_MAX;  // lowest own open sell price
  bool duplicate = false;                   // same side, price, quantity within the window (DuplicateWindow)
  // [risk.instruments] and watchd/limits (LimitsView), UINT64_MAX where nobody said anything tighter.
  std::uint64_t order_quantity_max = UINT64_MAX;
  std::uint64_t order_notional_max = UINT64_MAX;
  std::uint64_t position_max = UINT64_MAX;
};

// What is not known is left as it is here, and refuses.
struct GateAccount {
  std::uint64_t gross_notional_others = UINT64_MAX;  // worst case × mark of all other instruments
  std::uint64_t open_orders = UINT64_MAX;
  std::uint64_t unacknowledged = UINT64_MAX;
  std::int64_t marked_value = INT64_MIN;  // realized and unrealized, of the day; loss is negative
  schema::MarketPhase phase = schema::MarketPhase::UNKNOWN;
  std::uint64_t feed_up_to_date_ts_ns = 0;  // the books last had all that the feed's lines had said; 0 = never
  bool message_allowed = false;             // MessageBucket::order_allowed
};

// `now_ns` is read after the intent was copied.
[[nodiscard]] schema::RefusalReason gate_refusal(const GateOrder& order, const GateInstrument& instrument,
                                                 const GateAccount& account, const RiskLimits& limits,
                                                 std::uint64_t now_ns) noexcept;

}  // namespace hft::feedd
