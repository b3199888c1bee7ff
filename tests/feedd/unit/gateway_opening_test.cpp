// A fence that opens is told before anything may pass, and looked at anew.
#include "gateway_fixture.hpp"

namespace hft::feedd {
namespace {

class GatewayOpeningTest : public GatewayFenceTest {
 protected:
  GatewayOpeningTest() {
    watch_.set_fence(fence_);
    watch_.set_operator_veto(veto_);
    watch_.set_intents(&intents_);
    // What FenceWriter::open leaves between its stores: the new epoch, and no token yet.
    arm();
    close();
    watch_.look(ManualClock::now_ns);
  }

  schema::RefusalReason refusal() { return fence_refusal(watch_.look(ManualClock::now_ns), ManualClock::now_ns); }

  FenceWatch watch_{state_, stats_, &ManualClock::read};
};

TEST_F(GatewayOpeningTest, an_epoch_whose_token_is_not_there_yet_is_said_to_be_drained) {
  EXPECT_EQ(EPOCH, state().drained());
  EXPECT_EQ(0u, state().fence_open());
}

TEST_F(GatewayOpeningTest, that_is_taken_back_before_a_look_that_lets_orders_pass) {
  arm();
  bool told = false;
  ManualClock::before_reading(1, [&] { told = state().drained() == 0 && state().fence_open() == 1; });
  EXPECT_EQ(schema::RefusalReason::NONE, refusal());
  EXPECT_TRUE(told);
}

TEST_F(GatewayOpeningTest, a_fence_that_is_closed_while_its_opening_is_told_lets_nothing_pass) {
  arm();
  bool taken_for_drained = true;
  ManualClock::before_reading(1, [&] {
    close();
    taken_for_drained = state().drained() == EPOCH || state().fence_open() == 0;
  });
  EXPECT_EQ(schema::RefusalReason::FENCE_CLOSED, refusal());
  EXPECT_FALSE(taken_for_drained);
  EXPECT_EQ(EPOCH, state().drained());
  EXPECT_EQ(0u, state().fence_open());
}

TEST_F(GatewayOpeningTest, an_open_fence_is_looked_at_once) {
  arm();
  refusal();
  const unsigned reads = ManualClock::reads;
  EXPECT_EQ(schema::RefusalReason::NONE, refusal());
  EXPECT_EQ(reads, ManualClock::reads);
}

}  // namespace
}  // namespace hft::feedd
