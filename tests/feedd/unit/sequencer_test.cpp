#include "protocol/sequencer.hpp"

#include <gtest/gtest.h>

#include <string>

#include "sequencer_fixture.hpp"

namespace hft::feedd {
namespace {

using test::MS;

class SequencerTest : public test::SequencerFixture {};

TEST_F(SequencerTest, delivers_two_lines_once_and_in_order) {
  feed(1, 2);
  feed(1, 2, Line::B);
  feed(3, 1, Line::B);
  feed(3, 1);
  EXPECT_EQ("< 1 2 3 ", heard());
  EXPECT_EQ(3u, sequencer().counters().duplicate_messages);
  EXPECT_EQ(Line::B, sink.metas[2].line);
}

TEST_F(SequencerTest, skips_the_known_part_of_an_overlapping_packet) {
  feed(1, 3);
  feed(2, 4, Line::B);
  EXPECT_EQ("< 1 2 3 4 5 ", heard());
}

TEST_F(SequencerTest, holds_what_arrives_early_with_its_own_stamp_and_line) {
  feed(1, 1);
  now_ns += MS;
  feed(3, 2, Line::B);
  now_ns += MS;
  feed(2, 1);
  EXPECT_EQ("< 1 2 3 4 ", heard());
  EXPECT_EQ((1001 * MS) / 2, sink.metas[2].receive_ts_ns);
  EXPECT_EQ(Line::B, sink.metas[2].line);
  EXPECT_FALSE(sink.metas[2].last_in_packet);
  EXPECT_TRUE(sink.metas[3].last_in_packet);
  EXPECT_EQ(2u, sequencer().counters().held_messages);
}

TEST_F(SequencerTest, a_packet_that_overlaps_held_messages_delivers_each_once) {
  feed(1, 1);
  feed(4, 2);
  feed(2, 5, Line::B);
  feed(7, 1);
  EXPECT_EQ("< 1 2 3 4 5 6 7 ", heard());
  EXPECT_EQ(2u, sequencer().counters().duplicate_messages);
}

TEST_F(SequencerTest, gives_a_gap_up_after_its_timeout_and_not_before) {
  feed(1, 1);
  feed(4, 1);
  now_ns += 200 * MS - 1;
  timer();
  EXPECT_EQ("< 1 ", heard());
  now_ns += 1;
  timer();
  EXPECT_EQ("[2+2] 4 ", heard());
  EXPECT_EQ(2u, sequencer().counters().missing_messages);
}

TEST_F(SequencerTest, only_the_missing_parts_of_a_hole_become_gaps) {
  feed(1, 1);
  feed(4, 1);
  feed(7, 1);
  feed(5, 1, Line::B);
  now_ns += 300 * MS;
  timer();
  EXPECT_EQ("< 1 [2+2] 4 5 [6+1] 7 ", heard());
}

TEST_F(SequencerTest, a_younger_gap_keeps_its_own_time) {
  feed(1, 1);
  feed(3, 1);
  now_ns += 150 * MS;
  feed(5, 1);
  now_ns += 50 * MS;
  timer();
  EXPECT_EQ("< 1 [2+1] 3 ", heard());
  now_ns += 150 * MS;
  timer();
  EXPECT_EQ("[4+1] 5 ", heard());
}

TEST_F(SequencerTest, a_heartbeat_alone_reveals_a_gap) {
  feed(1, 1);
  heartbeat(4);
  EXPECT_EQ(2u, sequencer().behind_messages());
  now_ns += 200 * MS;
  timer();
  EXPECT_EQ("< 1 [2+2] ", heard());
  feed(4, 1);
  EXPECT_EQ("4 ", heard());
}

TEST_F(SequencerTest, a_full_window_without_a_server_gives_the_gap_up_at_once) {
  feed(1, 1);
  feed(3, 15);
  EXPECT_EQ("< 1 ", heard());
  feed(18, 1);
  EXPECT_EQ("[2+1] 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 ", heard());
}

TEST_F(SequencerTest, making_room_gives_up_no_message_that_is_at_hand) {
  feed(1, 1);
  feed(15, 1);
  feed(10, 10);
  EXPECT_EQ("< 1 [2+8] 10 11 12 13 14 15 16 17 18 19 ", heard());
}

TEST_F(SequencerTest, a_jump_to_the_end_of_numbers_is_one_gap_without_counting_through_it) {
  const std::uint64_t last = ~0ull - 1;
  feed(1, 1);
  feed(last, 1);
  EXPECT_EQ("< 1 [2+" + std::to_string(last - 2) + "] " + std::to_string(last) + " ", heard());
}

TEST_F(SequencerTest, the_end_of_a_session_waits_for_its_last_message) {
  feed(1, 1);
  heartbeat(3, MOLD_END_OF_SESSION);
  EXPECT_EQ("< 1 ", heard());
  feed(2, 1, Line::B);
  EXPECT_EQ("2 > ", heard());
  heartbeat(3, MOLD_END_OF_SESSION);
  EXPECT_EQ("", heard());
  EXPECT_TRUE(sequencer().session_ended());
}

TEST_F(SequencerTest, joining_at_the_start_expects_the_first_message) {
  feed(3, 1);
  now_ns += 200 * MS;
  timer();
  EXPECT_EQ("< [1+2] 3 ", heard());
}

TEST_F(SequencerTest, joining_live_begins_with_what_comes) {
  options.join = Join::LIVE;
  feed(1000, 2);
  EXPECT_EQ("< 1000 1001 ", heard());
}

TEST_F(SequencerTest, a_broken_packet_is_counted_and_delivers_nothing) {
  feed(1, 1);
  auto broken = test::packet(session, 2, {{std::byte{2}}}, 2);
  sequencer().on_packet(broken, Line::A, 0, now_ns, sink);
  EXPECT_EQ("< 1 ", heard());
  EXPECT_EQ(1u, sequencer().counters().malformed_packets[static_cast<std::size_t>(MalformedPacket::BLOCK_LENGTH_CUT)]);
}

TEST_F(SequencerTest, finishing_accounts_for_everything_known) {
  feed(1, 1);
  feed(3, 1);
  heartbeat(7);
  sequencer().finish(sink);
  EXPECT_EQ("< 1 [2+1] 3 [4+3] ", heard());
}

class RequestTest : public SequencerTest {
 protected:
  RequestTest() { options.requests = true; }
};

TEST_F(RequestTest, asks_at_once_when_every_line_has_gone_past_the_gap) {
  feed(1, 1);
  EXPECT_FALSE(feed(5, 1));
  const auto request = feed(5, 1, Line::B);
  EXPECT_EQ(session, request.session);
  EXPECT_EQ(2u, request.first_sequence);
  EXPECT_EQ(3u, request.count);
}

TEST_F(RequestTest, asks_after_the_interval_when_a_line_may_still_bring_it) {
  feed(1, 1);
  EXPECT_FALSE(feed(5, 1));
  now_ns += 5 * MS - 1;
  EXPECT_FALSE(timer());
  now_ns += 1;
  EXPECT_TRUE(timer());
}

TEST_F(RequestTest, repeats_itself_only_after_the_interval) {
  feed(1, 1);
  feed(5, 1);
  ASSERT_TRUE(feed(5, 1, Line::B));
  EXPECT_FALSE(feed(6, 1));
  now_ns += 5 * MS;
  EXPECT_EQ(2u, timer().first_sequence);
}

TEST_F(RequestTest, asks_for_the_rest_as_soon_as_a_part_has_come) {
  options.request_messages_max = 2;
  feed(1, 1);
  feed(8, 1);
  EXPECT_EQ(2u, feed(8, 1, Line::B).count);
  const auto rest = feed(2, 2, Line::RETRANSMISSION);
  EXPECT_EQ(4u, rest.first_sequence);
  EXPECT_EQ("< 1 2 3 ", heard());
  EXPECT_EQ(Line::RETRANSMISSION, sink.metas[2].line);
}

TEST_F(RequestTest, progress_of_the_server_extends_the_patience) {
  feed(1, 1);
  feed(6, 1);
  for (std::uint64_t missing = 2; missing < 6; ++missing) {
    now_ns += 150 * MS;
    timer();
    feed(missing, 1, Line::RETRANSMISSION);
  }
  EXPECT_EQ("< 1 2 3 4 5 6 ", heard());
}

TEST_F(RequestTest, a_late_joiner_catches_up_from_the_server_beyond_its_window) {
  feed(100, 1);
  feed(100, 1, Line::B);
  std::uint64_t asked = 0;
  std::uint64_t live = 101;
  RetransmissionRequest request;
  now_ns += 5 * MS;
  for (request = timer(); request; ++asked) {
    const auto count = std::min<std::uint16_t>(request.count, 10);
    request = feed(request.first_sequence, count, Line::RETRANSMISSION);
    if (asked < 3) {
      feed(live, 1);
      feed(live, 1, Line::B);
      ++live;
    }
  }
  EXPECT_EQ(live, sequencer().expected_sequence());
  EXPECT_EQ(0u, sequencer().counters().gaps_given_up);
  EXPECT_LT(0u, sequencer().counters().window_overflow_messages);
}

TEST_F(RequestTest, what_a_packet_brings_is_not_given_up_with_the_gap_before_it) {
  feed(1, 1);
  heartbeat(3);
  now_ns += 200 * MS;
  feed(40, 1);
  EXPECT_EQ("< 1 [2+1] [3+37] 40 ", heard());
}

TEST_F(RequestTest, a_gap_that_waited_behind_another_one_is_asked_for_before_it_is_given_up) {
  feed(1, 1);
  feed(3, 1);
  feed(5, 1);
  now_ns += 5 * MS;
  EXPECT_EQ(2u, timer().first_sequence);
  now_ns += 194 * MS;
  EXPECT_EQ(4u, feed(2, 1, Line::RETRANSMISSION).first_sequence);
  now_ns += 199 * MS;
  timer();
  EXPECT_EQ("< 1 2 3 ", heard());
  feed(4, 1, Line::RETRANSMISSION);
  EXPECT_EQ("4 5 ", heard());
}

TEST_F(RequestTest, a_silent_server_does_not_hold_up_a_full_window_twice) {
  feed(1, 1);
  feed(3, 1);
  now_ns += 200 * MS;
  timer();
  ASSERT_EQ("< 1 [2+1] 3 ", heard());
  feed(5, 15);
  feed(20, 1);
  EXPECT_EQ("[4+1] 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 ", heard());
}

}  // namespace
}  // namespace hft::feedd
