#include "gateway/orders/position_closer.hpp"

#include <atomic>
#include <cstring>
#include <string_view>

#include "feedd/board.hpp"
#include "order_desk_fixture.hpp"

namespace hft::feedd {
namespace {

using schema::CommandScope;
using schema::RefusalReason;
using schema::Side;

constexpr std::uint64_t BID = 99'0000, ASK = 100'0000;
constexpr std::uint64_t EPOCH = 5;

class PositionCloserTest : public OrderDeskTest {
 protected:
  PositionCloserTest() {
    RiskLimits& limits = config_.risk.limits;
    limits.order_quantity_max = 100;
    limits.order_notional_max = 100 * ASK;
    limits.position_max = 10'000;
    limits.gross_notional_max = 10'000 * ASK;
    limits.open_orders_max = limits.unacknowledged_max = 50;
    limits.loss_max = UINT64_MAX / 4;
    limits.price_collar_bps = 1000;
    limits.book_age_ns_max = limits.intent_age_ns_max = 1'000'000'000'000;
    feed_look_.up_to_date_ns = DeskClock::now_ns;
    board_ = make(schema::RegionKind::MARKET_BOARD, 16, sizeof(schema::BoardEntry), "board");
    quote(BID, ASK);
    limits_ = Region::adopt(options(schema::RegionKind::LIMITS, 1, sizeof(schema::Limits), "limits"));
    begin();
    make_closer();
  }

  void make_closer() {
    keeper_.emplace(config_.risk, board_, feed_look_, *desk_);
    keeper_->set_limits(limits_);
    closer_.emplace(*desk_, *keeper_);
  }

  // 0 = that side is empty.
  void quote(std::uint64_t bid, std::uint64_t ask, std::string_view symbol = "ACME", std::uint32_t id = ACME) {
    schema::BoardEntry entry;
    std::memcpy(entry.mutable_symbol()->Data(), symbol.data(), symbol.size());
    entry.mutate_instrument_id(id);
    entry.mutate_trade_state(schema::TradeState::TRADING);
    entry.mutate_validity(schema::BookValidity::VALID);
    entry.mutate_bid_levels(bid != 0 ? 1 : 0);
    entry.mutate_ask_levels(ask != 0 ? 1 : 0);
    entry.mutable_bids()->GetMutablePointer(0)->mutate_price(static_cast<std::int64_t>(bid));
    entry.mutable_asks()->GetMutablePointer(0)->mutate_price(static_cast<std::int64_t>(ask));
    BoardWriter(board_).write(id, entry);
  }
  // Some walks over the board.
  void find_names() {
    for (int round = 0; round < 40; ++round) keeper_->look_around(DeskClock::now_ns += GateKeeper::NAMES_INTERVAL_NS);
  }
  void hold(std::int64_t quantity) {
    const Side side = quantity > 0 ? Side::BUY : Side::SELL;
    const auto place = desk_->accounts().by_symbol(venue_symbol("ACME"));
    desk_->accounts().fill(place, side, static_cast<std::uint64_t>(quantity > 0 ? quantity : -quantity), BID);
  }
  void ask_flat(std::uint64_t ticket = 2, CommandScope scope = CommandScope::ALL, std::uint64_t subject = 0) {
    closer_->begin({ticket, scope, subject, true}, DeskClock::now_ns);
  }
  // One round of the agent's: the order that was sent, if one was.
  bool work(schema::OrderIntent& order) {
    DeskClock::now_ns += PositionCloser::RETRY_NS;
    if (!closer_->next(EPOCH, DeskClock::now_ns, order)) return false;
    RefusalReason reason = keeper_->refusal(order, DeskClock::now_ns);
    schema::OrderUpdate update;
    if (reason == RefusalReason::NONE) reason = desk_->prepare(order, Sender::GATEWAY, {});
    if (reason == RefusalReason::NONE) reason = desk_->transmit(order, DeskClock::now_ns, update);
    if (reason == RefusalReason::NONE) desk_->answer(update, order, DeskClock::now_ns);
    closer_->tried(reason);
    return reason == RefusalReason::NONE;
  }
  void fill_last(std::uint32_t quantity) {
    const std::uint32_t token = venue_->sent.back().token;
    VenueEvent accepted = event(VenueEvent::Kind::ACCEPTED, token, 100);
    accepted.side = venue_->last_order.side;
    accepted.quantity = venue_->last_order.quantity;
    desk_->on_event(accepted);
    if (quantity != 0) desk_->on_event(event(VenueEvent::Kind::EXECUTED, token, quantity));
    const std::uint32_t left = venue_->last_order.quantity - quantity;
    if (left != 0) desk_->on_event(event(VenueEvent::Kind::CANCELED, token, left));
  }

  Region board_, limits_;
  FeedLook feed_look_{0, schema::MarketPhase::REGULAR};
  std::optional<GateKeeper> keeper_;
  std::optional<PositionCloser> closer_;
};

TEST_F(PositionCloserTest, an_id_that_the_feed_gave_to_another_symbol_is_not_traded) {
  hold(30);
  quote(BID, ASK, "ELSE");
  schema::OrderIntent order;
  EXPECT_EQ(RefusalReason::NOT_ALLOWED,
            keeper_->closing_order(desk_->accounts().by_symbol(venue_symbol("ACME")), DeskClock::now_ns, order));
  quote(BID, ASK);
  EXPECT_EQ(RefusalReason::NONE,
            keeper_->closing_order(desk_->accounts().by_symbol(venue_symbol("ACME")), DeskClock::now_ns, order));
}

TEST_F(PositionCloserTest, a_long_position_is_sold_at_the_bid_in_orders_that_the_limits_allow) {
  hold(250);
  ask_flat();
  std::vector<std::uint32_t> quantities;
  schema::OrderIntent order;
  while (work(order)) {
    EXPECT_EQ(Side::SELL, order.side());
    EXPECT_EQ(static_cast<std::int64_t>(BID), order.price());
    EXPECT_EQ(schema::TimeInForce::IOC, order.time_in_force());
    EXPECT_EQ(EPOCH, order.epoch());
    EXPECT_FALSE(venue_->last_order.short_sale);
    quantities.push_back(venue_->last_order.quantity);
    fill_last(venue_->last_order.quantity);
  }
  EXPECT_EQ((std::vector<std::uint32_t>{100, 100, 50}), quantities);
  EXPECT_EQ(0, acme().position);
  EXPECT_FALSE(closer_->busy());
  EXPECT_EQ(2u, closer_->done());
  EXPECT_EQ(RefusalReason::NONE, closer_->refusal());
}

TEST_F(PositionCloserTest, whole_lots_are_sold_and_what_is_less_is_named) {
  config_.risk.limits.lot = 20;
  make_closer();
  hold(130);
  ask_flat();
  std::vector<std::uint32_t> quantities;
  schema::OrderIntent order;
  while (work(order)) {
    quantities.push_back(venue_->last_order.quantity);
    fill_last(venue_->last_order.quantity);
  }
  EXPECT_EQ((std::vector<std::uint32_t>{100, 20}), quantities);
  EXPECT_EQ(10, acme().position);
  EXPECT_EQ(RefusalReason::QUANTITY_OFF_LOT, keeper_->refusal(order, DeskClock::now_ns));
}

TEST_F(PositionCloserTest, an_account_that_the_venue_tells_of_late_is_named_too) {
  quote(BID, ASK, "OTHER", 2);
  find_names();
  quote(BID, ASK, "LATE", 9);
  find_names();
  VenueEvent bought = event(VenueEvent::Kind::ACCEPTED, 900, 100);
  bought.symbol = venue_symbol("LATE");
  desk_->on_event(bought);
  find_names();
  EXPECT_EQ(9u, desk_->accounts().at(desk_->accounts().by_symbol(venue_symbol("LATE"))).instrument_id);
}

TEST_F(PositionCloserTest, caps_of_a_symbol_go_with_it_to_its_next_id) {
  config_.risk.instruments.push_back({"ACME", 50, UINT64_MAX, UINT64_MAX});
  make_closer();
  Accounts& accounts = desk_->accounts();
  const auto acme = accounts.by_symbol(venue_symbol("ACME")), other = accounts.by_symbol(venue_symbol("OTHER"));
  for (const auto place : {acme, other}) accounts.fill(place, Side::BUY, 100, BID);
  const auto closing = [&](AccountPlace place) {
    schema::OrderIntent order;
    EXPECT_EQ(RefusalReason::NONE, keeper_->closing_order(place, DeskClock::now_ns, order));
    return order.quantity();
  };
  desk_->name_account(acme, 5);
  quote(BID, ASK, "ACME", 7);
  quote(BID, ASK, "OTHER", 8);
  find_names();
  EXPECT_EQ(50u, closing(acme));
  EXPECT_EQ(100u, closing(other));
  quote(BID, ASK, "OTHER", 7);
  quote(BID, ASK, "ACME", 8);
  for (const std::uint32_t id : {7u, 8u}) {  // an intent has the name looked at
    schema::OrderIntent asks = intent(schema::IntentAction::NEW, id);
    asks.mutate_instrument_id(id);
    (void)keeper_->refusal(asks, DeskClock::now_ns);
  }
  EXPECT_EQ(50u, closing(acme));
  EXPECT_EQ(100u, closing(other));
}

TEST_F(PositionCloserTest, a_short_position_is_bought_back_at_the_ask) {
  hold(-40);
  ask_flat(4, CommandScope::INSTRUMENT, ACME);
  schema::OrderIntent order;
  ASSERT_TRUE(work(order));
  EXPECT_EQ(Side::BUY, order.side());
  EXPECT_EQ(static_cast<std::int64_t>(ASK), order.price());
  EXPECT_EQ(40u, order.quantity());
  fill_last(40);
  EXPECT_FALSE(work(order));
  EXPECT_EQ(4u, closer_->done());
}

TEST_F(PositionCloserTest, what_was_not_filled_is_tried_again) {
  hold(100);
  ask_flat();
  schema::OrderIntent order;
  ASSERT_TRUE(work(order));
  fill_last(0);
  ASSERT_TRUE(work(order));
  fill_last(60);
  ASSERT_TRUE(work(order));
  EXPECT_EQ(40u, order.quantity());
}

TEST_F(PositionCloserTest, it_waits_for_what_is_open) {
  const std::uint32_t token = send_live(1);
  hold(100);
  ask_flat();
  schema::OrderIntent order;
  EXPECT_FALSE(work(order));
  EXPECT_TRUE(closer_->busy());
  desk_->on_event(event(VenueEvent::Kind::CANCELED, token, 100));
  EXPECT_TRUE(work(order));
  EXPECT_FALSE(work(order)) << "the closing order itself is open";
}

TEST_F(PositionCloserTest, nothing_held_is_done_at_once) {
  ask_flat(6);
  schema::OrderIntent order;
  EXPECT_FALSE(work(order));
  EXPECT_EQ(6u, closer_->done());
}

TEST_F(PositionCloserTest, another_instrument_s_position_is_left_alone) {
  hold(100);
  ask_flat(6, CommandScope::INSTRUMENT, ACME + 1);
  schema::OrderIntent order;
  EXPECT_FALSE(work(order));
  EXPECT_EQ(6u, closer_->done());
  EXPECT_EQ(100, acme().position);
}

TEST_F(PositionCloserTest, without_a_book_it_gives_up_in_time_and_says_why) {
  hold(100);
  quote(0, ASK);
  ask_flat();
  const std::uint64_t start_ns = DeskClock::now_ns;
  schema::OrderIntent order;
  while (closer_->busy() && DeskClock::now_ns - start_ns < 2 * PositionCloser::CLOSE_NS) {
    EXPECT_FALSE(work(order));
    DeskClock::now_ns += 99 * PositionCloser::RETRY_NS;
  }
  EXPECT_GE(DeskClock::now_ns - start_ns, PositionCloser::CLOSE_NS);
  EXPECT_EQ(2u, closer_->done());
  EXPECT_EQ(RefusalReason::BOOK_INVALID, closer_->refusal());
}

TEST_F(PositionCloserTest, without_limits_nothing_is_sent) {
  keeper_->set_limits(Region());
  hold(100);
  ask_flat();
  schema::OrderIntent order;
  EXPECT_FALSE(work(order));
  DeskClock::now_ns += PositionCloser::CLOSE_NS;
  EXPECT_FALSE(work(order));
  EXPECT_EQ(RefusalReason::QUANTITY_LIMIT, closer_->refusal());
}

TEST_F(PositionCloserTest, the_gate_s_no_is_told) {
  hold(100);
  feed_look_.up_to_date_ns = 1;
  config_.risk.limits.book_age_ns_max = 1;
  make_closer();
  ask_flat();
  schema::OrderIntent order;
  EXPECT_FALSE(work(order));
  DeskClock::now_ns += PositionCloser::CLOSE_NS;
  EXPECT_FALSE(work(order));
  EXPECT_EQ(RefusalReason::BOOK_STALE, closer_->refusal());
  EXPECT_TRUE(venue_->sent.empty());
}

TEST_F(PositionCloserTest, a_fence_that_shuts_ends_it) {
  hold(100);
  ask_flat();
  closer_->give_up(RefusalReason::FENCE_CLOSED);
  EXPECT_EQ(2u, closer_->done());
  EXPECT_EQ(RefusalReason::FENCE_CLOSED, closer_->refusal());
  schema::OrderIntent order;
  EXPECT_FALSE(closer_->busy());
}

TEST_F(PositionCloserTest, a_closing_order_is_of_no_queue) {
  hold(100);
  ask_flat();
  schema::OrderIntent order;
  ASSERT_TRUE(work(order));
  EXPECT_EQ(NO_PLACE, desk_->table().by_order_id(order.order_id()));
  const schema::OrderUpdate told = drain().back();
  EXPECT_EQ(schema::UpdateKind::SENT, told.kind());
  EXPECT_EQ(0u, told.intents_generation());
  EXPECT_EQ(0u, told.intent_sequence());
}

}  // namespace
}  // namespace hft::feedd
