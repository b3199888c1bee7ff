// What is prepared, and not sent.
#include "order_desk_fixture.hpp"

namespace hft::feedd {
namespace {

using schema::IntentAction;
using schema::RefusalReason;

TEST_F(OrderDeskTest, what_is_prepared_is_not_on_the_wire_and_can_be_withdrawn) {
  begin();
  const schema::OrderIntent made = intent(IntentAction::NEW, 1);
  ASSERT_EQ(RefusalReason::NONE, desk_->prepare(made, Sender::QUEUE, {}));
  EXPECT_TRUE(venue_->sent.empty());
  EXPECT_FALSE(desk_->nothing_open());
  desk_->withdraw();
  EXPECT_TRUE(desk_->nothing_open());
  expect_sums();
  EXPECT_EQ(1u, send_new(2)) << "its token was never on the wire";
  EXPECT_EQ(1u, venue_->sent.size());
}

TEST_F(OrderDeskTest, a_replacement_that_is_withdrawn_leaves_the_old_order_as_it_was) {
  begin();
  const std::uint32_t token = send_new(1);
  accept(token);
  const schema::OrderIntent made = intent(IntentAction::REPLACE, 2, 1);
  ASSERT_EQ(RefusalReason::NONE, desk_->prepare(made, Sender::QUEUE, {}));
  EXPECT_EQ(RefusalReason::ORDER_BUSY, desk_->refers_well(made));
  desk_->withdraw();
  EXPECT_EQ(RefusalReason::NONE, desk_->refers_well(made));
  EXPECT_EQ(1u, desk_->table().open_orders());
  EXPECT_EQ(1u, venue_->sent.size());
  expect_sums();
  EXPECT_EQ(RefusalReason::NONE, send(made));
}

TEST_F(OrderDeskTest, a_cancel_that_is_withdrawn_was_never_asked_for) {
  begin();
  accept(send_new(1));
  const schema::OrderIntent made = intent(IntentAction::CANCEL, 1);
  ASSERT_EQ(RefusalReason::NONE, desk_->prepare(made, Sender::QUEUE, {}));
  desk_->withdraw();
  EXPECT_EQ(RefusalReason::NONE, desk_->refers_well(made));
  EXPECT_EQ(0u, venue_->cancels());
  EXPECT_EQ(RefusalReason::NONE, send(made));
}

TEST_F(OrderDeskTest, an_action_that_is_none_is_not_prepared) {
  begin();
  EXPECT_EQ(RefusalReason::MALFORMED_INTENT, desk_->prepare(intent(IntentAction::NONE, 1), Sender::QUEUE, {}));
  desk_->withdraw();
  EXPECT_TRUE(desk_->nothing_open());
}

}  // namespace
}  // namespace hft::feedd
