#include "allocation_count.hpp"
#include "venue_fixture.hpp"

namespace hft::feedd {
namespace {

using test::Buffer;
using test::golden;
using test::joined;
using test::soup_packet;

class OuchVenueTest : public VenueTest {};

TEST_F(OuchVenueTest, WhatItIsToldToSendArrives) {
  bring_up(50);
  EXPECT_EQ(send(order(50)), SendResult::SENT);
  VenueReplace replace;
  replace.replaced_token = 50;
  replace.token = 51;
  replace.chain_quantity = 200;
  EXPECT_EQ(send(replace), SendResult::SENT);
  EXPECT_EQ(venue_->cancel(51, now()), SendResult::SENT);
  OuchOrders expected(config_);
  std::vector<test::SentPacket> packets;
  poll_until(
      [&] {
        for (auto& packet : server_.packets()) packets.push_back(packet);
        return packets.size() == 3;
      },
      "three packets");
  const auto payload = [](Bytes packet) { return Buffer(packet.begin() + 3, packet.end()); };
  for (const auto& packet : packets) EXPECT_EQ(packet.type, soup::UNSEQUENCED);
  EXPECT_EQ(packets[0].payload, payload(expected.enter(order(50))));
  EXPECT_EQ(packets[1].payload, payload(expected.replace(replace)));
  EXPECT_EQ(packets[2].payload, payload(expected.cancel(51, 0)));
  EXPECT_EQ(sent(VenueRequest::ENTER), 1u);
  EXPECT_EQ(sent(VenueRequest::REPLACE), 1u);
  EXPECT_EQ(sent(VenueRequest::CANCEL), 1u);
}

TEST_F(OuchVenueTest, NothingIsSentBeforeItIsUp) {
  make();
  EXPECT_EQ(send(order(1)), SendResult::NO_SESSION);
  await_login();
  EXPECT_EQ(venue_->cancel(1, now()), SendResult::NO_SESSION);
  server_.send(test::login_accepted("DAY1", 1));
  await_query();
  EXPECT_EQ(send(order(1)), SendResult::NO_SESSION);
  EXPECT_EQ(send(VenueReplace{}), SendResult::NO_SESSION);
  EXPECT_EQ(venue_->cancel(1, now()), SendResult::NO_SESSION);
}

TEST_F(OuchVenueTest, NumbersThatWereUsedAreNeverFreeAgain) {
  bring_up(50);
  EXPECT_EQ(venue_->next_token(), 50u);
  EXPECT_EQ(send(order(50)), SendResult::SENT);
  EXPECT_EQ(venue_->next_token(), 51u);
  server_.hang_up();
  poll_to(State::DOWN);
  pass(2 * config_.reconnect_ns);
  await_login();
  server_.send(test::login_accepted("DAY1", 2));
  await_query();
  server_.send(reply(50));  // the order did not arrive
  poll_to(State::UP);
  EXPECT_EQ(venue_->next_token(), 51u);
}

TEST_F(OuchVenueTest, EveryMessageBecomesItsEvent) {
  bring_up();
  for (const test::GoldenMessage& message : test::GOLDEN_MESSAGES) server_.send(sequenced(test::from_hex(message.hex)));
  constexpr std::size_t EVENTS = test::GOLDEN_MESSAGES.size() - 2;  // a system event and a query's answer are none
  poll_until([&] { return events_.size() == EVENTS; }, "all events");
  const std::uint64_t midnight_ns = new_york_midnight_utc_ns(std::chrono::year(2026) / 11 / 27);
  std::size_t at = 0;
  for (const test::GoldenMessage& message : test::GOLDEN_MESSAGES) {
    if (message.type == 'S' || message.type == 'Q') continue;
    OuchMessage expected;
    decode_ouch(test::from_hex(message.hex), midnight_ns, expected);
    EXPECT_EQ(events_[at].kind, expected.event.kind) << message.hex;
    EXPECT_EQ(events_[at].token, expected.event.token);
    EXPECT_EQ(events_[at].exchange_ts_ns, midnight_ns + test::GOLDEN_TIME_NS);
    EXPECT_GT(events_[at].answer_ts_ns, 5'000 * SECOND_NS);
    EXPECT_LE(events_[at].answer_ts_ns, now());
    EXPECT_FALSE(events_[at].replayed);
    ++at;
  }
  EXPECT_EQ(stats_.of_type(std::byte{'A'}).value(), 2u);
  EXPECT_EQ(stats_.of_type(std::byte{'S'}).value(), 1u);
  EXPECT_EQ(stats_.of_type(std::byte{'Q'}).value(), 2u);
  EXPECT_EQ(venue_->next_token(), 11u);
}

TEST_F(OuchVenueTest, WhatIsUnknownIsSkippedAndCounted) {
  bring_up();
  Buffer odd = golden('A');
  odd[13] = std::byte{'?'};
  Buffer cut = golden('A', 1);
  cut.pop_back();
  server_.send(joined({sequenced(test::text_bytes("?unknown")), sequenced(odd), sequenced(cut), fill(1)}));
  poll_until([&] { return events_.size() == 3; }, "three events");
  EXPECT_EQ(stats_.unknown_messages.value(), 1u);
  EXPECT_EQ(stats_.unknown_codes.value(), 1u);
  EXPECT_EQ(stats_.cut_appendages.value(), 1u);
  EXPECT_EQ(events_[0].side, schema::Side::NONE);
  EXPECT_EQ(venue_->session(), State::UP);
  EXPECT_EQ(stats_.next_sequence.value(), 6u);
}

TEST_F(OuchVenueTest, WhatIsSaidTwiceUnderTwoNumbersIsToldOnce) {
  bring_up();
  server_.send(joined({fill(1), fill(1), fill(2), fill(1), fill(3)}));
  poll_until([&] { return stats_.next_sequence.value() == 7u; }, "five messages");
  EXPECT_EQ(fills(), (std::vector<std::uint32_t>{1, 2, 3}));
  EXPECT_EQ(stats_.repeated.value(), 2u);
  EXPECT_EQ(stats_.duplicates.value(), 0u);
}

// The kernel may take a part of the message that fills it up. Nobody reads, so the rest can not follow in time.
TEST_F(OuchVenueTest, AVenueThatDoesNotReadGetsWholeMessagesOrNone) {
  server_.shrink_receive_buffer(4096);
  bring_up();
  std::uint32_t sent_orders = 0;
  SendResult result = SendResult::SENT;
  while (result == SendResult::SENT && sent_orders < 1'000'000) {
    result = send(order(sent_orders + 1));
    sent_orders += result == SendResult::SENT;
  }
  const bool would_block = result == SendResult::WOULD_BLOCK;
  ASSERT_TRUE(would_block || result == SendResult::NO_SESSION) << "after " << sent_orders;
  EXPECT_EQ(venue_->next_token(), sent_orders + (would_block ? 1 : 2));  // what did not begin is free still
  EXPECT_EQ(stats_.would_block[static_cast<std::size_t>(VenueRequest::ENTER)].value(), would_block ? 1u : 0u);
  EXPECT_EQ(breaks(SessionBreak::SEND_FAILED), would_block ? 0u : 1u);
  EXPECT_EQ(venue_->session(), would_block ? State::UP : State::DOWN);
  EXPECT_GE(stats_.partial_writes.value(), would_block ? 0u : 1u);
  std::uint32_t arrived = 0;
  const auto count = [&] {
    for (const auto& packet : server_.packets()) {
      if (packet.type == soup::CLIENT_HEARTBEAT) continue;
      ASSERT_EQ(packet.payload.size(), 47u + 6u);
      ASSERT_EQ(view_as<ouch50::EnterOrder>(packet.payload).user_ref.value(), ++arrived);
    }
  };
  const auto all_arrived = [&] {
    count();
    return arrived == sent_orders;
  };
  poll_until(all_arrived, "all that was sent");
  if (!would_block) return;
  EXPECT_EQ(send(order(++sent_orders)), SendResult::SENT);
  poll_until(all_arrived, "one more");
}

TEST_F(OuchVenueTest, ABreakWhileSendingIsToldByTheNextPoll) {
  bring_up();
  server_.reset();
  SendResult result = SendResult::SENT;
  for (int i = 0; i < 1000 && result == SendResult::SENT; ++i) result = venue_->cancel(1, now());
  EXPECT_EQ(result, SendResult::NO_SESSION);
  EXPECT_EQ(venue_->session(), State::DOWN);
  EXPECT_EQ(sessions_.back(), State::UP);
  poll();
  EXPECT_EQ(sessions_.back(), State::DOWN);
  EXPECT_EQ(breaks(SessionBreak::SEND_FAILED), 1u);
}

TEST_F(OuchVenueTest, AListenerMaySendAndLeaveFromWithinAnEvent) {
  bring_up();
  on_event_ = [&](const VenueEvent& event) {
    if (event.quantity == 1) venue_->cancel(event.token, now());
    if (event.quantity == 2) venue_->log_off(now(), *this);
  };
  server_.send(joined({fill(1), fill(2), fill(3)}));
  poll_until([&] { return events_.size() == 3; }, "all fills, the last one after leaving");
  EXPECT_EQ(sessions_.back(), State::LOGGED_OFF);
  const auto packets = server_.packets();
  ASSERT_EQ(packets.size(), 2u);
  EXPECT_EQ(packets[0].message_type(), 'X');
  EXPECT_EQ(packets[1].type, soup::LOGOUT_REQUEST);
}

TEST_F(OuchVenueTest, NothingIsAllocatedInSessionOrOut) {
  bring_up();
  server_.send(joined({fill(1), sequenced(golden('A')), fill(2)}));
  poll_until([&] { return events_.size() == 3; }, "warm");
  events_.reserve(1000);
  sessions_.reserve(100);
  const auto allocated_by = [&](auto&& action) {
    const std::uint64_t before = test::allocations();
    action();
    return test::allocations() - before;
  };
  ASSERT_NE(allocated_by([&] { events_.reserve(2000); }), 0u) << "the counter counts";
  for (const test::GoldenMessage& message : test::GOLDEN_MESSAGES) server_.send(sequenced(test::from_hex(message.hex)));
  const VenueOrder one = order(20);
  EXPECT_EQ(allocated_by([&] {
              for (int i = 0; i < 200; ++i) poll();
              send(one);
              send(VenueReplace{});
              venue_->cancel(20, now());
              pass(config_.heartbeat_ns);
              poll();
            }),
            0u);
  EXPECT_EQ(events_.size(), 17u) << "the acceptance was said before";
  server_.hang_up();
  EXPECT_EQ(allocated_by([&] {
              for (int i = 0; i < 200; ++i) poll();
              pass(2 * config_.reconnect_ns);
              for (int i = 0; i < 200; ++i) poll();
              venue_->log_off(now(), *this);
              venue_->log_on();
              for (int i = 0; i < 200; ++i) poll();
            }),
            0u);
  EXPECT_GE(stats_.connects.value(), 3u);
}

}  // namespace
}  // namespace hft::feedd
