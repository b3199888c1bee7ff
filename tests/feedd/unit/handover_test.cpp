#include "runtime/handover.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace hft::feedd {
namespace {

TEST(HandoverTest, what_was_offered_is_taken_and_the_old_one_comes_back) {
  Handover<int> mailbox;
  EXPECT_FALSE(mailbox.pending());
  mailbox.offer(std::make_unique<int>(1));
  EXPECT_FALSE(mailbox.idle());
  ASSERT_TRUE(mailbox.pending());
  int* first = mailbox.take(nullptr);
  EXPECT_EQ(1, *first);
  EXPECT_EQ(nullptr, mailbox.collect());
  mailbox.offer(std::make_unique<int>(2));
  int* second = mailbox.take(first);
  EXPECT_EQ(2, *second);
  EXPECT_EQ(first, mailbox.collect().get());
  delete second;
}

TEST(HandoverTest, nothing_new_is_taken_before_the_last_return_was_collected) {
  Handover<int> mailbox;
  mailbox.offer(std::make_unique<int>(1));
  int* held = mailbox.take(nullptr);
  mailbox.offer(std::make_unique<int>(2));
  held = mailbox.take(held);
  mailbox.offer(std::make_unique<int>(3));
  EXPECT_FALSE(mailbox.pending());
  EXPECT_EQ(1, *mailbox.collect());
  EXPECT_TRUE(mailbox.pending());
  delete held;
}

TEST(HandoverTest, two_threads_pass_every_object_exactly_once) {
  constexpr int OBJECTS = 500;
  Handover<int> mailbox;
  std::thread hot([&mailbox] {
    int* held = nullptr;
    for (int expected = 0; expected < OBJECTS;) {
      if (!mailbox.pending()) {
        std::this_thread::yield();
        continue;
      }
      held = mailbox.take(held);
      EXPECT_EQ(expected, *held);
      ++expected;
    }
    delete held;
  });
  int collected = 0;
  for (int next = 0; collected < OBJECTS - 1;) {
    if (mailbox.collect()) ++collected;
    if (next < OBJECTS && mailbox.idle()) mailbox.offer(std::make_unique<int>(next++));
    std::this_thread::yield();
  }
  hot.join();
  EXPECT_EQ(nullptr, mailbox.collect());
  EXPECT_EQ(OBJECTS - 1, collected);
}

}  // namespace
}  // namespace hft::feedd
