#include "gateway/fence_check.hpp"

#include <limits>

#include "shared_memory.hpp"

namespace hft::feedd {
namespace {

using schema::IntentAction;
using schema::RefusalReason;

constexpr std::uint64_t EPOCH = 5;
constexpr std::uint64_t FEEDD = 100;
constexpr std::uint64_t INTENTS = 200;
constexpr std::uint64_t NOW_NS = 1'000;
constexpr std::uint64_t WORD_MAX = std::numeric_limits<std::uint64_t>::max();

FenceSnapshot open_fence() {
  FenceSnapshot seen;
  seen.token = seen.token_of_ours = fence_token(EPOCH, FEEDD, INTENTS);
  seen.epoch = EPOCH;
  seen.lease_deadline_ns = NOW_NS + 1;
  seen.operator_veto = 0;
  return seen;
}

schema::OrderIntent order(IntentAction action = IntentAction::NEW, std::uint64_t epoch = EPOCH) {
  schema::OrderIntent made;
  made.mutate_action(action);
  made.mutate_epoch(epoch);
  return made;
}

RefusalReason refusal(const FenceSnapshot& seen) { return order_refusal(seen, order(), false, NOW_NS); }

TEST(FenceCheckTest, an_order_of_the_open_epoch_passes) {
  EXPECT_EQ(RefusalReason::NONE, refusal(open_fence()));
  EXPECT_EQ(RefusalReason::NONE, fence_refusal(open_fence(), NOW_NS));
}

TEST(FenceCheckTest, a_snapshot_made_of_nothing_is_closed_and_vetoed) {
  EXPECT_EQ(RefusalReason::FENCE_CLOSED, refusal(FenceSnapshot{}));
  FenceSnapshot opened = open_fence();
  opened.operator_veto = FenceSnapshot{}.operator_veto;
  EXPECT_EQ(RefusalReason::OPERATOR_VETO, refusal(opened));
}

TEST(FenceCheckTest, a_token_for_another_feedd_another_queue_or_another_epoch_is_foreign) {
  for (const std::uint64_t token :
       {fence_token(EPOCH, FEEDD + 1, INTENTS), fence_token(EPOCH, FEEDD, INTENTS + 1), fence_token(EPOCH, FEEDD, 0),
        fence_token(EPOCH + 1, FEEDD, INTENTS), std::uint64_t{1}, WORD_MAX}) {
    FenceSnapshot seen = open_fence();
    seen.token = token;
    EXPECT_EQ(RefusalReason::TOKEN_FOREIGN, refusal(seen)) << token;
  }
}

TEST(FenceCheckTest, a_lease_is_over_at_its_deadline_and_not_before) {
  FenceSnapshot seen = open_fence();
  seen.lease_deadline_ns = NOW_NS + 1;
  EXPECT_EQ(RefusalReason::NONE, refusal(seen));
  for (const std::uint64_t deadline_ns : {NOW_NS, NOW_NS - 1, std::uint64_t{0}}) {
    seen.lease_deadline_ns = deadline_ns;
    EXPECT_EQ(RefusalReason::LEASE_LAPSED, refusal(seen)) << deadline_ns;
  }
}

TEST(FenceCheckTest, a_latched_epoch_stays_shut_under_a_current_lease) {
  FenceSnapshot seen = open_fence();
  seen.epoch_latched = EPOCH;
  EXPECT_EQ(RefusalReason::LEASE_LAPSED, refusal(seen));
  seen.epoch_latched = EPOCH - 1;
  EXPECT_EQ(RefusalReason::NONE, refusal(seen));
}

TEST(FenceCheckTest, an_order_of_any_other_epoch_is_refused) {
  for (const std::uint64_t epoch : {EPOCH - 1, EPOCH + 1, std::uint64_t{0}, WORD_MAX}) {
    EXPECT_EQ(RefusalReason::WRONG_EPOCH,
              order_refusal(open_fence(), order(IntentAction::CANCEL, epoch), false, NOW_NS));
  }
}

TEST(FenceCheckTest, a_veto_word_of_any_value_is_a_veto) {
  for (const std::uint64_t word :
       {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{3}, std::uint64_t{4}, std::uint64_t{1} << 63, WORD_MAX}) {
    FenceSnapshot by_operator = open_fence();
    by_operator.operator_veto = word;
    EXPECT_EQ(RefusalReason::OPERATOR_VETO, refusal(by_operator)) << word;
    EXPECT_EQ(RefusalReason::OPERATOR_VETO, fence_refusal(by_operator, NOW_NS)) << word;
    FenceSnapshot by_braind = open_fence();
    by_braind.braind_veto = word;
    EXPECT_EQ(RefusalReason::BRAIND_VETO, refusal(by_braind)) << word;
    EXPECT_EQ(RefusalReason::BRAIND_VETO, fence_refusal(by_braind, NOW_NS)) << word;
  }
}

TEST(FenceCheckTest, a_pause_stops_what_adds_and_lets_cancels_through) {
  const FenceSnapshot seen = open_fence();
  EXPECT_EQ(RefusalReason::PAUSED, order_refusal(seen, order(IntentAction::NEW), true, NOW_NS));
  EXPECT_EQ(RefusalReason::PAUSED, order_refusal(seen, order(IntentAction::REPLACE), true, NOW_NS));
  EXPECT_EQ(RefusalReason::NONE, order_refusal(seen, order(IntentAction::CANCEL), true, NOW_NS));
}

TEST(FenceCheckTest, a_vetoed_cancel_does_not_pass) {
  FenceSnapshot seen = open_fence();
  seen.braind_veto = 2;
  EXPECT_EQ(RefusalReason::BRAIND_VETO, order_refusal(seen, order(IntentAction::CANCEL), true, NOW_NS));
}

TEST(FenceCheckTest, the_first_no_in_the_order_of_the_list_is_the_answer) {
  FenceSnapshot seen = open_fence();
  seen.token = 0;
  seen.lease_deadline_ns = 0;
  seen.operator_veto = seen.braind_veto = 1;
  const auto next = [&] { return order_refusal(seen, order(IntentAction::NEW, EPOCH + 1), true, NOW_NS); };
  EXPECT_EQ(RefusalReason::FENCE_CLOSED, next());
  seen.token = seen.token_of_ours + 1;
  EXPECT_EQ(RefusalReason::TOKEN_FOREIGN, next());
  seen.token = seen.token_of_ours;
  EXPECT_EQ(RefusalReason::LEASE_LAPSED, next());
  seen.lease_deadline_ns = NOW_NS + 1;
  EXPECT_EQ(RefusalReason::WRONG_EPOCH, next());
  const auto of_this_epoch = [&] { return order_refusal(seen, order(), true, NOW_NS); };
  EXPECT_EQ(RefusalReason::OPERATOR_VETO, of_this_epoch());
  seen.operator_veto = 0;
  EXPECT_EQ(RefusalReason::BRAIND_VETO, of_this_epoch());
  seen.braind_veto = 0;
  EXPECT_EQ(RefusalReason::PAUSED, of_this_epoch());
}

TEST(FenceTokenTest, it_is_never_zero_and_changes_with_each_argument) {
  static_assert(fence_token(0, 0, 0) != 0);
  const std::uint64_t token = fence_token(EPOCH, FEEDD, INTENTS);
  for (unsigned bit = 0; bit < 64; ++bit) {
    const std::uint64_t flip = std::uint64_t{1} << bit;
    EXPECT_NE(token, fence_token(EPOCH ^ flip, FEEDD, INTENTS)) << bit;
    EXPECT_NE(token, fence_token(EPOCH, FEEDD ^ flip, INTENTS)) << bit;
    EXPECT_NE(token, fence_token(EPOCH, FEEDD, INTENTS ^ flip)) << bit;
  }
  EXPECT_NE(token, fence_token(EPOCH, INTENTS, FEEDD));
}

class FencePageTest : public SharedMemoryTest {
 protected:
  Region fence_ = Region::adopt(options(schema::RegionKind::FENCE, 1, sizeof(schema::Fence), "fence"));
  FenceWriter writer_{fence_};
  FenceView view_{fence_};
};

TEST_F(FencePageTest, no_page_and_a_page_nobody_wrote_are_closed) {
  EXPECT_EQ(0u, snapshot_of(FenceView()).token);
  EXPECT_EQ(0u, snapshot_of(view_).token);
}

TEST_F(FencePageTest, a_snapshot_has_what_belongs_to_its_token) {
  writer_.open(EPOCH, 77, 500);
  writer_.renew(600);
  const FenceSnapshot seen = snapshot_of(view_);
  EXPECT_EQ(77u, seen.token);
  EXPECT_EQ(EPOCH, seen.epoch);
  EXPECT_EQ(600u, seen.lease_deadline_ns);
  writer_.close(1, 550);
  EXPECT_EQ(0u, snapshot_of(view_).token);
  EXPECT_EQ(EPOCH, snapshot_of(view_).epoch);
}

TEST_F(FencePageTest, a_pause_is_for_all_or_one_strategy_or_one_instrument) {
  EXPECT_FALSE(view_.paused(3, 4));
  writer_.pause_all(true);
  EXPECT_TRUE(view_.paused(3, 4));
  writer_.pause_all(false);
  ASSERT_TRUE(writer_.pause_instrument(3, true));
  EXPECT_TRUE(view_.paused(3, 4));
  EXPECT_FALSE(view_.paused(2, 4));
  EXPECT_FALSE(view_.paused(4, 4));
  ASSERT_TRUE(writer_.pause_instrument(3, false));
  ASSERT_TRUE(writer_.pause_strategy(4, true));
  EXPECT_TRUE(view_.paused(3, 4));
  EXPECT_FALSE(view_.paused(3, 5));
}

TEST_F(FencePageTest, the_last_ids_have_a_bit_and_those_beyond_are_always_paused) {
  EXPECT_FALSE(view_.paused(FENCE_INSTRUMENTS - 1, FENCE_STRATEGIES - 1));
  EXPECT_TRUE(view_.paused(FENCE_INSTRUMENTS, 0));
  EXPECT_TRUE(view_.paused(0, FENCE_STRATEGIES));
  EXPECT_FALSE(writer_.pause_instrument(FENCE_INSTRUMENTS, false));
  EXPECT_FALSE(writer_.pause_strategy(FENCE_STRATEGIES, false));
  ASSERT_TRUE(writer_.pause_instrument(FENCE_INSTRUMENTS - 1, true));
  EXPECT_TRUE(view_.paused(FENCE_INSTRUMENTS - 1, 0));
  EXPECT_TRUE(FenceView().paused(3, 4));
}

}  // namespace
}  // namespace hft::feedd
