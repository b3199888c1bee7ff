// The rules one by one, in words; tests/feedd/gate has the million generated cases.
#include "gateway/risk/gate.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <utility>
#include <vector>

namespace hft::feedd {
namespace {

using schema::RefusalReason;
using schema::Side;

constexpr std::uint64_t NOW_NS = 1'000'000'000;
constexpr std::uint64_t BID = 1'000'000;  // 100.00
constexpr std::uint64_t ASK = 1'000'100;

// An order that passes, and everything that is known then.
struct World {
  GateOrder order;
  GateInstrument instrument;
  GateAccount account;
  RiskLimits limits;

  World() {
    order = {Side::BUY, 100, ASK, 0, NOW_NS - 10};
    instrument.allowed = true;
    instrument.trade_state = schema::TradeState::TRADING;
    instrument.validity = schema::BookValidity::VALID;
    instrument.bid_price = BID;
    instrument.ask_price = ASK;
    account = {0, 0, 0, 0, schema::MarketPhase::REGULAR, NOW_NS - 10, true};
    limits.order_quantity_max = limits.position_max = 1000;
    limits.order_notional_max = limits.gross_notional_max = 1'000'000'000'000;
    limits.open_orders_max = limits.unacknowledged_max = 10;
    limits.loss_max = 1'000'000;
    limits.price_collar_bps = 50;
    limits.book_age_ns_max = limits.intent_age_ns_max = 1000;
  }
  [[nodiscard]] RefusalReason refusal() const { return gate_refusal(order, instrument, account, limits, NOW_NS); }
};

// One fault for each reason, in the order in which they are checked.
const std::vector<std::pair<RefusalReason, std::function<void(World&)>>> FAULTS = {
    {RefusalReason::MALFORMED_INTENT, [](World& w) { w.order.side = Side::NONE; }},
    {RefusalReason::NOT_ALLOWED, [](World& w) { w.instrument.allowed = false; }},
    {RefusalReason::OUTSIDE_HOURS, [](World& w) { w.account.phase = schema::MarketPhase::EXTENDED; }},
    {RefusalReason::NOT_TRADING, [](World& w) { w.instrument.trade_state = schema::TradeState::HALTED; }},
    {RefusalReason::BOOK_INVALID, [](World& w) { w.instrument.validity = schema::BookValidity::PARTIAL; }},
    {RefusalReason::BOOK_STALE, [](World& w) { w.account.feed_up_to_date_ts_ns = NOW_NS - 1001; }},
    {RefusalReason::INTENT_TOO_OLD, [](World& w) { w.order.intent_emit_ts_ns = NOW_NS - 1001; }},
    {RefusalReason::PRICE_OFF_TICK, [](World& w) { w.limits.price_tick = 300; }},
    {RefusalReason::QUANTITY_OFF_LOT, [](World& w) { w.limits.lot = 3; }},
    {RefusalReason::QUANTITY_LIMIT, [](World& w) { w.limits.order_quantity_max = 99; }},
    {RefusalReason::NOTIONAL_LIMIT, [](World& w) { w.limits.order_notional_max = 100 * ASK - 1; }},
    {RefusalReason::PRICE_COLLAR, [](World& w) { w.limits.price_collar_bps = 0; }},
    {RefusalReason::POSITION_LIMIT, [](World& w) { w.instrument.position_max = 99; }},
    {RefusalReason::GROSS_LIMIT, [](World& w) { w.limits.gross_notional_max = 1; }},
    {RefusalReason::OPEN_ORDERS_LIMIT, [](World& w) { w.account.open_orders = 10; }},
    {RefusalReason::UNACKNOWLEDGED_LIMIT, [](World& w) { w.account.unacknowledged = 10; }},
    {RefusalReason::DUPLICATE_ORDER, [](World& w) { w.instrument.duplicate = true; }},
    {RefusalReason::SELF_TRADE, [](World& w) { w.instrument.own_best_ask = ASK; }},
    {RefusalReason::LOSS_LIMIT, [](World& w) { w.account.marked_value = -1'000'001; }},
    {RefusalReason::MESSAGE_RATE, [](World& w) { w.account.message_allowed = false; }},
};

TEST(GateTest, an_order_within_every_limit_passes) { EXPECT_EQ(RefusalReason::NONE, World().refusal()); }

TEST(GateTest, made_of_nothing_it_refuses) {
  EXPECT_EQ(RefusalReason::MALFORMED_INTENT, gate_refusal({}, {}, {}, {}, NOW_NS));
  const World world;
  EXPECT_EQ(RefusalReason::NOT_ALLOWED, gate_refusal(world.order, {}, world.account, world.limits, NOW_NS));
  EXPECT_EQ(RefusalReason::OUTSIDE_HOURS, gate_refusal(world.order, world.instrument, {}, world.limits, NOW_NS));
  EXPECT_EQ(RefusalReason::BOOK_STALE, gate_refusal(world.order, world.instrument, world.account, {}, NOW_NS));
}

TEST(GateTest, each_fault_alone_is_its_own_reason) {
  for (const auto& [reason, fault] : FAULTS) {
    World world;
    fault(world);
    EXPECT_EQ(reason, world.refusal());
  }
}

TEST(GateTest, of_two_faults_the_one_that_the_enum_names_first_is_told) {
  for (std::size_t first = 0; first < FAULTS.size(); ++first) {
    for (std::size_t second = first + 1; second < FAULTS.size(); ++second) {
      World world;
      FAULTS[second].second(world);
      FAULTS[first].second(world);
      EXPECT_EQ(FAULTS[first].first, world.refusal()) << first << ' ' << second;
      EXPECT_LT(static_cast<int>(FAULTS[first].first), static_cast<int>(FAULTS[second].first));
    }
  }
}

TEST(GateTest, an_absent_limit_refuses) {
  using Limit = std::uint64_t RiskLimits::*;
  const std::vector<std::pair<Limit, RefusalReason>> limits = {
      {&RiskLimits::book_age_ns_max, RefusalReason::BOOK_STALE},
      {&RiskLimits::intent_age_ns_max, RefusalReason::INTENT_TOO_OLD},
      {&RiskLimits::price_tick, RefusalReason::PRICE_OFF_TICK},
      {&RiskLimits::lot, RefusalReason::QUANTITY_OFF_LOT},
      {&RiskLimits::order_quantity_max, RefusalReason::QUANTITY_LIMIT},
      {&RiskLimits::order_notional_max, RefusalReason::NOTIONAL_LIMIT},
      {&RiskLimits::price_collar_bps, RefusalReason::PRICE_COLLAR},
      {&RiskLimits::position_max, RefusalReason::POSITION_LIMIT},
      {&RiskLimits::gross_notional_max, RefusalReason::GROSS_LIMIT},
      {&RiskLimits::open_orders_max, RefusalReason::OPEN_ORDERS_LIMIT},
      {&RiskLimits::unacknowledged_max, RefusalReason::UNACKNOWLEDGED_LIMIT},
      {&RiskLimits::loss_max, RefusalReason::LOSS_LIMIT},
  };
  for (const auto& [limit, reason] : limits) {
    World world;
    world.order.intent_emit_ts_ns = world.account.feed_up_to_date_ts_ns = NOW_NS;
    world.instrument.position = -500;  // the order only reduces it
    world.account.marked_value = 500;
    world.limits.*limit = 0;
    EXPECT_EQ(reason, world.refusal());
  }
}

TEST(GateTest, regular_hours_are_within_extended_ones_and_nothing_else_is_within_any) {
  using schema::MarketPhase;
  const auto refusal = [](MarketPhase phase, MarketPhase hours) {
    World world;
    world.account.phase = phase;
    world.limits.hours = hours;
    return world.refusal();
  };
  for (const auto phase :
       {MarketPhase::UNKNOWN, MarketPhase::CLOSED, MarketPhase::EXTENDED, MarketPhase::REGULAR, MarketPhase{4}}) {
    const bool regular = phase == MarketPhase::REGULAR;
    const bool extended = regular || phase == MarketPhase::EXTENDED;
    EXPECT_EQ(regular ? RefusalReason::NONE : RefusalReason::OUTSIDE_HOURS, refusal(phase, MarketPhase::REGULAR));
    EXPECT_EQ(extended ? RefusalReason::NONE : RefusalReason::OUTSIDE_HOURS, refusal(phase, MarketPhase::EXTENDED));
    for (const auto hours : {MarketPhase::UNKNOWN, MarketPhase::CLOSED, MarketPhase{4}}) {
      EXPECT_EQ(RefusalReason::OUTSIDE_HOURS, refusal(phase, hours));
    }
  }
}

TEST(GateTest, an_empty_locked_or_crossed_book_is_no_reference) {
  for (const auto& [bid, ask] :
       {std::pair{BID, BID}, {BID + 1, BID}, {std::uint64_t{0}, ASK}, {BID, std::uint64_t{0}}}) {
    World world;
    world.instrument.bid_price = bid;
    world.instrument.ask_price = ask;
    EXPECT_EQ(RefusalReason::BOOK_INVALID, world.refusal()) << bid << ' ' << ask;
  }
}

TEST(GateTest, a_feed_stamped_a_little_ahead_of_our_clock_is_fresh_and_a_lot_ahead_is_nonsense) {
  World world;
  world.account.feed_up_to_date_ts_ns = NOW_NS + 1000;
  EXPECT_EQ(RefusalReason::NONE, world.refusal());
  world.account.feed_up_to_date_ts_ns = NOW_NS + 1001;
  EXPECT_EQ(RefusalReason::BOOK_STALE, world.refusal());
}

TEST(GateTest, a_stamp_of_0_is_none_however_young_the_clock) {
  World world;
  world.account.feed_up_to_date_ts_ns = world.order.intent_emit_ts_ns = 1;
  const auto refusal = [&] { return gate_refusal(world.order, world.instrument, world.account, world.limits, 500); };
  EXPECT_EQ(RefusalReason::NONE, refusal());
  world.order.intent_emit_ts_ns = 0;
  EXPECT_EQ(RefusalReason::INTENT_TOO_OLD, refusal());
  world.account.feed_up_to_date_ts_ns = 0;
  EXPECT_EQ(RefusalReason::BOOK_STALE, refusal());
}

TEST(GateTest, what_is_not_known_of_the_account_refuses_whatever_the_limits) {
  World world;
  world.order.replaced_leaves = world.instrument.open_buy_quantity = 1;
  world.limits.open_orders_max = world.limits.unacknowledged_max = world.limits.loss_max = UINT64_MAX;
  world.account.open_orders = 1;
  EXPECT_EQ(RefusalReason::NONE, world.refusal());
  world.account.marked_value = INT64_MIN;
  EXPECT_EQ(RefusalReason::LOSS_LIMIT, world.refusal());
  world.account.unacknowledged = UINT64_MAX;
  EXPECT_EQ(RefusalReason::UNACKNOWLEDGED_LIMIT, world.refusal());
  world.account.open_orders = UINT64_MAX;
  EXPECT_EQ(RefusalReason::OPEN_ORDERS_LIMIT, world.refusal());
}

TEST(GateTest, an_intent_of_the_future_is_refused) {
  World world;
  world.order.intent_emit_ts_ns = NOW_NS + 1;
  EXPECT_EQ(RefusalReason::INTENT_TOO_OLD, world.refusal());
}

TEST(GateTest, below_one_unit_of_currency_every_price_is_on_tick) {
  World world;
  world.instrument.bid_price = 9'990;
  world.instrument.ask_price = world.order.price = 9'999;
  EXPECT_EQ(RefusalReason::NONE, world.refusal());
  world.limits.price_tick = 300;
  world.instrument.ask_price = world.order.price = 10'000;
  EXPECT_EQ(RefusalReason::PRICE_OFF_TICK, world.refusal());
}

TEST(GateTest, the_collar_is_exact_on_both_sides) {
  World world;
  world.limits.price_tick = 1;
  world.order.price = ASK + ASK * 50 / 10'000;  // 1005100.5 rounded down
  EXPECT_EQ(RefusalReason::NONE, world.refusal());
  ++world.order.price;
  EXPECT_EQ(RefusalReason::PRICE_COLLAR, world.refusal());
  world.order.side = Side::SELL;
  world.order.price = BID - BID * 50 / 10'000;
  EXPECT_EQ(RefusalReason::NONE, world.refusal());
  --world.order.price;
  EXPECT_EQ(RefusalReason::PRICE_COLLAR, world.refusal());
}

TEST(GateTest, a_product_beyond_64_bits_is_not_a_small_one) {
  World world;
  world.limits.order_quantity_max = UINT64_MAX;
  world.limits.price_tick = 1;
  world.instrument.ask_price = world.order.price = std::uint64_t{1} << 32;
  world.order.quantity = std::uint64_t{1} << 32;  // × = 2^64, which is 0 in 64 bits
  EXPECT_EQ(RefusalReason::NOTIONAL_LIMIT, world.refusal());
}

TEST(GateTest, a_position_beyond_its_limit_may_be_reduced_and_not_added_to) {
  World world;
  world.instrument.position = 5000;
  EXPECT_EQ(RefusalReason::POSITION_LIMIT, world.refusal());
  world.order.side = Side::SELL;
  EXPECT_EQ(RefusalReason::NONE, world.refusal());
}

TEST(GateTest, what_is_open_counts_as_filled_and_what_is_replaced_does_not) {
  World world;
  world.account.open_orders = 1;
  world.instrument.open_buy_quantity = 901;
  EXPECT_EQ(RefusalReason::POSITION_LIMIT, world.refusal());
  world.order.replaced_leaves = 1;
  EXPECT_EQ(RefusalReason::NONE, world.refusal());
  world.order.replaced_leaves = 902;  // more than is open: what we know contradicts itself
  EXPECT_EQ(RefusalReason::POSITION_LIMIT, world.refusal());
}

TEST(GateTest, beyond_the_gross_limit_only_what_does_not_add_to_it_passes) {
  World world;
  world.account.gross_notional_others = world.limits.gross_notional_max;
  EXPECT_EQ(RefusalReason::GROSS_LIMIT, world.refusal());
  world.instrument.position = -100;
  EXPECT_EQ(RefusalReason::NONE, world.refusal());
  world.account.gross_notional_others = UINT64_MAX;
  EXPECT_EQ(RefusalReason::GROSS_LIMIT, world.refusal());
}

TEST(GateTest, a_replace_needs_no_place_of_its_own_among_the_open_orders) {
  World world;
  world.account.open_orders = 10;
  world.instrument.open_buy_quantity = world.order.replaced_leaves = 1;
  EXPECT_EQ(RefusalReason::NONE, world.refusal());
  world.account.open_orders = 11;
  EXPECT_EQ(RefusalReason::OPEN_ORDERS_LIMIT, world.refusal());
}

TEST(GateTest, own_orders_of_the_same_side_are_no_self_trade) {
  World world;
  world.instrument.own_best_bid = ASK;
  EXPECT_EQ(RefusalReason::NONE, world.refusal());
  world.order.side = Side::SELL;
  EXPECT_EQ(RefusalReason::SELF_TRADE, world.refusal());
}

TEST(GateTest, a_loss_of_exactly_the_limit_passes) {
  World world;
  world.account.marked_value = -1'000'000;
  EXPECT_EQ(RefusalReason::NONE, world.refusal());
}

}  // namespace
}  // namespace hft::feedd
