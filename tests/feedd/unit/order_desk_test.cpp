#include "gateway/orders/order_desk.hpp"

#include "gateway/orders/client_id.hpp"
#include "order_desk_fixture.hpp"

namespace hft::feedd {
namespace {

using schema::IntentAction;
using schema::OrderState;
using schema::RefusalReason;
using schema::UpdateKind;
using Kinds = std::vector<UpdateKind>;
using Event = VenueEvent::Kind;

TEST_F(OrderDeskTest, an_order_is_sent_accepted_and_filled_and_each_step_is_told) {
  begin();
  const std::uint32_t token = send_new(1);
  EXPECT_EQ(100u, acme().open_buy_quantity);
  EXPECT_EQ(1u, desk_->unacknowledged());
  expect_sums();
  accept(token);
  EXPECT_EQ(0u, desk_->unacknowledged());
  desk_->on_event(event(Event::EXECUTED, token, 40));
  EXPECT_EQ(40, acme().position);
  EXPECT_EQ(60u, acme().open_buy_quantity);
  expect_sums();
  desk_->on_event(event(Event::EXECUTED, token, 60));
  EXPECT_EQ(100, acme().position);
  EXPECT_TRUE(desk_->nothing_open());
  expect_sums();
  EXPECT_EQ((Kinds{UpdateKind::SENT, UpdateKind::ACCEPTED, UpdateKind::FILLED, UpdateKind::FILLED}), kinds());
}

TEST_F(OrderDeskTest, a_fill_carries_the_position_the_amounts_and_the_latency_ledger) {
  begin();
  schema::OrderIntent made = intent(IntentAction::NEW, 1);
  made.mutate_market_receive_ts_ns(10);
  made.mutate_market_publish_ts_ns(20);
  ASSERT_EQ(RefusalReason::NONE, desk_->prepare(made, Sender::QUEUE, {10, 20, 30, 40, 0, 0}));
  schema::OrderUpdate update;
  ASSERT_EQ(RefusalReason::NONE, desk_->transmit(made, 50, update));
  desk_->answer(update, made, 60);
  const std::uint32_t token = venue_->sent.back().token;
  accept(token);
  VenueEvent fill = event(Event::EXECUTED, token, 30);
  fill.answer_ts_ns = 90;
  fill.liquidity = 'A';
  desk_->on_event(fill);
  const schema::OrderUpdate told = drain().back();
  EXPECT_EQ(10u, told.market_receive_ts_ns());
  EXPECT_EQ(20u, told.market_publish_ts_ns());
  EXPECT_EQ(30u, told.intent_emit_ts_ns());
  EXPECT_EQ(40u, told.gate_ts_ns());
  EXPECT_EQ(50u, told.send_ts_ns());
  EXPECT_EQ(60u, told.sent_ts_ns());
  EXPECT_EQ(90u, told.answer_ts_ns());
  EXPECT_EQ(30u, told.quantity());
  EXPECT_EQ(70u, told.leaves_quantity());
  EXPECT_EQ(30u, told.filled_quantity());
  EXPECT_EQ(30, told.position());
  EXPECT_EQ(70u, told.open_buy_quantity());
  EXPECT_EQ('A', told.liquidity());
}

TEST_F(OrderDeskTest, a_socket_that_would_block_leaves_nothing_behind) {
  begin();
  venue_->result = SendResult::WOULD_BLOCK;
  EXPECT_EQ(RefusalReason::SOCKET_FULL, send(intent(IntentAction::NEW, 1)));
  expect_sums();
  EXPECT_TRUE(desk_->nothing_open());
  venue_->result = SendResult::SENT;
  const std::uint32_t old = send_live(2);
  venue_->result = SendResult::WOULD_BLOCK;
  EXPECT_EQ(RefusalReason::SOCKET_FULL, send(intent(IntentAction::REPLACE, 3, 2)));
  EXPECT_EQ(OrderState::LIVE, desk_->table().at(desk_->table().by_token(old)).state);
  expect_sums();
}

TEST_F(OrderDeskTest, an_order_and_its_replacement_count_once_by_the_larger) {
  begin();
  send_live(1);
  schema::OrderIntent larger = intent(IntentAction::REPLACE, 2, 1);
  larger.mutate_quantity(150);
  ASSERT_EQ(RefusalReason::NONE, send(larger));
  EXPECT_EQ(150u, acme().open_buy_quantity);
  EXPECT_EQ(150u, venue_->sent.back().quantity);
  expect_sums();
  VenueEvent replaced = event(Event::REPLACED, venue_->sent.back().token, 150);
  replaced.replaced_token = venue_->sent.back().replaced_token;
  desk_->on_event(replaced);
  EXPECT_EQ(150u, acme().open_buy_quantity);
  EXPECT_EQ(1u, desk_->table().open_orders());
  EXPECT_EQ((Kinds{UpdateKind::SENT, UpdateKind::REPLACED}), kinds());
  expect_sums();
}

TEST_F(OrderDeskTest, a_replacement_names_the_chain_with_what_was_filled) {
  begin();
  const std::uint32_t token = send_live(1);
  desk_->on_event(event(Event::EXECUTED, token, 30));
  ASSERT_EQ(RefusalReason::NONE, send(intent(IntentAction::REPLACE, 2, 1)));
  EXPECT_EQ(130u, venue_->sent.back().quantity);
}

TEST_F(OrderDeskTest, a_rejected_replacement_leaves_the_order_as_it_was) {
  begin();
  const std::uint32_t token = send_live(1);
  ASSERT_EQ(RefusalReason::NONE, send(intent(IntentAction::REPLACE, 2, 1)));
  desk_->on_event(event(Event::REJECTED, venue_->sent.back().token));
  EXPECT_EQ(OrderState::LIVE, desk_->table().at(desk_->table().by_token(token)).state);
  const auto told = drain().back();
  EXPECT_EQ(UpdateKind::REJECTED, told.kind());
  EXPECT_EQ(2u, told.order_id());
  EXPECT_EQ(100u, told.leaves_quantity()) << "the old order's";
  expect_sums();
}

TEST_F(OrderDeskTest, an_order_that_dies_takes_its_unanswered_replacement_with_it) {
  begin();
  const std::uint32_t token = send_live(1);
  ASSERT_EQ(RefusalReason::NONE, send(intent(IntentAction::REPLACE, 2, 1)));
  drain();
  desk_->on_event(event(Event::CANCELED, token, 100));
  EXPECT_TRUE(desk_->nothing_open());
  EXPECT_EQ((Kinds{UpdateKind::CANCELED, UpdateKind::IGNORED}), kinds());
  EXPECT_EQ(0u, desk_->unacknowledged());
  expect_sums();
}

TEST_F(OrderDeskTest, a_cancel_of_an_order_that_fills_meanwhile_waits_for_no_answer) {
  begin();
  const std::uint32_t token = send_live(1);
  ASSERT_EQ(RefusalReason::NONE, send(intent(IntentAction::CANCEL, 1)));
  EXPECT_EQ(1u, desk_->unacknowledged());
  EXPECT_EQ(RefusalReason::ORDER_BUSY, send(intent(IntentAction::CANCEL, 1)));
  EXPECT_EQ(RefusalReason::ORDER_BUSY, send(intent(IntentAction::REPLACE, 2, 1)));
  desk_->on_event(event(Event::EXECUTED, token, 100));
  EXPECT_EQ(0u, desk_->unacknowledged());
  EXPECT_EQ(RefusalReason::UNKNOWN_ORDER, send(intent(IntentAction::CANCEL, 1)));
  expect_sums();
}

TEST_F(OrderDeskTest, more_filled_than_rests_is_counted_and_ends_the_trust) {
  begin();
  const std::uint32_t token = send_live(1);
  desk_->on_event(event(Event::EXECUTED, token, 150));
  EXPECT_EQ(150, acme().position);
  EXPECT_EQ(1u, stats_.overfilled.value());
  EXPECT_FALSE(desk_->reconciled());
}

TEST_F(OrderDeskTest, accepted_dead_is_gone_at_once) {
  begin();
  VenueEvent dead = event(Event::ACCEPTED, send_new(1), 100);
  dead.live = false;
  desk_->on_event(dead);
  EXPECT_TRUE(desk_->nothing_open());
  const auto told = drain().back();
  EXPECT_EQ(UpdateKind::ACCEPTED, told.kind());
  EXPECT_EQ(0u, told.leaves_quantity());
  EXPECT_EQ(OrderState::DEAD, told.order_state());
  expect_sums();
}

TEST_F(OrderDeskTest, a_broken_trade_is_taken_out_of_the_position_once) {
  begin();
  const std::uint32_t token = send_live(1);
  desk_->on_event(event(Event::EXECUTED, token, 100));
  ASSERT_EQ(100, acme().position);
  desk_->on_event(event(Event::BROKEN, token));
  desk_->on_event(event(Event::BROKEN, token));
  EXPECT_EQ(0, acme().position);
  EXPECT_EQ(0, acme().bought_value);
  EXPECT_TRUE(desk_->reconciled());
  VenueEvent unknown = event(Event::BROKEN, token);
  unknown.match_number = 99;
  desk_->on_event(unknown);
  EXPECT_FALSE(desk_->reconciled()) << "whose it was is not known";
}

TEST_F(OrderDeskTest, a_fill_of_no_order_of_ours_ends_the_trust_in_positions) {
  begin();
  desk_->on_event(event(Event::EXECUTED, 77, 10));
  EXPECT_FALSE(desk_->reconciled());
  expect_sums();
}

TEST_F(OrderDeskTest, what_is_unanswered_when_the_session_breaks_is_unknown_and_settled_by_the_replay) {
  begin();
  const std::uint32_t answered = send_new(1);
  const std::uint32_t ignored = send_new(2);
  const std::uint32_t live = send_live(3);
  ASSERT_EQ(RefusalReason::NONE, send(intent(IntentAction::CANCEL, 3)));
  drain();
  break_session();
  EXPECT_EQ(OrderState::UNKNOWN, desk_->table().at(desk_->table().by_token(answered)).state);
  EXPECT_EQ(OrderState::UNKNOWN, desk_->table().at(desk_->table().by_token(live)).state);
  EXPECT_FALSE(desk_->nothing_open());
  EXPECT_EQ(300u, acme().open_buy_quantity) << "possible in every outcome";
  expect_sums();
  accept(answered);
  come_up();
  EXPECT_EQ(NO_PLACE, desk_->table().by_token(ignored));
  EXPECT_EQ(OrderState::LIVE, desk_->table().at(desk_->table().by_token(answered)).state);
  EXPECT_EQ(OrderState::LIVE, desk_->table().at(desk_->table().by_token(live)).state) << "the cancel never arrived";
  EXPECT_EQ((Kinds{UpdateKind::UNKNOWN, UpdateKind::UNKNOWN, UpdateKind::UNKNOWN, UpdateKind::SESSION,
                   UpdateKind::ACCEPTED, UpdateKind::IGNORED, UpdateKind::IGNORED, UpdateKind::SESSION}),
            kinds());
  EXPECT_EQ(0u, desk_->unacknowledged());
  expect_sums();
}

TEST_F(OrderDeskTest, a_restarted_gateway_finds_its_orders_in_the_replay_and_whose_they_are) {
  begin();
  send_live(41);
  const ClientId written = venue_->last_order.client_id;
  make_desk();
  VenueEvent replayed = event(Event::ACCEPTED, 5, 100);
  replayed.client_id = written;
  replayed.replayed = true;
  desk_->on_event(replayed);
  VenueEvent fill = event(Event::EXECUTED, 5, 30);
  fill.replayed = true;
  desk_->on_event(fill);
  EXPECT_TRUE(drain().empty()) << "told once, when all of it is known";
  EXPECT_FALSE(desk_->reconciled());
  venue_->token = 9;
  come_up();
  EXPECT_EQ((Kinds{UpdateKind::FOREIGN, UpdateKind::SESSION}), kinds());
  EXPECT_FALSE(desk_->reconciled()) << "the board has not named it";
  desk_->name_account(desk_->accounts().by_symbol(venue_symbol("ACME")), ACME);
  EXPECT_TRUE(desk_->reconciled());
  EXPECT_EQ((Kinds{UpdateKind::POSITION}), kinds());
  EXPECT_EQ(30, acme().position);
  desk_->attach(QUEUE);
  EXPECT_EQ(RefusalReason::NONE, send(intent(IntentAction::CANCEL, 41)));
  EXPECT_EQ(9u, send_new(42)) << "no token is used twice";
  expect_sums();
}

TEST_F(OrderDeskTest, orders_of_another_queue_are_not_found_by_their_ids) {
  begin();
  send_live(1);
  desk_->attach(QUEUE + (1ull << 30));
  EXPECT_EQ(RefusalReason::UNKNOWN_ORDER, send(intent(IntentAction::CANCEL, 1)));
  EXPECT_EQ(1u, desk_->table().open_orders());
  expect_sums();
}

TEST_F(OrderDeskTest, everything_is_cancelled_and_again_after_a_while_if_it_had_no_effect) {
  begin();
  for (std::uint64_t id = 1; id <= 10; ++id) send_live(id);
  desk_->cancel_everything(DeskClock::now_ns);
  desk_->cancel_everything(DeskClock::now_ns);
  desk_->poll(DeskClock::now_ns);
  EXPECT_EQ(10u, venue_->cancels());
  EXPECT_EQ(0u, desk_->cancels_due());
  desk_->cancel_everything(DeskClock::now_ns);
  desk_->poll(DeskClock::now_ns);
  EXPECT_EQ(10u, venue_->cancels());
  DeskClock::now_ns += OrderDesk::CANCEL_RETRY_NS;
  desk_->cancel_everything(DeskClock::now_ns);
  desk_->poll(DeskClock::now_ns);
  EXPECT_EQ(20u, venue_->cancels());
  expect_sums();
}

TEST_F(OrderDeskTest, a_replacement_on_its_way_is_cancelled_as_well_as_what_it_replaces) {
  begin();
  send_live(1);
  ASSERT_EQ(RefusalReason::NONE, send(intent(IntentAction::REPLACE, 2, 1)));
  desk_->cancel_everything(DeskClock::now_ns);
  desk_->poll(DeskClock::now_ns);
  EXPECT_EQ(2u, venue_->cancels());
  expect_sums();
}

TEST_F(OrderDeskTest, cancels_are_paced_by_the_bucket_and_none_is_forgotten) {
  config_.risk.limits.messages_per_s = 1000;
  config_.risk.limits.message_burst = 5;
  make_desk();
  begin();
  for (std::uint64_t id = 1; id <= 12; ++id) send_live(id);
  desk_->cancel_everything(DeskClock::now_ns);
  desk_->poll(DeskClock::now_ns);
  EXPECT_EQ(5u, venue_->cancels());
  DeskClock::now_ns += 3'000'000;
  desk_->poll(DeskClock::now_ns);
  EXPECT_EQ(8u, venue_->cancels());
  DeskClock::now_ns += 100'000'000;
  desk_->poll(DeskClock::now_ns);
  EXPECT_EQ(12u, venue_->cancels());
}

TEST_F(OrderDeskTest, a_command_cancels_what_it_names_alone) {
  begin();
  schema::OrderIntent of_strategy = intent(IntentAction::NEW, 1);
  of_strategy.mutate_strategy_id(4);
  ASSERT_EQ(RefusalReason::NONE, send(of_strategy));
  accept(venue_->sent.back().token);
  send_live(2);
  desk_->cancel_of_strategy(4, DeskClock::now_ns);
  desk_->poll(DeskClock::now_ns);
  EXPECT_EQ(1u, venue_->cancels());
  desk_->cancel_of_account(desk_->accounts().by_symbol(venue_symbol("OTHER")), DeskClock::now_ns);
  desk_->poll(DeskClock::now_ns);
  EXPECT_EQ(1u, venue_->cancels());
}

TEST_F(OrderDeskTest, a_full_table_refuses_and_takes_again_when_there_is_room) {
  begin();
  for (std::uint64_t id = 1; id <= PLACES; ++id) send_live(id);
  EXPECT_EQ(RefusalReason::TABLE_FULL, send(intent(IntentAction::NEW, PLACES + 1)));
  desk_->on_event(event(Event::CANCELED, venue_->sent.front().token, 100));
  EXPECT_EQ(RefusalReason::NONE, send(intent(IntentAction::NEW, PLACES + 2)));
  expect_sums();
}

TEST(ClientIdTest, what_is_written_is_read_and_other_ids_have_no_origin) {
  for (const std::uint64_t order_id : {std::uint64_t{1}, std::uint64_t{77}, ORDER_ID_MAX}) {
    for (const std::uint64_t tag : {std::uint64_t{1}, std::uint64_t{0x123456789}, QUEUE_TAG_MAX}) {
      const OrderOrigin read = decode_client_id(encode_client_id({tag, order_id}));
      EXPECT_EQ(tag, read.queue_tag);
      EXPECT_EQ(order_id, read.order_id);
    }
  }
  ClientId foreign;
  foreign.fill(' ');
  EXPECT_EQ(0u, decode_client_id(foreign).order_id);
}

// Anything a venue may say, in any order, also nonsense: the sums hold, and nothing is lost or counted twice.
TEST_F(OrderDeskTest, whatever_the_venue_says_the_sums_hold) {
  std::uint64_t random = 12345;
  const auto next = [&random](std::uint64_t below) {
    random = random * 6364136223846793005ull + 1442695040888963407ull;
    return (random >> 33) % below;
  };
  for (int life = 0; life < 20; ++life) {
    make_desk();
    begin();
    std::uint64_t order_id = 0;
    for (int step = 0; step < 3000; ++step) {
      const auto token = static_cast<std::uint32_t>(1 + next(venue_->sent.size() + 3));
      switch (next(16)) {
        case 0:
        case 1:
        case 2: send(intent(IntentAction::NEW, ++order_id)); break;
        case 3: {
          const std::uint64_t replaced = 1 + next(order_id + 1);
          send(intent(IntentAction::REPLACE, ++order_id, replaced));
        } break;
        case 4: send(intent(IntentAction::CANCEL, 1 + next(order_id + 1))); break;
        case 5:
          next(20) == 0 ? desk_->cancel_everything(DeskClock::now_ns) : void(desk_->poll(DeskClock::now_ns));
          break;
        case 6:
          if (next(30) == 0) {
            break_session();
            come_up();
          }
          break;
        case 7: venue_->result = next(4) == 0 ? SendResult::WOULD_BLOCK : SendResult::SENT; break;
        default: {
          VenueEvent said = event(static_cast<Event>(next(11)), token, static_cast<std::uint32_t>(next(160)));
          said.replaced_token = static_cast<std::uint32_t>(1 + next(venue_->sent.size() + 3));
          said.live = next(8) != 0;
          said.match_number = next(50);
          desk_->on_event(said);
        }
      }
      DeskClock::now_ns += next(10'000'000);
      expect_sums();
      ASSERT_FALSE(HasFailure()) << "life " << life << " step " << step;
      if (step % 500 == 0) drain();
    }
  }
}

}  // namespace
}  // namespace hft::feedd
