// A session that is up: heartbeats, silence, breaks, what comes twice, the end, and leaving.
#include "venue_fixture.hpp"

namespace hft::feedd {
namespace {

using test::Buffer;
using test::joined;
using test::login_accepted;
using test::soup_packet;

class SoupClientTest : public VenueTest {
 protected:
  // A login that follows a break, when everything up to `sequence` was had.
  void rejoin(std::uint64_t sequence) {
    pass(2 * config_.reconnect_ns);
    EXPECT_EQ(await_login(), std::pair(std::string("DAY1"), std::to_string(sequence)));
    server_.send(login_accepted("DAY1", sequence));
    await_query();
  }
  void break_connection() {
    server_.hang_up();
    poll_to(State::DOWN);
  }
};

TEST_F(SoupClientTest, AHeartbeatIsSentAfterEachSilenceOfOurOwn) {
  bring_up();
  for (int i = 0; i < 3; ++i) {
    pass(config_.heartbeat_ns - 1'000'000);
    poll();
    EXPECT_TRUE(server_.packets().empty());
    server_.send(soup_packet('H'));
    pass(1'000'000);
    EXPECT_EQ(await_packet().type, soup::CLIENT_HEARTBEAT);
  }
  EXPECT_EQ(sent(VenueRequest::HEARTBEAT), 3u);
}

TEST_F(SoupClientTest, WhatIsSentTakesAHeartbeatsPlace) {
  bring_up();
  pass(config_.heartbeat_ns - 1'000'000);
  EXPECT_EQ(venue_->cancel(1, now()), SendResult::SENT);
  EXPECT_EQ(await_packet().message_type(), 'X');
  pass(2'000'000);
  poll();
  EXPECT_TRUE(server_.packets().empty());
}

TEST_F(SoupClientTest, HeartbeatsKeepItUpAndSilenceBreaksIt) {
  bring_up();
  for (int i = 0; i < 5; ++i) {
    pass(config_.silence_ns - SECOND_NS);
    server_.send(soup_packet('H'));
    const std::uint64_t heard = stats_.server_heartbeats.value();
    poll_until([&] { return stats_.server_heartbeats.value() == heard + 1; }, "a heartbeat");
  }
  EXPECT_EQ(venue_->session(), State::UP);
  pass(config_.silence_ns);
  poll_to(State::DOWN);
  EXPECT_EQ(breaks(SessionBreak::SILENCE), 1u);
  EXPECT_EQ(sessions_.back(), State::DOWN);
}

TEST_F(SoupClientTest, AReconnectAsksForWhatIsMissingAndGetsItOnce) {
  bring_up();
  server_.send(joined({fill(1), fill(2)}));
  poll_until([&] { return events_.size() == 2; }, "two fills");
  break_connection();
  EXPECT_EQ(breaks(SessionBreak::CLOSED), 1u);
  rejoin(4);  // the query's answer and two fills were had
  server_.send(joined({fill(3), reply(5), fill(4)}));
  poll_until([&] { return events_.size() == 4; }, "two more");
  EXPECT_EQ(fills(), (std::vector<std::uint32_t>{1, 2, 3, 4}));
  EXPECT_TRUE(events_[2].replayed);
  EXPECT_FALSE(events_[3].replayed);
  EXPECT_EQ(stats_.next_sequence.value(), 7u);
  EXPECT_EQ(stats_.duplicates.value(), 0u);
}

TEST_F(SoupClientTest, WhatTheVenueRepeatsIsNotToldTwice) {
  bring_up(1);
  server_.send(joined({fill(1), fill(2)}));
  poll_until([&] { return events_.size() == 2; }, "two fills");
  break_connection();
  pass(2 * config_.reconnect_ns);
  EXPECT_EQ(await_login().second, "4");
  server_.send(joined({login_accepted("DAY1", 1), reply(1), fill(1), fill(2), fill(3)}));
  await_query();
  poll_until([&] { return events_.size() == 3; }, "the new one");
  EXPECT_EQ(fills(), (std::vector<std::uint32_t>{1, 2, 3}));
  EXPECT_EQ(stats_.duplicates.value(), 3u);
  EXPECT_EQ(venue_->session(), State::REPLAYING);  // the repeated answer proves nothing
  server_.send(reply(2));
  poll_to(State::UP);
}

TEST_F(SoupClientTest, OtherMessagesUnderNumbersThatWereSeenAreNotSwallowed) {
  bring_up(1);
  server_.send(joined({fill(1), fill(2)}));
  poll_until([&] { return events_.size() == 2; }, "two fills");
  break_connection();
  pass(2 * config_.reconnect_ns);
  await_login();
  server_.send(joined({login_accepted("DAY1", 1), reply(1), fill(1), fill(77)}));  // it lost the end of its stream
  poll_to(State::DOWN);
  EXPECT_EQ(breaks(SessionBreak::REPLAY_DIFFERS), 1u);
  pass(config_.reconnect_ns_max - SECOND_NS);
  poll();
  EXPECT_EQ(venue_->session(), State::DOWN);
}

TEST_F(SoupClientTest, AMessageCutByADisconnectComesWholeWithTheNextLogin) {
  bring_up();
  Buffer cut = joined({fill(1), fill(2)});
  cut.resize(cut.size() - 10);
  server_.send(cut);
  poll_until([&] { return events_.size() == 1; }, "the whole one");
  break_connection();
  rejoin(3);
  server_.send(joined({fill(2), reply(1)}));
  poll_to(State::UP);
  EXPECT_EQ(fills(), (std::vector<std::uint32_t>{1, 2}));
}

TEST_F(SoupClientTest, AResetIsABreak) {
  bring_up();
  server_.reset();
  poll_to(State::DOWN);
  EXPECT_EQ(breaks(SessionBreak::RECEIVE_FAILED), 1u);
}

TEST_F(SoupClientTest, WhatHasNoNumberIsNotCounted) {
  bring_up();
  server_.send(joined({soup_packet('U', test::golden('E')), soup_packet('+', test::text_bytes("x")), fill(1)}));
  poll_until([&] { return events_.size() == 1; }, "the sequenced one");
  EXPECT_EQ(stats_.unsequenced_packets.value(), 1u);
  EXPECT_EQ(stats_.debug_packets.value(), 1u);
  EXPECT_EQ(stats_.next_sequence.value(), 3u);
}

TEST_F(SoupClientTest, ABreakInTheProtocolBreaksTheSession) {
  const std::pair<Buffer, SessionBreak> cases[] = {
      {test::from_hex("0000"), SessionBreak::ZERO_LENGTH},
      {soup_packet('x'), SessionBreak::UNEXPECTED_PACKET},
      {soup_packet('J', test::text_bytes("A")), SessionBreak::UNEXPECTED_PACKET},
      {login_accepted("DAY1", 2), SessionBreak::UNEXPECTED_PACKET},
  };
  bring_up();
  for (const auto& [bad, reason] : cases) {
    server_.send(joined({bad, fill(1)}));
    poll_to(State::DOWN);
    EXPECT_EQ(breaks(reason), 1u) << name_of(reason);
    EXPECT_TRUE(events_.empty());  // nothing behind it is believed
    stats_.breaks[static_cast<std::size_t>(reason)].set(0);
    const std::uint64_t next = stats_.next_sequence.value();
    pass(2 * config_.reconnect_ns_max);
    EXPECT_EQ(await_login().second, std::to_string(next));
    server_.send(login_accepted("DAY1", next));
    await_query();
    server_.send(reply(1));
    poll_to(State::UP);
  }
}

TEST_F(SoupClientTest, AMessageThatCanNotBeReadHasToComeTwiceBeforeItIsSkipped) {
  config_.silence_ns = config_.heartbeat_ns = 3 * config_.reconnect_ns_max;
  bring_up();
  const Buffer cut[] = {soup_packet('S'), soup_packet('S', test::text_bytes("E"))};
  for (std::uint32_t i = 0; i < 2; ++i) {
    const std::uint64_t next = stats_.next_sequence.value();
    server_.send(joined({cut[i], fill(9)}));
    poll_to(State::DOWN);
    EXPECT_EQ(breaks(SessionBreak::SHORT_MESSAGE), i + 1);
    EXPECT_EQ(events_.size(), i);
    rejoin(next);
    server_.send(joined({cut[i], fill(i), reply(1)}));
    poll_to(State::UP);
    EXPECT_EQ(stats_.short_messages.value(), i + 1);
    EXPECT_EQ(events_.size(), i + 1);
    pass(config_.reconnect_ns_max);  // a good session
  }
  EXPECT_EQ(fills(), (std::vector<std::uint32_t>{0, 1}));
}

TEST_F(SoupClientTest, AMessageThatWasDamagedOnceIsReadWhenItComesWhole) {
  bring_up();
  server_.send(soup_packet('S', test::text_bytes("E")));
  poll_to(State::DOWN);
  rejoin(2);
  server_.send(joined({fill(1), reply(1)}));
  poll_to(State::UP);
  EXPECT_EQ(fills(), (std::vector<std::uint32_t>{1}));
  EXPECT_EQ(stats_.short_messages.value(), 0u);
}

TEST_F(SoupClientTest, WorkOfOnePollIsBounded) {
  bring_up();
  Buffer burst;
  constexpr std::uint32_t COUNT = 500;
  for (std::uint32_t i = 1; i <= COUNT; ++i) {
    const Buffer one = fill(i);
    burst.insert(burst.end(), one.begin(), one.end());
  }
  server_.send(burst);
  std::size_t before = events_.size();
  for (int round = 0; round < 10'000 && events_.size() < COUNT; ++round) {
    const unsigned handled = poll();
    EXPECT_LE(handled, SoupClient::PACKETS_A_POLL);
    EXPECT_EQ(events_.size(), before + handled);
    before = events_.size();
  }
  ASSERT_EQ(events_.size(), COUNT);
  for (std::uint32_t i = 0; i < COUNT; ++i) EXPECT_EQ(events_[i].quantity, i + 1);
}

TEST_F(SoupClientTest, EndOfSessionIsForGood) {
  bring_up();
  server_.send(joined({fill(1), soup_packet('Z'), fill(2)}));
  poll_to(State::ENDED);
  EXPECT_EQ(fills(), (std::vector<std::uint32_t>{1}));
  venue_->log_on();
  pass(10 * config_.reconnect_ns_max);
  for (int i = 0; i < 50; ++i) poll();
  EXPECT_EQ(venue_->session(), State::ENDED);
  EXPECT_FALSE(server_.accept());
  EXPECT_EQ(venue_->cancel(1, now()), SendResult::NO_SESSION);
  venue_->log_off(now(), *this);
  EXPECT_EQ(venue_->session(), State::ENDED);
}

TEST_F(SoupClientTest, AnotherSessionInItsPlaceIsTheEndOfOurs) {
  bring_up();
  break_connection();
  pass(2 * config_.reconnect_ns);
  await_login();
  server_.send(joined({login_accepted("DAY2", 1), fill(1)}));
  poll_to(State::ENDED);
  EXPECT_TRUE(events_.empty());
}

TEST_F(SoupClientTest, LeavingIsSaidAndWhatCrossesItIsHeard) {
  bring_up();
  EXPECT_EQ(venue_->cancel(1, now()), SendResult::SENT);
  venue_->log_off(now(), *this);
  EXPECT_EQ(venue_->session(), State::LOGGED_OFF);
  EXPECT_EQ(sessions_.back(), State::LOGGED_OFF);
  const auto packets = server_.packets();
  ASSERT_EQ(packets.size(), 2u);
  EXPECT_EQ(packets[0].message_type(), 'X');
  EXPECT_EQ(packets[1].type, soup::LOGOUT_REQUEST);
  EXPECT_TRUE(server_.client_ended());
  server_.send(fill(1));
  poll_until([&] { return events_.size() == 1; }, "the fill that crossed");
  server_.hang_up();
  for (int i = 0; i < 20; ++i) poll();
  EXPECT_EQ(venue_->session(), State::LOGGED_OFF);
  EXPECT_EQ(breaks(SessionBreak::CLOSED), 0u);
  EXPECT_EQ(send(order(1)), SendResult::NO_SESSION);
}

TEST_F(SoupClientTest, AfterLeavingItStaysAwayUntilItMayComeBack) {
  bring_up();
  venue_->log_off(now(), *this);
  pass(10 * config_.reconnect_ns_max);
  for (int i = 0; i < 20; ++i) poll();
  EXPECT_FALSE(server_.accept());
  venue_->log_on();
  rejoin(2);
  server_.send(reply(1));
  poll_to(State::UP);
}

TEST_F(SoupClientTest, LeavingFromAnywhereLeaves) {
  make();
  venue_->log_off(now(), *this);
  EXPECT_EQ(sessions_, (std::vector{State::LOGGED_OFF}));
  venue_->log_on();
  await_login();
  venue_->log_off(now(), *this);
  EXPECT_EQ(sessions_.back(), State::LOGGED_OFF);
  poll_until([&] { return server_.client_ended(); }, "closed");
  venue_->log_on();
  await_login();
  server_.send(login_accepted("DAY1", 9));  // a probe that has learned the head
  await_packet();
  venue_->log_off(now(), *this);
  pass(10 * SECOND_NS);
  for (int i = 0; i < 20; ++i) poll();
  EXPECT_FALSE(server_.accept());
  EXPECT_EQ(venue_->session(), State::LOGGED_OFF);
}

TEST_F(SoupClientTest, PausesDoubleUntilItHasBeenUpForAWhile) {
  config_.silence_ns = config_.heartbeat_ns = 3 * config_.reconnect_ns_max;
  bring_up();
  break_connection();
  std::uint64_t pause_ns = config_.reconnect_ns;
  for (std::uint64_t i = 0; i < 3; ++i) {
    pass(pause_ns - 1'000'000);
    poll();
    EXPECT_FALSE(server_.accept());
    pass(pause_ns / 8 + 2'000'000);
    await_login();
    server_.send(login_accepted("DAY1", 2 + i));
    await_query();
    server_.send(reply(1));
    poll_to(State::UP);
    if (i == 2) pass(config_.reconnect_ns_max);
    break_connection();
    pause_ns *= 2;
  }
  rejoin(5);
}

}  // namespace
}  // namespace hft::feedd
