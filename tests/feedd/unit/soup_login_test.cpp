// From nothing to UP: connecting, both logins, the replay, and what goes wrong on the way.
#include "venue_fixture.hpp"

namespace hft::feedd {
namespace {

using test::Buffer;
using test::joined;
using test::login_accepted;
using test::soup_packet;

class SoupLoginTest : public VenueTest {};

TEST_F(SoupLoginTest, AFreshDayNeedsOneLogin) {
  bring_up(1);
  EXPECT_EQ(venue_->next_token(), 1u);
  EXPECT_EQ(sessions_, (std::vector{State::DOWN, State::CONNECTING, State::LOGGING_IN, State::REPLAYING, State::UP}));
  EXPECT_EQ(stats_.connects.value(), 1u);
  EXPECT_EQ(stats_.session.value(), static_cast<std::uint64_t>(State::UP));
}

TEST_F(SoupLoginTest, ADayThatHasBegunIsReplayedFromItsStart) {
  make();
  EXPECT_EQ(await_login().second, "0");
  server_.send(login_accepted("DAY1", 4));
  EXPECT_EQ(await_packet().type, soup::LOGOUT_REQUEST);
  server_.hang_up();
  EXPECT_EQ(await_login(), std::pair(std::string("DAY1"), std::string("1")));
  server_.send(joined({login_accepted("DAY1", 1), fill(1), fill(2)}));
  await_query();
  EXPECT_EQ(venue_->session(), State::REPLAYING);
  server_.send(joined({fill(3), reply(10), fill(4)}));
  poll_until([&] { return events_.size() == 4; }, "four fills");
  EXPECT_EQ(fills(), (std::vector<std::uint32_t>{1, 2, 3, 4}));
  EXPECT_TRUE(events_[2].replayed);
  EXPECT_FALSE(events_[3].replayed);
  EXPECT_EQ(venue_->session(), State::UP);
  EXPECT_EQ(venue_->next_token(), 10u);
  EXPECT_EQ(stats_.replayed.value(), 4u);
}

TEST_F(SoupLoginTest, AnAnswerToAnEarlierLifesQuestionDoesNotEndTheReplay) {
  make();
  await_login();
  server_.send(login_accepted("DAY1", 5));
  await_packet();
  server_.hang_up();
  await_login();
  server_.send(joined({login_accepted("DAY1", 1), reply(1), fill(1), reply(7), fill(2)}));
  poll_until([&] { return events_.size() == 2; }, "two fills");
  poll();
  EXPECT_EQ(venue_->session(), State::REPLAYING);
  EXPECT_TRUE(events_[1].replayed);
  server_.send(reply(9));
  poll_to(State::UP);
  EXPECT_EQ(venue_->next_token(), 9u);
}

TEST_F(SoupLoginTest, AConfiguredSessionIsAskedFor) {
  config_.session = "DAY7";
  make();
  EXPECT_EQ(await_login(), std::pair(std::string("DAY7"), std::string("0")));
}

TEST_F(SoupLoginTest, APortOf41IsToldWhenToTakeUsForGone) {
  make();
  await_connection();
  EXPECT_EQ(await_packet().payload.size(), 46u);
  config_.soupbintcp = SoupVersion::V41;
  make();
  await_connection();
  const test::SentPacket login = await_packet();
  EXPECT_EQ(login.text(),
            "HFT001secret              "
            "                   0"
            "15000");
}

TEST_F(SoupLoginTest, DebugAndHeartbeatsMayComeBeforeTheAnswer) {
  make();
  await_login();
  server_.send(joined({soup_packet('+', test::text_bytes("hello")), soup_packet('H'), login_accepted("DAY1", 1)}));
  poll_to(State::REPLAYING);
  EXPECT_EQ(stats_.debug_packets.value(), 1u);
  EXPECT_EQ(stats_.server_heartbeats.value(), 1u);
}

TEST_F(SoupLoginTest, EveryByteMayComeAlone) {
  make();
  await_login();
  for (const std::byte byte : joined({login_accepted("DAY1", 1), fill(1), reply(3), fill(2)})) {
    server_.send({byte});
    for (int i = 0; i < 3; ++i) poll();
  }
  poll_until([&] { return events_.size() == 2; }, "two fills");
  EXPECT_EQ(fills(), (std::vector<std::uint32_t>{1, 2}));
  EXPECT_EQ(venue_->session(), State::UP);
}

TEST_F(SoupLoginTest, ARejectedSessionIsTriedAgainAfterAPauseThatDoubles) {
  make();
  std::uint64_t pause_ns = config_.reconnect_ns;
  for (int i = 0; i < 7; ++i) {
    await_login();
    server_.send(soup_packet('J', test::text_bytes("S")));
    server_.hang_up();
    poll_to(State::REJECTED);
    pass(pause_ns - 1'000'000);
    poll();
    EXPECT_FALSE(server_.accept());
    EXPECT_EQ(venue_->session(), State::REJECTED);
    pass(pause_ns / 8 + 2'000'000);
    pause_ns = std::min(pause_ns * 2, config_.reconnect_ns_max);
  }
  EXPECT_EQ(stats_.login_rejects_session.value(), 7u);
  EXPECT_EQ(breaks(SessionBreak::LOGIN_REJECTED), 7u);
}

TEST_F(SoupLoginTest, WhoIsNotAuthorisedComesBackAsSeldomAsPossible) {
  make();
  await_login();
  server_.send(soup_packet('J', test::text_bytes("A")));
  poll_to(State::REJECTED);
  pass(config_.reconnect_ns_max - SECOND_NS);
  poll();
  EXPECT_EQ(venue_->session(), State::REJECTED);
  pass(config_.reconnect_ns_max / 8 + 2 * SECOND_NS);
  await_login();
  EXPECT_EQ(stats_.login_rejects_authorisation.value(), 1u);
}

TEST_F(SoupLoginTest, ARejectWithoutAKnownReasonIsOne) {
  make();
  await_login();
  server_.send(soup_packet('J'));
  poll_to(State::REJECTED);
  EXPECT_EQ(stats_.login_rejects_other.value(), 1u);
}

TEST_F(SoupLoginTest, ALoginWithoutAnAnswerTimesOut) {
  make();
  await_login();
  pass(config_.login_timeout_ns - SECOND_NS);
  poll();
  EXPECT_EQ(venue_->session(), State::LOGGING_IN);
  pass(SECOND_NS);
  poll_to(State::DOWN);
  EXPECT_EQ(breaks(SessionBreak::LOGIN_TIMEOUT), 1u);
}

TEST_F(SoupLoginTest, NobodyThereIsTriedAgain) {
  make();
  server_.stop_listening();
  poll_until([&] { return breaks(SessionBreak::CONNECT_FAILED) == 1; }, "refused");
  EXPECT_EQ(venue_->session(), State::DOWN);
  pass(config_.reconnect_ns * 2);
  poll_until([&] { return breaks(SessionBreak::CONNECT_FAILED) == 2; }, "refused again");
}

TEST_F(SoupLoginTest, GarbageInsteadOfAnAnswerBreaks) {
  const std::pair<Buffer, SessionBreak> cases[] = {
      {test::text_bytes("HTTP/1.1 400 Bad Request\r\n\r\n"), SessionBreak::LOGIN_TIMEOUT},  // a packet of 18516 bytes
      {test::from_hex("0000"), SessionBreak::ZERO_LENGTH},
      {soup_packet('S', test::golden('E')), SessionBreak::UNEXPECTED_PACKET},
      {soup_packet('Z'), SessionBreak::UNEXPECTED_PACKET},
      {soup_packet('\0'), SessionBreak::UNEXPECTED_PACKET},
      {soup_packet('A', test::text_bytes("short")), SessionBreak::LOGIN_MALFORMED},
      {soup_packet('A', test::text_bytes("      DAY1                   x")), SessionBreak::LOGIN_MALFORMED},
  };
  make();
  for (const auto& [garbage, reason] : cases) {
    await_login();
    server_.send(garbage);
    const std::uint64_t before = breaks(reason);
    for (int i = 0; i < 100; ++i) poll();
    if (reason == SessionBreak::LOGIN_TIMEOUT) pass(config_.login_timeout_ns);
    poll_to(State::DOWN);
    EXPECT_EQ(breaks(reason), before + 1) << name_of(reason);
    pass(2 * config_.reconnect_ns_max);
  }
}

TEST_F(SoupLoginTest, AVenueThatBeginsBehindWhatWeNeedIsNotTrusted) {
  make();
  await_login();
  server_.send(login_accepted("DAY1", 5));
  await_packet();
  server_.hang_up();
  await_login();
  server_.send(login_accepted("DAY1", 2));
  poll_to(State::DOWN);
  EXPECT_EQ(breaks(SessionBreak::REPLAY_GAP), 1u);
}

TEST_F(SoupLoginTest, AProbeThatTheVenueDoesNotCloseIsLeftAfterASecond) {
  make();
  await_login();
  server_.send(joined({login_accepted("DAY1", 5), fill(9)}));
  EXPECT_EQ(await_packet().type, soup::LOGOUT_REQUEST);
  for (int i = 0; i < 100; ++i) poll();
  EXPECT_FALSE(server_.accept());
  pass(SoupClient::GOODBYE_NS);
  EXPECT_EQ(await_login().second, "1");
  EXPECT_TRUE(events_.empty());
}

TEST_F(SoupLoginTest, AQuestionWithoutAnAnswerIsAskedAgainAndAtLastGivenUp) {
  make();
  await_login();
  server_.send(login_accepted("DAY1", 1));
  await_query();
  pass(OuchVenue::ASK_AGAIN_NS);
  std::vector<test::SentPacket> packets = await_packets();
  EXPECT_EQ(packets.back().message_type(), 'Q');
  pass(config_.login_timeout_ns);
  poll_to(State::DOWN);
  EXPECT_EQ(breaks(SessionBreak::REPLAY_TIMEOUT), 1u);
}

TEST_F(SoupLoginTest, AfterAReplayThatBrokeTheHeadIsLearnedAgain) {
  make();
  await_login();
  server_.send(joined({login_accepted("DAY1", 1), fill(1)}));
  await_query();
  poll_until([&] { return events_.size() == 1; }, "a fill");
  server_.hang_up();  // the question may have arrived: its answer is no proof in the next replay
  poll_to(State::DOWN);
  pass(2 * config_.reconnect_ns);
  EXPECT_EQ(await_login().second, "0");
  server_.send(login_accepted("DAY1", 4));
  await_packet();
  server_.hang_up();
  EXPECT_EQ(await_login(), std::pair(std::string("DAY1"), std::string("2")));
  server_.send(joined({login_accepted("DAY1", 2), reply(5), fill(3)}));
  await_query();
  poll_until([&] { return events_.size() == 2; }, "the other fill");
  EXPECT_EQ(venue_->session(), State::REPLAYING);
  server_.send(reply(5));
  poll_to(State::UP);
}

}  // namespace
}  // namespace hft::feedd
