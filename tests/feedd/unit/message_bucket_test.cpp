#include "gateway/risk/message_bucket.hpp"

#include <gtest/gtest.h>

namespace hft::feedd {
namespace {

constexpr std::uint64_t START_NS = 5'000;
constexpr std::uint64_t TOKEN_NS = 10'000'000;  // at 100 a second

RiskLimits limits(std::uint64_t rate, std::uint64_t burst, std::uint64_t reserve) {
  RiskLimits made;
  made.messages_per_s = rate;
  made.message_burst = burst;
  made.cancel_reserve = reserve;
  return made;
}

unsigned orders_now(MessageBucket& bucket, std::uint64_t now_ns) {
  unsigned count = 0;
  for (; bucket.order_allowed(now_ns); ++count) bucket.spend();
  return count;
}

unsigned cancels_now(MessageBucket& bucket, std::uint64_t now_ns) {
  unsigned count = 0;
  for (; count < 1'000'000 && bucket.cancel_allowed(now_ns); ++count) bucket.spend();
  return count;
}

TEST(MessageBucketTest, orders_leave_the_reserve_and_cancels_take_it) {
  MessageBucket bucket(limits(100, 10, 3), START_NS);
  EXPECT_EQ(7u, orders_now(bucket, START_NS));
  EXPECT_EQ(3u, bucket.tokens());
  EXPECT_EQ(3u, cancels_now(bucket, START_NS));
  EXPECT_EQ(0u, bucket.tokens());
}

TEST(MessageBucketTest, asking_takes_nothing) {
  MessageBucket bucket(limits(100, 1, 0), START_NS);
  EXPECT_TRUE(bucket.order_allowed(START_NS));
  EXPECT_TRUE(bucket.order_allowed(START_NS));
  EXPECT_TRUE(bucket.cancel_allowed(START_NS));
  EXPECT_EQ(1u, bucket.tokens());
}

TEST(MessageBucketTest, a_token_is_there_when_its_time_is_over_and_not_a_nanosecond_sooner) {
  MessageBucket bucket(limits(100, 10, 0), START_NS);
  EXPECT_EQ(10u, orders_now(bucket, START_NS));
  EXPECT_FALSE(bucket.order_allowed(START_NS + TOKEN_NS - 1));
  EXPECT_TRUE(bucket.order_allowed(START_NS + TOKEN_NS));
  EXPECT_EQ(1u, orders_now(bucket, START_NS + TOKEN_NS));
}

TEST(MessageBucketTest, asking_often_loses_no_fraction_of_a_token) {
  MessageBucket bucket(limits(3, 5, 0), START_NS);
  EXPECT_EQ(5u, orders_now(bucket, START_NS));
  unsigned count = 0;
  for (std::uint64_t ns = 1; ns <= 1'000'000'000; ns += 999'983) count += orders_now(bucket, START_NS + ns);
  EXPECT_EQ(3u, count + orders_now(bucket, START_NS + 1'000'000'000));
}

TEST(MessageBucketTest, however_long_the_pause_there_is_never_more_than_the_burst) {
  MessageBucket bucket(limits(1000, 1000, 0), START_NS);  // full after a second
  for (std::uint64_t now_ns = START_NS + 1'000'000'000; now_ns < UINT64_MAX / 4; now_ns *= 4) {
    EXPECT_EQ(1000u, cancels_now(bucket, now_ns));
  }
}

TEST(MessageBucketTest, a_clock_that_steps_back_brings_nothing) {
  MessageBucket bucket(limits(100, 1, 0), START_NS);
  EXPECT_EQ(1u, orders_now(bucket, START_NS));
  EXPECT_FALSE(bucket.order_allowed(START_NS - 1));
  EXPECT_FALSE(bucket.order_allowed(START_NS));
}

TEST(MessageBucketTest, without_a_rate_or_a_burst_no_order_passes_and_every_cancel_does) {
  for (const RiskLimits& absent : {limits(0, 10, 0), limits(100, 0, 0), limits(0, 0, 0)}) {
    MessageBucket bucket(absent, START_NS);
    EXPECT_EQ(0u, orders_now(bucket, START_NS + 1'000'000'000));
    EXPECT_EQ(1'000'000u, cancels_now(bucket, START_NS + 1'000'000'000));
  }
}

TEST(MessageBucketTest, a_reserve_as_large_as_the_burst_leaves_no_order) {
  MessageBucket bucket(limits(100, 5, 5), START_NS);
  EXPECT_EQ(0u, orders_now(bucket, START_NS + TOKEN_NS * 100));
  EXPECT_EQ(5u, cancels_now(bucket, START_NS + TOKEN_NS * 100));
}

}  // namespace
}  // namespace hft::feedd
