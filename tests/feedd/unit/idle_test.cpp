#include "runtime/idle.hpp"

#include <gtest/gtest.h>

namespace hft::feedd {
namespace {

TEST(IdleTest, spinning_never_sleeps) {
  IdleStrategy idle(Idle::SPIN);
  for (int i = 0; i < 10'000; ++i) idle.idle(0);
  EXPECT_EQ(0, idle.next_sleep_ns());
}

TEST(IdleTest, backing_off_spins_then_sleeps_longer_and_longer) {
  IdleStrategy idle(Idle::BACKOFF);
  for (unsigned i = 0; i < IdleStrategy::SPIN_ROUNDS; ++i) {
    EXPECT_EQ(0, idle.next_sleep_ns());
    idle.idle(0);
  }
  EXPECT_EQ(IdleStrategy::SLEEP_MIN_NS, idle.next_sleep_ns());
  idle.idle(0);
  EXPECT_EQ(2 * IdleStrategy::SLEEP_MIN_NS, idle.next_sleep_ns());
  for (int i = 0; i < 10; ++i) idle.idle(0);
  EXPECT_EQ(IdleStrategy::SLEEP_MAX_NS, idle.next_sleep_ns());
}

TEST(IdleTest, work_ends_the_backing_off) {
  IdleStrategy idle(Idle::BACKOFF);
  for (int i = 0; i < 200; ++i) idle.idle(0);
  idle.idle(1);
  EXPECT_EQ(0, idle.next_sleep_ns());
}

}  // namespace
}  // namespace hft::feedd
