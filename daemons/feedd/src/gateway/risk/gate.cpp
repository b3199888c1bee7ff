#include "gateway/risk/gate.hpp"

#include <algorithm>

namespace hft::feedd {
namespace {

using schema::RefusalReason;
using schema::Side;

// Wide enough for every product and sum below, whatever 64-bit values go in: each is bounded where it is made.
__extension__ using Wide = __int128;

constexpr std::uint64_t BPS = 10'000;
constexpr std::uint64_t PRICE_MAX = INT64_MAX;     // a price is a positive long of the schema
constexpr std::uint64_t TICK_FROM_PRICE = 10'000;  // 1.00: cheaper orders may have every price

bool is_price(std::uint64_t price) noexcept { return price > 0 && price <= PRICE_MAX; }

// The gateway asked this before (intent_check); a gate that is called without it says no as well.
bool well_formed(const GateOrder& order) noexcept {
  return (order.side == Side::BUY || order.side == Side::SELL) && is_price(order.price) && order.quantity > 0;
}

// Extended hours surround the regular ones.
bool within_hours(schema::MarketPhase phase, schema::MarketPhase hours) noexcept {
  using schema::MarketPhase;
  return phase == MarketPhase::REGULAR ? hours == MarketPhase::REGULAR || hours == MarketPhase::EXTENDED
                                       : phase == MarketPhase::EXTENDED && hours == MarketPhase::EXTENDED;
}

// A single venue's book in continuous trading: neither empty nor locked nor crossed.
bool usable(const GateInstrument& instrument) noexcept {
  return instrument.validity == schema::BookValidity::VALID && is_price(instrument.bid_price) &&
         is_price(instrument.ask_price) && instrument.bid_price < instrument.ask_price;
}

// The market thread's stamp may be ahead of our `now`: it is published after we read the clock, and it is made from
// the time stamp counter. Farther ahead than the limit it is nonsense.
bool fresh(std::uint64_t up_to_date_ns, std::uint64_t now_ns, std::uint64_t age_ns_max) noexcept {
  const std::uint64_t apart_ns = up_to_date_ns > now_ns ? up_to_date_ns - now_ns : now_ns - up_to_date_ns;
  return up_to_date_ns != 0 && age_ns_max != 0 && apart_ns <= age_ns_max;
}

// Emission and `now` are of one clock, and the intent was copied in between: the future is nonsense.
bool recent(std::uint64_t emit_ns, std::uint64_t now_ns, std::uint64_t age_ns_max) noexcept {
  return emit_ns != 0 && age_ns_max != 0 && emit_ns <= now_ns && now_ns - emit_ns <= age_ns_max;
}

bool on_tick(std::uint64_t price, std::uint64_t tick) noexcept {
  return tick != 0 && (price < TICK_FROM_PRICE || price % tick == 0);
}

bool on_lot(std::uint64_t quantity, std::uint64_t lot) noexcept { return lot != 0 && quantity % lot == 0; }

Wide notional(const GateOrder& order) noexcept {  // < 2^63 × 2^64
  return static_cast<Wide>(order.price) * static_cast<Wide>(order.quantity);
}

// Not farther through the opposite side than the collar. A collar of more than the whole price is nonsense.
bool within_collar(const GateOrder& order, const GateInstrument& instrument, std::uint64_t collar_bps) noexcept {
  if (!(collar_bps > 0 && collar_bps <= BPS)) return false;
  const Wide price = static_cast<Wide>(order.price) * static_cast<Wide>(BPS);
  if (order.side == Side::BUY) return price <= static_cast<Wide>(instrument.ask_price) * (BPS + collar_bps);
  return price >= static_cast<Wide>(instrument.bid_price) * (BPS - collar_bps);
}

// The position if all that is open on one side fills and nothing on the other; a short one counts as positive on the
// sell side.
struct WorstCase {
  Wide this_side;  // with the order
  Wide other_side;
  Wide before;  // this side without it
  bool known;   // what is replaced is in the open quantity, or that is wrong
};

WorstCase worst_case(const GateOrder& order, const GateInstrument& instrument) noexcept {
  const bool buys = order.side == Side::BUY;
  const Wide position = buys ? instrument.position : -static_cast<Wide>(instrument.position);
  const std::uint64_t open = buys ? instrument.open_buy_quantity : instrument.open_sell_quantity;
  const std::uint64_t open_other = buys ? instrument.open_sell_quantity : instrument.open_buy_quantity;
  const Wide before = position + open;
  return {before - order.replaced_leaves + order.quantity, open_other - position, before,
          order.replaced_leaves <= open};
}

bool within_position(const WorstCase& worst, std::uint64_t position_max) noexcept {
  return worst.known && position_max != 0 && worst.this_side <= static_cast<Wide>(position_max);
}

// An order that does not make this instrument's worst case worse passes, however far beyond the limit the account is
// already: it is how one gets back.
bool within_gross(const WorstCase& worst, const GateInstrument& instrument, std::uint64_t others,
                  std::uint64_t gross_max) noexcept {
  const Wide exposure = std::max(worst.this_side, worst.other_side);
  // Without these two bounds: an unknown is added to, or a product does not fit.
  if (!(others != UINT64_MAX && exposure <= static_cast<Wide>(UINT64_MAX))) return false;
  const Wide mark = (static_cast<Wide>(instrument.bid_price) + static_cast<Wide>(instrument.ask_price) + 1) / 2;
  const bool within = others + exposure * mark <= static_cast<Wide>(gross_max);  // < 2^64 + 2^64 × 2^63
  return gross_max != 0 && (within || exposure <= std::max(worst.before, worst.other_side));
}

// A replace takes the place of an order that is counted already.
bool within_open_orders(const GateOrder& order, std::uint64_t open_orders, std::uint64_t max) noexcept {
  const std::uint64_t others = open_orders - (order.replaced_leaves != 0 ? 1 : 0);
  return open_orders != UINT64_MAX && others < max;
}

bool meets_own_order(const GateOrder& order, const GateInstrument& instrument) noexcept {
  return order.side == Side::BUY ? order.price >= instrument.own_best_ask : order.price <= instrument.own_best_bid;
}

bool within_loss(std::int64_t marked_value, std::uint64_t loss_max) noexcept {
  return marked_value != INT64_MIN && loss_max != 0 && static_cast<Wide>(marked_value) >= -static_cast<Wide>(loss_max);
}

RefusalReason market_refusal(const GateOrder& order, const GateInstrument& instrument, const GateAccount& account,
                             const RiskLimits& limits, std::uint64_t now_ns) noexcept {
  if (!instrument.allowed) return RefusalReason::NOT_ALLOWED;
  if (!within_hours(account.phase, limits.hours)) return RefusalReason::OUTSIDE_HOURS;
  if (!(instrument.trade_state == schema::TradeState::TRADING)) return RefusalReason::NOT_TRADING;
  if (!usable(instrument)) return RefusalReason::BOOK_INVALID;
  if (!fresh(account.feed_up_to_date_ts_ns, now_ns, limits.book_age_ns_max)) return RefusalReason::BOOK_STALE;
  if (!recent(order.intent_emit_ts_ns, now_ns, limits.intent_age_ns_max)) return RefusalReason::INTENT_TOO_OLD;
  return RefusalReason::NONE;
}

RefusalReason order_itself_refusal(const GateOrder& order, const GateInstrument& instrument,
                                   const RiskLimits& limits) noexcept {
  const std::uint64_t quantity_max = std::min(limits.order_quantity_max, instrument.order_quantity_max);
  const std::uint64_t notional_max = std::min(limits.order_notional_max, instrument.order_notional_max);
  if (!on_tick(order.price, limits.price_tick)) return RefusalReason::PRICE_OFF_TICK;
  if (!on_lot(order.quantity, limits.lot)) return RefusalReason::QUANTITY_OFF_LOT;
  if (!(order.quantity <= quantity_max)) return RefusalReason::QUANTITY_LIMIT;
  if (!(notional(order) <= static_cast<Wide>(notional_max))) return RefusalReason::NOTIONAL_LIMIT;
  if (!within_collar(order, instrument, limits.price_collar_bps)) return RefusalReason::PRICE_COLLAR;
  return RefusalReason::NONE;
}

RefusalReason exposure_refusal(const GateOrder& order, const GateInstrument& instrument, const GateAccount& account,
                               const RiskLimits& limits) noexcept {
  const WorstCase worst = worst_case(order, instrument);
  const std::uint64_t position_max = std::min(limits.position_max, instrument.position_max);
  if (!within_position(worst, position_max)) return RefusalReason::POSITION_LIMIT;
  if (!within_gross(worst, instrument, account.gross_notional_others, limits.gross_notional_max)) {
    return RefusalReason::GROSS_LIMIT;
  }
  if (!within_open_orders(order, account.open_orders, limits.open_orders_max)) return RefusalReason::OPEN_ORDERS_LIMIT;
  if (!(account.unacknowledged < limits.unacknowledged_max)) return RefusalReason::UNACKNOWLEDGED_LIMIT;
  return RefusalReason::NONE;
}

}  // namespace

RefusalReason gate_refusal(const GateOrder& order, const GateInstrument& instrument, const GateAccount& account,
                           const RiskLimits& limits, std::uint64_t now_ns) noexcept {
  if (!well_formed(order)) return RefusalReason::MALFORMED_INTENT;
  RefusalReason reason = market_refusal(order, instrument, account, limits, now_ns);
  if (reason == RefusalReason::NONE) reason = order_itself_refusal(order, instrument, limits);
  if (reason == RefusalReason::NONE) reason = exposure_refusal(order, instrument, account, limits);
  if (reason != RefusalReason::NONE) return reason;
  if (instrument.duplicate) return RefusalReason::DUPLICATE_ORDER;
  if (meets_own_order(order, instrument)) return RefusalReason::SELF_TRADE;
  if (!within_loss(account.marked_value, limits.loss_max)) return RefusalReason::LOSS_LIMIT;
  return account.message_allowed ? RefusalReason::NONE : RefusalReason::MESSAGE_RATE;
}

}  // namespace hft::feedd
