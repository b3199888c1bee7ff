#include <limits>

#include "gateway_fixture.hpp"

namespace hft::feedd {
namespace {

using schema::RefusalReason;
using schema::VetoReason;

using GatewayVetoTest = GatewayFenceTest;

TEST_F(GatewayVetoTest, a_lapse_a_veto_and_another_epoch_right_after_the_send_are_in_the_window_too) {
  arm_and_look();
  ManualClock::before_reading(3, [this] { veto_.set_veto(1); });
  EXPECT_EQ(RefusalReason::NONE, answer());
  EXPECT_EQ(1u, stats_.in_window.value());
  veto_.set_veto(0);
  agent_->do_work();
  ManualClock::before_reading(3, [this] { intents_.set_veto(2); });
  EXPECT_EQ(RefusalReason::NONE, answer());
  EXPECT_EQ(2u, stats_.in_window.value());
  intents_.set_veto(0);
  agent_->do_work();
  ManualClock::before_reading(3, [this] {
    close();
    arm(EPOCH + 1);
  });
  EXPECT_EQ(RefusalReason::NONE, answer());
  EXPECT_EQ(3u, stats_.in_window.value());
  ManualClock::before_reading(3, [] { ManualClock::now_ns += LEASE_NS; });
  EXPECT_EQ(RefusalReason::NONE, answer(EPOCH + 1));
  EXPECT_EQ(4u, stats_.in_window.value());
  EXPECT_EQ(EPOCH + 1, state().epoch_latched()) << "the second look latches, not the next round";
}

TEST_F(GatewayVetoTest, a_pause_right_after_the_send_is_not_in_the_window) {
  arm_and_look();
  ManualClock::before_reading(3, [this] { writer_.pause_all(true); });
  EXPECT_EQ(RefusalReason::NONE, answer());
  EXPECT_EQ(0u, stats_.in_window.value());
}

TEST_F(GatewayVetoTest, a_foreign_token_and_an_operator_s_veto_drain_and_braind_s_veto_does_not) {
  arm();
  intents_.set_veto(static_cast<std::uint64_t>(VetoReason::NUMBERS_NOT_FINITE));
  agent_->do_work();
  EXPECT_EQ(0u, state().fence_open());
  EXPECT_EQ(0u, state().drained());
  veto_.set_veto(static_cast<std::uint64_t>(VetoReason::OPERATOR));
  agent_->do_work();
  EXPECT_EQ(EPOCH, state().drained());
  veto_.set_veto(0);
  intents_.set_veto(0);
  agent_->do_work();
  EXPECT_EQ(0u, state().drained());
  writer_.open(EPOCH + 1, 12345, ManualClock::now_ns + LEASE_NS);
  agent_->do_work();
  EXPECT_EQ(EPOCH + 1, state().drained());
}

TEST_F(GatewayVetoTest, an_operator_s_veto_of_any_value_refuses_until_it_is_taken_back) {
  arm();
  for (const std::uint64_t word : {std::uint64_t{1}, std::uint64_t{77}, std::numeric_limits<std::uint64_t>::max()}) {
    veto_.set_veto(word);
    EXPECT_EQ(RefusalReason::OPERATOR_VETO, answer());
    EXPECT_EQ(1u, state().veto_seen());
    veto_.set_veto(0);
    EXPECT_EQ(RefusalReason::NONE, answer());
  }
}

TEST_F(GatewayVetoTest, a_veto_page_that_goes_away_is_a_veto) {
  arm();
  std::filesystem::remove(directory_ / "veto");
  attach();
  EXPECT_EQ(RefusalReason::OPERATOR_VETO, answer());
  EXPECT_EQ(1u, state().veto_seen());
  veto_ = adopt_veto();
  attach();
  EXPECT_EQ(RefusalReason::NONE, answer());
}

TEST_F(GatewayVetoTest, braind_s_veto_refuses) {
  arm();
  intents_.set_veto(99);
  EXPECT_EQ(RefusalReason::BRAIND_VETO, answer());
  EXPECT_EQ(2u, state().veto_seen());
  EXPECT_EQ(0u, state().fence_open());
}

TEST_F(GatewayVetoTest, all_vetoes_are_seen_at_once) {
  arm();
  ManualClock::now_ns += LEASE_NS;
  veto_.set_veto(1);
  intents_.set_veto(2);
  agent_->do_work();
  EXPECT_EQ(7u, state().veto_seen());
}

TEST_F(GatewayVetoTest, a_pause_is_for_its_instrument_or_strategy_and_lets_cancels_through) {
  arm();
  schema::OrderIntent paused = intent(1);
  paused.mutate_strategy_id(4);
  schema::OrderIntent cancel = paused;
  cancel.mutate_action(schema::IntentAction::CANCEL);
  schema::OrderIntent other = intent(2);
  other.mutate_instrument_id(8);
  writer_.pause_instrument(3, true);
  EXPECT_EQ(RefusalReason::PAUSED, answer(paused));
  EXPECT_EQ(RefusalReason::NONE, answer(cancel));
  EXPECT_EQ(RefusalReason::NONE, answer(other));
  EXPECT_EQ(1u, state().fence_open());
  writer_.pause_instrument(3, false);
  writer_.pause_strategy(4, true);
  EXPECT_EQ(RefusalReason::PAUSED, answer(paused));
  EXPECT_EQ(RefusalReason::NONE, answer(other));
  writer_.pause_strategy(4, false);
  EXPECT_EQ(RefusalReason::NONE, answer(paused));
  writer_.pause_all(true);
  EXPECT_EQ(RefusalReason::PAUSED, answer(other));
  EXPECT_EQ(RefusalReason::NONE, answer(cancel));
}

TEST_F(GatewayVetoTest, a_strategy_id_without_a_bit_is_paused) {
  arm();
  schema::OrderIntent beyond = intent(1);
  beyond.mutate_strategy_id(FENCE_STRATEGIES);
  EXPECT_EQ(RefusalReason::PAUSED, answer(beyond));
  beyond.mutate_strategy_id(FENCE_STRATEGIES - 1);
  EXPECT_EQ(RefusalReason::NONE, answer(beyond));
}

TEST_F(GatewayVetoTest, the_time_from_a_closing_to_the_look_that_sees_it_is_measured_once) {
  arm();
  agent_->do_work();
  close();
  ManualClock::now_ns += 250;
  agent_->do_work();
  agent_->do_work();
  EXPECT_EQ(RefusalReason::FENCE_CLOSED, answer());
  const auto seen = histogram("feedd_fence_close_seen_ns");
  EXPECT_EQ(1u, seen.count);
  EXPECT_EQ(250u, seen.max);
}

TEST_F(GatewayVetoTest, the_cost_of_the_checks_is_measured_for_orders_that_pass) {
  arm_and_look();
  ManualClock::before_reading(3, [] { ManualClock::now_ns += 40; });
  EXPECT_EQ(RefusalReason::NONE, answer());
  EXPECT_EQ(RefusalReason::WRONG_EPOCH, answer(1));
  const auto cost = histogram("feedd_order_check_ns");
  EXPECT_EQ(1u, cost.count);
  EXPECT_EQ(40u, cost.max);
  EXPECT_EQ(2u, histogram("feedd_intent_to_answer_ns").count);
}

}  // namespace
}  // namespace hft::feedd
