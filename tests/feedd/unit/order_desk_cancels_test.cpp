// Cancels that the venue lets wait or refuses, a strategy's and the gateway's own.
#include "gateway/orders/order_desk.hpp"
#include "order_desk_fixture.hpp"

namespace hft::feedd {
namespace {

using schema::IntentAction;
using schema::OrderState;
using schema::RefusalReason;
using schema::UpdateKind;
using Event = VenueEvent::Kind;

TEST_F(OrderDeskTest, a_refused_cancel_leaves_the_order_live_and_a_pending_one_waits) {
  begin();
  const std::uint32_t token = send_live(1);
  ASSERT_EQ(RefusalReason::NONE, send(intent(IntentAction::CANCEL, 1)));
  desk_->on_event(event(Event::CANCEL_PENDING, token));
  EXPECT_EQ(OrderState::CANCELING, desk_->table().at(desk_->table().by_token(token)).state);
  desk_->on_event(event(Event::CANCEL_REJECTED, token));
  EXPECT_EQ(OrderState::LIVE, desk_->table().at(desk_->table().by_token(token)).state);
  expect_sums();
}

TEST_F(OrderDeskTest, a_cancel_of_the_gateways_own_that_is_refused_is_sent_again_until_it_works) {
  begin();
  const std::uint32_t token = send_live(1);
  desk_->cancel_everything(DeskClock::now_ns);
  desk_->poll(DeskClock::now_ns);
  ASSERT_EQ(1u, venue_->cancels());
  for (std::size_t refusals = 1; refusals < 4; ++refusals) {
    desk_->on_event(event(Event::CANCEL_REJECTED, token));
    EXPECT_EQ(OrderState::CANCELING, desk_->table().at(desk_->table().by_token(token)).state);
    desk_->poll(DeskClock::now_ns += OrderDesk::CANCEL_RETRY_NS / 2);
    EXPECT_EQ(refusals, venue_->cancels()) << "not at once";
    desk_->poll(DeskClock::now_ns += OrderDesk::CANCEL_RETRY_NS / 2);
    EXPECT_EQ(refusals + 1, venue_->cancels());
    expect_sums();
  }
  desk_->poll(DeskClock::now_ns += 2 * OrderDesk::CANCEL_RETRY_NS);
  EXPECT_EQ(4u, venue_->cancels()) << "one that is not answered is not sent twice";
  desk_->on_event(event(Event::CANCEL_PENDING, token));
  desk_->on_event(event(Event::CANCELED, token, 100));
  EXPECT_TRUE(desk_->nothing_open());
  EXPECT_EQ(0u, desk_->unacknowledged());
  expect_sums();
}

TEST_F(OrderDeskTest, a_strategys_cancel_is_told_with_what_it_was_decided_on) {
  begin();
  send_live(1);
  schema::OrderIntent cancel = intent(IntentAction::CANCEL, 1);
  cancel.mutate_market_seq(77);
  cancel.mutate_strategy_id(9);
  ASSERT_EQ(RefusalReason::NONE, send(cancel));
  const auto told = drain().back();
  EXPECT_EQ(UpdateKind::SENT, told.kind());
  EXPECT_EQ(77u, told.market_seq());
  EXPECT_EQ(9u, told.strategy_id());
}

}  // namespace
}  // namespace hft::feedd
