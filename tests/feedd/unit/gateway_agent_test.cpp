#include "gateway/gateway_agent.hpp"

#include <cstring>

#include "gateway_fixture.hpp"

namespace hft::feedd {
namespace {

using GatewayAgentTest = GatewayTest;

TEST_F(GatewayAgentTest, at_birth_nothing_is_open_and_the_missing_veto_page_counts) {
  EXPECT_EQ(0u, state().fence_open());
  EXPECT_EQ(1u, state().veto_seen());
  EXPECT_EQ(1u, state().reconciled());
  EXPECT_EQ(0u, state().drained());
  EXPECT_EQ(0u, state_.veto());
}

TEST_F(GatewayAgentTest, without_a_fence_every_intent_is_refused_as_fence_closed) {
  Region intents = make_intents();
  ASSERT_EQ(PeerRegion::Change::ATTACHED, attach());
  IntentProducer producer(intents, state());
  EXPECT_EQ(schema::RefusalReason::FENCE_CLOSED, answer_to(producer, intent(1)));
  EXPECT_EQ(1u, stats_.refused[static_cast<std::size_t>(schema::RefusalReason::FENCE_CLOSED)].value());
}

TEST_F(GatewayAgentTest, a_malformed_intent_is_refused_as_such_also_while_the_fence_is_closed) {
  Region intents = make_intents();
  attach();
  IntentProducer producer(intents, state());
  schema::OrderIntent bad = intent(1);
  bad.mutate_quantity(0);
  EXPECT_EQ(schema::RefusalReason::MALFORMED_INTENT, answer_to(producer, bad));
}

TEST_F(GatewayAgentTest, an_answer_repeats_what_it_answers) {
  Region intents = make_intents();
  attach();
  IntentProducer producer(intents, state());
  const schema::OrderIntent sent = intent(41);
  producer.push(sent);
  agent_->do_work();
  const auto update = next_update();
  ASSERT_TRUE(update.has_value());
  EXPECT_EQ(1u, update->intent_sequence());
  EXPECT_EQ(intents.generation(), update->intents_generation());
  EXPECT_EQ(41u, update->order_id());
  EXPECT_EQ(sent.price(), update->price());
  EXPECT_EQ(sent.emit_ts_ns(), update->intent_emit_ts_ns());
  EXPECT_GE(update->publish_ts_ns(), sent.emit_ts_ns());
}

TEST_F(GatewayAgentTest, the_watermark_and_the_cursor_move_with_the_answers) {
  Region intents = make_intents();
  attach();
  IntentProducer producer(intents, state());
  for (std::uint64_t id = 1; id <= 5; ++id) producer.push(intent(id));
  EXPECT_EQ(5u, agent_->do_work());
  EXPECT_EQ(5u, state().updates_watermark());
  EXPECT_EQ(updates_.generation(), state().updates_generation());
  EXPECT_EQ(5u, state().intents_cursor());
  EXPECT_EQ(5u, state().intents_refused());
}

TEST_F(GatewayAgentTest, totals_say_what_was_answered_and_what_still_waits) {
  RegionOptions large = options(schema::RegionKind::INTENTS_RING, 128, sizeof(schema::OrderIntent), "intents.ring");
  Region intents = Region::create(large);
  attach();
  IntentProducer producer(intents, state());
  for (std::uint64_t id = 1; id <= 100; ++id) producer.push(intent(id));
  agent_->do_work();
  const LoopTotals first = agent_->totals();
  EXPECT_EQ(64u, first.consumed);
  EXPECT_EQ(64u, first.produced);
  EXPECT_EQ(36u, first.lag_records);
  agent_->do_work();
  EXPECT_EQ(100u, agent_->totals().consumed);
  EXPECT_EQ(0u, agent_->totals().lag_records);
}

TEST_F(GatewayAgentTest, a_full_queue_is_emptied_and_takes_more) {
  Region intents = make_intents();
  attach();
  IntentProducer producer(intents, state());
  std::uint64_t id = 0;
  while (producer.push(intent(id + 1)) == PushResult::PUSHED) ++id;
  EXPECT_EQ(16u, id);
  agent_->do_work();
  EXPECT_EQ(PushResult::PUSHED, producer.push(intent(17)));
}

TEST_F(GatewayAgentTest, what_a_replaced_generation_left_is_answered_before_the_next_one) {
  Region old_intents = make_intents();
  attach();
  IntentProducer old_producer(old_intents, state());
  old_producer.push(intent(1));
  old_producer.push(intent(2));
  Region new_intents = make_intents();
  ASSERT_EQ(PeerRegion::Change::ATTACHED, attach());
  EXPECT_EQ(1u, next_update()->intent_id());
  EXPECT_EQ(2u, next_update()->intent_id());
  EXPECT_EQ(PushResult::WRONG_GENERATION, old_producer.push(intent(3)));
  IntentProducer new_producer(new_intents, state());
  EXPECT_EQ(schema::RefusalReason::FENCE_CLOSED, answer_to(new_producer, intent(4)));
}

TEST_F(GatewayAgentTest, a_retired_generation_without_a_successor_is_let_go) {
  Region intents = make_intents();
  attach();
  IntentProducer producer(intents, state());
  producer.push(intent(1));
  intents.retire();
  ASSERT_EQ(PeerRegion::Change::DETACHED, attach());
  EXPECT_EQ(1u, next_update()->intent_id());
  EXPECT_EQ(PushResult::WRONG_GENERATION, producer.push(intent(2)));
  EXPECT_EQ(PeerRegion::Change::NONE, attach());
}

TEST_F(GatewayAgentTest, stopping_answers_what_is_there_and_refuses_producers) {
  Region intents = make_intents();
  attach();
  IntentProducer producer(intents, state());
  producer.push(intent(1));
  ManualClock::on_read = [](unsigned) { ManualClock::now_ns += 1000; };  // the grace ends
  agent_->stop();
  EXPECT_EQ(1u, next_update()->intent_id());
  EXPECT_EQ(1u, state().intents_cursor());
  EXPECT_EQ(PushResult::WRONG_GENERATION, producer.push(intent(2)));
}

TEST_F(GatewayAgentTest, an_intents_region_of_another_shape_is_refused_by_name) {
  const Region wrong = Region::create(options(schema::RegionKind::INTENTS_RING, 8, 128, "intents.ring"));
  ASSERT_EQ(PeerRegion::Change::REFUSED, attach());
  EXPECT_NE(std::string::npos, intents_peer_.problem().find("intents.ring: 8 records"));
  EXPECT_EQ(PeerRegion::Change::NONE, attach());
}

// Whatever stands in the slot of the only intent so far, but for the slot's own sequence word.
void scribble(Region& intents) {
  std::memset(intents.records() + sizeof(std::uint64_t), 0x5a, sizeof(schema::OrderIntent) - sizeof(std::uint64_t));
}

TEST_F(GatewayFenceTest, what_is_written_into_a_slot_before_the_copy_is_what_is_checked) {
  arm_and_look();
  producer_->push(intent(1));
  ManualClock::before_reading(1, [&] { scribble(intents_); });
  agent_->do_work();
  const auto update = next_update();
  ASSERT_TRUE(update.has_value());
  EXPECT_EQ(schema::UpdateKind::REFUSED, update->kind());
}

// The clock is read at every step between copy and answer: each time the slot is written over.
TEST_F(GatewayFenceTest, what_is_written_into_a_slot_after_the_copy_changes_nothing) {
  arm_and_look();
  const schema::OrderIntent sent = intent(1);
  producer_->push(sent);
  unsigned written = 0;
  ManualClock::on_read = [&, first = ManualClock::reads + 1](unsigned reading) {
    if (reading == first) return;  // of the round, before the copy
    scribble(intents_);
    ++written;
  };
  agent_->do_work();
  ManualClock::on_read = nullptr;
  EXPECT_GE(written, 2u);
  const auto update = next_update();
  ASSERT_TRUE(update.has_value());
  EXPECT_EQ(schema::UpdateKind::WOULD_SEND, update->kind());
  EXPECT_EQ(sent.intent_id(), update->intent_id());
  EXPECT_EQ(sent.order_id(), update->order_id());
  EXPECT_EQ(sent.instrument_id(), update->instrument_id());
  EXPECT_EQ(sent.side(), update->side());
  EXPECT_EQ(sent.price(), update->price());
  EXPECT_EQ(sent.quantity(), update->quantity());
}

}  // namespace
}  // namespace hft::feedd
