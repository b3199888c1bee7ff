#include "feedd/queue.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "shared_memory.hpp"

namespace hft {
namespace {

class QueueTest : public SharedMemoryTest {
 protected:
  [[nodiscard]] Region intents(std::uint64_t capacity) const {
    return Region::create(
        options(schema::RegionKind::INTENTS_RING, capacity, sizeof(schema::OrderIntent), "intents.ring"));
  }
  [[nodiscard]] Region gateway() const {
    return Region::create(options(schema::RegionKind::GATEWAY_STATE, 1, sizeof(schema::GatewayState), "gateway.state"));
  }
  static schema::GatewayState& state_of(const Region& region) {
    return *reinterpret_cast<schema::GatewayState*>(region.records());
  }
  static schema::OrderIntent intent(std::uint64_t id) {
    schema::OrderIntent made;
    made.mutate_intent_id(id);
    return made;
  }
  static std::optional<std::uint64_t> pop_id(IntentConsumer& consumer) {
    schema::OrderIntent out;
    if (!consumer.pop(out)) return std::nullopt;
    return out.intent_id();
  }
};

TEST_F(QueueTest, a_producer_without_a_consumer_is_refused) {
  Region ring = intents(4);
  const Region state = gateway();
  IntentProducer producer(ring, state_of(state));
  EXPECT_EQ(PushResult::WRONG_GENERATION, producer.push(intent(1)));
  EXPECT_EQ(0u, producer.sequence());
}

TEST_F(QueueTest, a_consumer_of_another_generation_is_refused) {
  Region old_ring = intents(4);
  const Region state = gateway();
  IntentConsumer consumer(state_of(state));
  consumer.attach(old_ring);
  Region ring = intents(4);
  IntentProducer producer(ring, state_of(state));
  EXPECT_EQ(PushResult::WRONG_GENERATION, producer.push(intent(1)));
  consumer.attach(ring);
  EXPECT_EQ(PushResult::PUSHED, producer.push(intent(1)));
}

TEST_F(QueueTest, a_full_queue_refuses_until_the_consumer_commits) {
  Region ring = intents(4);
  const Region state = gateway();
  IntentConsumer consumer(state_of(state));
  consumer.attach(ring);
  IntentProducer producer(ring, state_of(state));
  for (std::uint64_t id = 1; id <= 4; ++id) ASSERT_EQ(PushResult::PUSHED, producer.push(intent(id)));
  EXPECT_EQ(PushResult::FULL, producer.push(intent(5)));
  ASSERT_EQ(1u, pop_id(consumer));
  EXPECT_EQ(PushResult::FULL, producer.push(intent(5)));
  consumer.commit();
  EXPECT_EQ(PushResult::PUSHED, producer.push(intent(5)));
  EXPECT_EQ(PushResult::FULL, producer.push(intent(6)));
  for (std::uint64_t id = 2; id <= 5; ++id) EXPECT_EQ(id, pop_id(consumer));
  EXPECT_EQ(std::nullopt, pop_id(consumer));
}

TEST_F(QueueTest, a_restarted_gateway_takes_no_intent_of_before_and_blocks_nobody) {
  Region ring = intents(4);
  const Region first_state = gateway();
  IntentConsumer first(state_of(first_state));
  first.attach(ring);
  IntentProducer before(ring, state_of(first_state));
  for (std::uint64_t id = 1; id <= 9; ++id) {
    ASSERT_EQ(PushResult::PUSHED, before.push(intent(id)));
    ASSERT_EQ(id, pop_id(first));
    first.commit();
  }
  ASSERT_EQ(PushResult::PUSHED, before.push(intent(10)));  // never answered: the gateway died

  const Region second_state = gateway();
  IntentConsumer second(state_of(second_state));
  second.attach(ring);
  EXPECT_EQ(std::nullopt, pop_id(second));
  IntentProducer after(ring, state_of(second_state));
  for (std::uint64_t id = 11; id <= 14; ++id) EXPECT_EQ(PushResult::PUSHED, after.push(intent(id)));
  EXPECT_EQ(PushResult::FULL, after.push(intent(15)));
  EXPECT_EQ(11u, pop_id(second));
}

TEST_F(QueueTest, two_threads_pass_every_intent_once_in_order_and_whole) {
  constexpr std::uint64_t INTENTS = 20'000;
  Region ring = intents(64);
  const Region state = gateway();
  IntentConsumer consumer(state_of(state));
  consumer.attach(ring);
  std::thread producing([&] {
    IntentProducer producer(ring, state_of(state));
    schema::OrderIntent made;
    for (std::uint64_t id = 1; id <= INTENTS;) {
      made.mutate_intent_id(id);
      made.mutate_quantity(id * 3);
      made.mutate_market_receive_ts_ns(~id);
      if (producer.push(made) == PushResult::PUSHED) {
        ++id;
      } else {
        std::this_thread::yield();
      }
    }
  });
  std::uint64_t wrong = 0;
  schema::OrderIntent out;
  for (std::uint64_t id = 1; id <= INTENTS;) {
    if (!consumer.pop(out)) {
      std::this_thread::yield();
      continue;
    }
    wrong +=
        out.intent_id() != id || out.quantity() != id * 3 || out.market_receive_ts_ns() != ~id || out.sequence() != id;
    consumer.commit();
    ++id;
  }
  producing.join();
  EXPECT_EQ(0u, wrong);
}

}  // namespace
}  // namespace hft
