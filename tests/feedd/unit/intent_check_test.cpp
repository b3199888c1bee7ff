#include "gateway/intent_check.hpp"

#include <gtest/gtest.h>

namespace hft::feedd {
namespace {

constexpr IntentLimits LIMITS{100, 77};

schema::OrderIntent good() {
  schema::OrderIntent intent;
  intent.mutate_intent_id(1);
  intent.mutate_market_seq(10);
  intent.mutate_market_generation(77);
  intent.mutate_instrument_id(99);
  intent.mutate_action(schema::IntentAction::NEW);
  intent.mutate_side(schema::Side::SELL);
  intent.mutate_time_in_force(schema::TimeInForce::DAY);
  intent.mutate_price(1'000'000);
  intent.mutate_quantity(100);
  intent.mutate_order_id(5);
  return intent;
}

template <class Change>
bool accepted_after(Change change) {
  schema::OrderIntent intent = good();
  change(intent);
  return well_formed(intent, LIMITS);
}

using Intent = schema::OrderIntent&;

TEST(IntentCheckTest, a_complete_new_order_is_well_formed) {
  EXPECT_TRUE(accepted_after([](Intent) {}));
}

TEST(IntentCheckTest, an_unknown_action_is_not) {
  EXPECT_FALSE(accepted_after([](Intent i) { i.mutate_action(schema::IntentAction::NONE); }));
  EXPECT_FALSE(accepted_after([](Intent i) { i.mutate_action(static_cast<schema::IntentAction>(4)); }));
}

TEST(IntentCheckTest, an_unknown_side_or_lifetime_is_not) {
  EXPECT_FALSE(accepted_after([](Intent i) { i.mutate_side(schema::Side::NONE); }));
  EXPECT_FALSE(accepted_after([](Intent i) { i.mutate_side(static_cast<schema::Side>(3)); }));
  EXPECT_FALSE(accepted_after([](Intent i) { i.mutate_time_in_force(static_cast<schema::TimeInForce>(3)); }));
}

TEST(IntentCheckTest, an_order_has_a_positive_price_and_quantity) {
  EXPECT_FALSE(accepted_after([](Intent i) { i.mutate_price(0); }));
  EXPECT_FALSE(accepted_after([](Intent i) { i.mutate_price(-1); }));
  EXPECT_FALSE(accepted_after([](Intent i) { i.mutate_quantity(0); }));
}

TEST(IntentCheckTest, the_instrument_is_one_that_the_feed_can_have) {
  EXPECT_FALSE(accepted_after([](Intent i) { i.mutate_instrument_id(0); }));
  EXPECT_FALSE(accepted_after([](Intent i) { i.mutate_instrument_id(100); }));
}

TEST(IntentCheckTest, the_decision_names_this_market_ring) {
  EXPECT_FALSE(accepted_after([](Intent i) { i.mutate_market_generation(76); }));
  EXPECT_FALSE(accepted_after([](Intent i) { i.mutate_market_seq(0); }));
}

TEST(IntentCheckTest, every_intent_and_order_has_an_id) {
  EXPECT_FALSE(accepted_after([](Intent i) { i.mutate_intent_id(0); }));
  EXPECT_FALSE(accepted_after([](Intent i) { i.mutate_order_id(0); }));
}

TEST(IntentCheckTest, a_replace_names_another_order) {
  const auto replace_of = [](std::uint64_t replaced) {
    return accepted_after([replaced](Intent i) {
      i.mutate_action(schema::IntentAction::REPLACE);
      i.mutate_replaced_order_id(replaced);
    });
  };
  EXPECT_TRUE(replace_of(4));
  EXPECT_FALSE(replace_of(0));
  EXPECT_FALSE(replace_of(5));
}

TEST(IntentCheckTest, a_cancel_needs_no_price_or_quantity) {
  EXPECT_TRUE(accepted_after([](Intent i) {
    i.mutate_action(schema::IntentAction::CANCEL);
    i.mutate_side(schema::Side::NONE);
    i.mutate_price(0);
    i.mutate_quantity(0);
  }));
}

}  // namespace
}  // namespace hft::feedd
