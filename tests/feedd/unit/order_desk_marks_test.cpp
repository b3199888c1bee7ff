// Which sells are marked short.
#include <utility>

#include "order_desk_fixture.hpp"

namespace hft::feedd {
namespace {

using schema::IntentAction;
using schema::RefusalReason;
using Event = VenueEvent::Kind;

class OrderDeskMarksTest : public OrderDeskTest {
 protected:
  OrderDeskMarksTest() { begin(); }

  void own(std::uint64_t quantity) {
    desk_->accounts().fill(desk_->accounts().by_symbol(venue_symbol("ACME")), schema::Side::BUY, quantity, 100'0000);
  }
  schema::OrderIntent sell(std::uint64_t order_id, std::uint32_t quantity, std::uint64_t replaced = 0) {
    schema::OrderIntent made = intent(replaced == 0 ? IntentAction::NEW : IntentAction::REPLACE, order_id, replaced);
    made.mutate_side(schema::Side::SELL);
    made.mutate_quantity(quantity);
    return made;
  }
  // The venue's answer to what was sent last, with the mark that it has.
  void answer(Event kind, std::uint32_t quantity, bool short_sale) {
    VenueEvent made = event(kind, venue_->sent.back().token, quantity);
    made.replaced_token = venue_->sent.back().replaced_token;
    made.side = schema::Side::SELL;
    made.short_sale = short_sale;
    desk_->on_event(made);
  }
  // A live sell, marked long.
  void offer(std::uint32_t quantity) {
    ASSERT_EQ(RefusalReason::NONE, send(sell(1, quantity)));
    answer(Event::ACCEPTED, quantity, false);
  }
  // What is to be marked with it: the total of the order that it replaces, 0 = nothing.
  std::uint32_t marked_by(const schema::OrderIntent& replacement) {
    EXPECT_EQ(RefusalReason::NONE, send(replacement));
    return venue_->last_replace.mark_short_quantity;
  }
};

TEST_F(OrderDeskMarksTest, a_sell_of_more_than_we_own) {
  own(100);
  ASSERT_EQ(RefusalReason::NONE, send(sell(1, 100)));
  EXPECT_FALSE(venue_->last_order.short_sale);
  ASSERT_EQ(RefusalReason::NONE, send(sell(2, 1)));
  EXPECT_TRUE(venue_->last_order.short_sale) << "all that is owned is offered already";
  ASSERT_EQ(RefusalReason::NONE, send(intent(IntentAction::NEW, 3)));
  EXPECT_FALSE(venue_->last_order.short_sale);
}

TEST_F(OrderDeskMarksTest, one_that_is_replaced_by_one_of_more_than_we_own_and_then_no_more) {
  own(150);
  offer(100);
  EXPECT_EQ(0u, marked_by(sell(2, 150, 1))) << "its own offer is not in its way";
  answer(Event::REPLACED, 150, false);
  EXPECT_EQ(150u, marked_by(sell(3, 151, 2)));
  answer(Event::REPLACED, 151, true);
  EXPECT_EQ(0u, marked_by(sell(4, 152, 3))) << "it is marked";
}

TEST_F(OrderDeskMarksTest, with_the_next_try_when_the_socket_takes_nothing) {
  own(100);
  offer(100);
  for (const auto& [taken, reason] : {std::pair{SendResult::WOULD_BLOCK, RefusalReason::SOCKET_FULL},
                                      std::pair{SendResult::SENT, RefusalReason::NONE}}) {
    venue_->result = taken;
    venue_->last_replace = {};
    EXPECT_EQ(reason, send(sell(2, 200, 1)));
    EXPECT_EQ(100u, venue_->last_replace.mark_short_quantity);
  }
}

// The session broke on the way: the venue never had the mark, nor the replacement.
TEST_F(OrderDeskMarksTest, again_when_the_venue_never_got_it) {
  own(100);
  offer(100);
  EXPECT_EQ(100u, marked_by(sell(2, 200, 1)));
  break_session();
  come_up();
  EXPECT_EQ(100u, marked_by(sell(3, 200, 1)));
}

TEST_F(OrderDeskMarksTest, not_again_when_only_the_replacement_was_refused) {
  own(100);
  offer(100);
  EXPECT_EQ(100u, marked_by(sell(2, 200, 1)));
  VenueEvent modified = event(Event::MODIFIED, venue_->last_replace.replaced_token, 100);
  modified.side = schema::Side::SELL;
  modified.short_sale = true;
  desk_->on_event(modified);
  answer(Event::REJECTED, 0, false);
  EXPECT_EQ(0u, marked_by(sell(3, 200, 1)));
}

}  // namespace
}  // namespace hft::feedd
