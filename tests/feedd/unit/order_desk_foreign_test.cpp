// Somebody else trades on the same account: their orders are counted, and from then on nothing is trusted.
#include "gateway/orders/client_id.hpp"
#include "order_desk_fixture.hpp"

namespace hft::feedd {
namespace {

using schema::IntentAction;
using schema::OrderState;
using schema::RefusalReason;
using schema::UpdateKind;
using Event = VenueEvent::Kind;
using Kinds = std::vector<UpdateKind>;

class OrderDeskForeignTest : public OrderDeskTest {
 protected:
  static constexpr std::uint64_t THEIR_TAG = 77;

  static VenueEvent theirs(Event kind, std::uint32_t token, std::uint64_t order_id) {
    VenueEvent made = event(kind, token, 40);
    made.client_id = encode_client_id({THEIR_TAG, order_id});
    return made;
  }
  // As the venue echoes it.
  static VenueEvent ours(Event kind, std::uint32_t token, std::uint64_t order_id) {
    VenueEvent made = event(kind, token, 100);
    made.client_id = encode_client_id({queue_tag(QUEUE), order_id});
    return made;
  }
};

TEST_F(OrderDeskForeignTest, what_the_venue_echoes_of_our_own_orders_is_no_news) {
  begin();
  const std::uint32_t token = send_new(41);
  desk_->on_event(ours(Event::ACCEPTED, token, 41));
  EXPECT_TRUE(desk_->reconciled());
  ASSERT_EQ(RefusalReason::NONE, send(intent(IntentAction::REPLACE, 42, 41)));
  VenueEvent replaced = ours(Event::REPLACED, venue_->sent.back().token, 42);
  replaced.replaced_token = token;
  desk_->on_event(replaced);
  EXPECT_TRUE(desk_->reconciled());
  expect_sums();
}

TEST_F(OrderDeskForeignTest, an_order_that_comes_up_while_we_trade_ends_our_trust) {
  begin();
  EXPECT_TRUE(desk_->reconciled());
  desk_->on_event(theirs(Event::ACCEPTED, 900, 1));
  EXPECT_FALSE(desk_->reconciled());
  EXPECT_NE(NO_PLACE, desk_->table().by_token(900)) << "it is counted, and cancelled when the fence is shut";
  break_session();
  come_up();
  EXPECT_FALSE(desk_->reconciled()) << "until the next start";
  expect_sums();
}

TEST_F(OrderDeskForeignTest, a_late_acceptance_of_an_order_from_here_does_not) {
  begin();
  const std::uint32_t token = send_new(41);
  break_session();
  come_up();
  ASSERT_EQ(NO_PLACE, desk_->table().by_token(token)) << "settled: it never arrived";
  desk_->attach(QUEUE + (1ull << 30));
  desk_->on_event(ours(Event::ACCEPTED, token, 41));
  EXPECT_TRUE(desk_->reconciled());
  EXPECT_NE(NO_PLACE, desk_->table().by_token(token));
  expect_sums();
}

TEST_F(OrderDeskForeignTest, a_number_that_they_used_first_is_theirs_and_ours_never_arrived) {
  begin();
  const std::uint32_t token = send_new(41);
  drain();
  VenueEvent accepted = theirs(Event::ACCEPTED, token, 1);
  accepted.side = schema::Side::SELL;
  desk_->on_event(accepted);
  EXPECT_EQ((Kinds{UpdateKind::IGNORED, UpdateKind::ACCEPTED}), kinds());
  EXPECT_FALSE(desk_->reconciled());
  EXPECT_EQ(0u, acme().open_buy_quantity);
  EXPECT_EQ(40u, acme().open_sell_quantity);
  desk_->on_event(event(Event::EXECUTED, token, 40));
  EXPECT_EQ(-40, acme().position) << "what they sold";
  expect_sums();
}

TEST_F(OrderDeskForeignTest, so_is_the_number_of_a_replacement_and_the_old_order_stays) {
  begin();
  const std::uint32_t old_token = send_live(41);
  ASSERT_EQ(RefusalReason::NONE, send(intent(IntentAction::REPLACE, 42, 41)));
  const std::uint32_t token = venue_->sent.back().token;
  drain();
  desk_->on_event(theirs(Event::ACCEPTED, token, 1));
  EXPECT_EQ((Kinds{UpdateKind::IGNORED, UpdateKind::ACCEPTED}), kinds());
  EXPECT_EQ(OrderState::LIVE, desk_->table().at(desk_->table().by_token(old_token)).state);
  EXPECT_EQ(140u, acme().open_buy_quantity);
  EXPECT_EQ(0u, desk_->unacknowledged());
  expect_sums();
}

}  // namespace
}  // namespace hft::feedd
