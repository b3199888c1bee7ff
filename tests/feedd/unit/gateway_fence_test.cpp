#include <limits>

#include "gateway_fixture.hpp"

namespace hft::feedd {
namespace {

using schema::RefusalReason;
using schema::VetoReason;

TEST_F(GatewayFenceTest, behind_an_open_fence_an_order_would_be_sent_and_the_state_says_so) {
  arm();
  EXPECT_EQ(RefusalReason::NONE, answer());
  EXPECT_EQ(token(EPOCH), state().fence_token_seen());
  EXPECT_EQ(EPOCH, state().fence_epoch_seen());
  EXPECT_EQ(1u, state().fence_open());
  EXPECT_EQ(0u, state().veto_seen());
  EXPECT_EQ(1u, state().intents_would_send());
  EXPECT_EQ(0u, state().intents_refused());
  EXPECT_EQ(0u, state().open_orders());
  EXPECT_EQ(1u, state().reconciled());
  EXPECT_EQ(1u, stats_.would_send.value());
  EXPECT_EQ(1u, stats_.fence_open.value());
}

TEST_F(GatewayFenceTest, the_fence_is_looked_at_in_rounds_without_intents) {
  EXPECT_EQ(0u, state().fence_open());
  arm();
  agent_->do_work();
  EXPECT_EQ(1u, state().fence_open());
  close();
  agent_->do_work();
  EXPECT_EQ(0u, state().fence_open());
  EXPECT_EQ(0u, stats_.fence_open.value());
  EXPECT_EQ(0u, state().fence_token_seen());
  EXPECT_EQ(EPOCH, state().fence_epoch_seen());
}

TEST_F(GatewayFenceTest, a_closed_fence_refuses_from_the_next_intent_on) {
  arm();
  EXPECT_EQ(RefusalReason::NONE, answer());
  // The round has begun with an open fence; the second reading is right before the intent is judged.
  ManualClock::before_reading(2, [this] { close(); });
  EXPECT_EQ(RefusalReason::FENCE_CLOSED, answer());
  EXPECT_EQ(1u, stats_.refused[static_cast<std::size_t>(RefusalReason::FENCE_CLOSED)].value());
  EXPECT_EQ(0u, stats_.in_window.value());
}

TEST_F(GatewayFenceTest, an_order_sent_into_a_closing_fence_is_counted_as_in_the_window) {
  arm_and_look();
  ManualClock::before_reading(3, [this] { close(); });
  EXPECT_EQ(RefusalReason::NONE, answer());
  EXPECT_EQ(1u, told_in_window_);
  EXPECT_EQ(1u, stats_.in_window.value());
  EXPECT_EQ(RefusalReason::FENCE_CLOSED, answer());
  EXPECT_EQ(0u, told_in_window_);
  EXPECT_EQ(1u, stats_.in_window.value());
}

TEST_F(GatewayFenceTest, a_token_for_another_feedd_or_another_queue_opens_nothing) {
  for (const std::uint64_t foreign : {fence_token(EPOCH, state_.generation() + 1, intents_.generation()),
                                      fence_token(EPOCH, state_.generation(), intents_.generation() - 1)}) {
    writer_.open(EPOCH, foreign, ManualClock::now_ns + LEASE_NS);
    EXPECT_EQ(RefusalReason::TOKEN_FOREIGN, answer());
    EXPECT_EQ(0u, state().fence_open());
    EXPECT_EQ(foreign, state().fence_token_seen());
  }
}

TEST_F(GatewayFenceTest, a_new_queue_does_not_inherit_the_token_of_the_old_one) {
  arm();
  EXPECT_EQ(RefusalReason::NONE, answer());
  const Region old_intents = std::move(intents_);
  intents_ = make_intents();
  ASSERT_EQ(PeerRegion::Change::ATTACHED, attach());
  producer_.emplace(intents_, state());
  EXPECT_EQ(RefusalReason::TOKEN_FOREIGN, answer());
  close();
  arm(EPOCH + 1);
  EXPECT_EQ(RefusalReason::NONE, answer(EPOCH + 1));
}

TEST_F(GatewayFenceTest, what_a_replaced_queue_left_is_answered_and_not_sent) {
  arm();
  agent_->do_work();
  producer_->push(intent(1));
  const Region new_intents = make_intents();
  ASSERT_EQ(PeerRegion::Change::ATTACHED, attach());
  EXPECT_EQ(RefusalReason::TOKEN_FOREIGN, next_update()->reason());
}

TEST_F(GatewayFenceTest, a_stopping_gateway_answers_and_sends_nothing) {
  arm();
  agent_->do_work();
  producer_->push(intent(1));
  writer_.renew(std::numeric_limits<std::uint64_t>::max());
  ManualClock::on_read = [](unsigned) { ManualClock::now_ns += 1000; };  // the grace ends
  agent_->stop();
  EXPECT_EQ(RefusalReason::TOKEN_FOREIGN, next_update()->reason());
  EXPECT_EQ(0u, state().fence_open());
  EXPECT_EQ(EPOCH, state().drained());
}

TEST_F(GatewayFenceTest, an_intent_of_another_epoch_is_refused) {
  arm();
  EXPECT_EQ(RefusalReason::WRONG_EPOCH, answer(EPOCH - 1));
  EXPECT_EQ(RefusalReason::WRONG_EPOCH, answer(EPOCH + 1));
  EXPECT_EQ(RefusalReason::WRONG_EPOCH, answer(0));
  EXPECT_EQ(RefusalReason::NONE, answer(EPOCH));
}

TEST_F(GatewayFenceTest, a_lapsed_lease_latches_its_epoch_also_in_a_round_without_intents) {
  arm();
  agent_->do_work();
  ManualClock::now_ns += LEASE_NS - 1;
  agent_->do_work();
  EXPECT_EQ(0u, state().epoch_latched());
  EXPECT_EQ(0u, state_.veto());
  ManualClock::now_ns += 1;
  agent_->do_work();
  EXPECT_EQ(EPOCH, state().epoch_latched());
  EXPECT_EQ(static_cast<std::uint64_t>(VetoReason::EPOCH_LATCHED), state_.veto());
  EXPECT_EQ(4u, state().veto_seen());
  EXPECT_EQ(0u, state().fence_open());
  EXPECT_EQ(EPOCH, state().drained());
  EXPECT_EQ(RefusalReason::LEASE_LAPSED, answer());
}

TEST_F(GatewayFenceTest, a_late_renewal_does_not_end_the_latch) {
  arm();
  ManualClock::now_ns += LEASE_NS;
  EXPECT_EQ(RefusalReason::LEASE_LAPSED, answer());
  writer_.renew(ManualClock::now_ns + LEASE_NS);
  EXPECT_EQ(RefusalReason::LEASE_LAPSED, answer());
  close();
  EXPECT_EQ(RefusalReason::FENCE_CLOSED, answer());
  arm(EPOCH);  // the same epoch once more: watchd never does that, and it would not help
  EXPECT_EQ(RefusalReason::LEASE_LAPSED, answer());
  EXPECT_EQ(EPOCH, state().epoch_latched());
}

TEST_F(GatewayFenceTest, only_a_token_of_ours_for_another_epoch_ends_the_latch) {
  arm();
  ManualClock::now_ns += LEASE_NS;
  EXPECT_EQ(RefusalReason::LEASE_LAPSED, answer());
  const std::uint64_t foreign = fence_token(EPOCH + 1, state_.generation() + 1, intents_.generation());
  writer_.open(EPOCH + 1, foreign, ManualClock::now_ns + LEASE_NS);
  EXPECT_EQ(RefusalReason::TOKEN_FOREIGN, answer(EPOCH + 1));
  EXPECT_EQ(EPOCH, state().epoch_latched());
  arm(EPOCH + 2);
  EXPECT_EQ(RefusalReason::NONE, answer(EPOCH + 2));
  EXPECT_EQ(0u, state().epoch_latched());
  EXPECT_EQ(0u, state_.veto());
  EXPECT_EQ(0u, state().veto_seen());
}

TEST_F(GatewayFenceTest, an_orderly_closing_latches_nothing) {
  arm();
  agent_->do_work();
  close();  // zeroes the lease as well
  agent_->do_work();
  EXPECT_EQ(RefusalReason::FENCE_CLOSED, answer());
  EXPECT_EQ(0u, state().epoch_latched());
}

TEST_F(GatewayFenceTest, an_epoch_that_is_shut_is_drained_and_one_that_is_open_is_not) {
  arm();
  agent_->do_work();
  EXPECT_NE(EPOCH, state().drained());
  close();
  ManualClock::now_ns += 7;
  agent_->do_work();
  EXPECT_EQ(EPOCH, state().drained());
  EXPECT_EQ(ManualClock::now_ns, state().drained_ts_ns());
}

TEST_F(GatewayFenceTest, an_epoch_that_was_seen_before_its_token_is_not_drained_once_it_is_open) {
  // FenceWriter::open, stopped right before the token.
  control_word(reinterpret_cast<std::uint64_t*>(fence_.records())[32]).store(EPOCH);
  agent_->do_work();
  EXPECT_EQ(EPOCH, state().drained());
  arm();
  EXPECT_EQ(RefusalReason::NONE, answer());
  EXPECT_EQ(0u, state().drained());
}

TEST_F(GatewayFenceTest, a_fence_page_that_goes_away_is_closed_and_its_return_is_followed) {
  arm();
  EXPECT_EQ(RefusalReason::NONE, answer());
  std::filesystem::rename(directory_ / "fence", directory_ / "aside");
  attach();
  EXPECT_EQ(RefusalReason::FENCE_CLOSED, answer());
  EXPECT_EQ(0u, state().fence_token_seen());
  std::filesystem::rename(directory_ / "aside", directory_ / "fence");
  attach();
  EXPECT_EQ(RefusalReason::NONE, answer());
}

}  // namespace
}  // namespace hft::feedd
