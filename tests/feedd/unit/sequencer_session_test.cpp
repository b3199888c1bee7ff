// Which session the sequencer reads: strays, changes, returns.
#include <string>

#include "sequencer_fixture.hpp"

namespace hft::feedd {
namespace {

using test::MS;

class SequencerSessionTest : public test::SequencerFixture {
 protected:
  void SetUp() override {
    feed(1, 2);
    ASSERT_EQ("< 1 2 ", heard());
  }

  void feed_of(const char* name, std::uint64_t first, std::uint16_t count = 1, Line line = Line::A) {
    const MoldSession kept = std::exchange(session, test::session_named(name));
    feed(first, count, line);
    session = kept;
  }
  void heartbeat_of(const char* name, std::uint64_t next, std::uint16_t count = 0) {
    const MoldSession kept = std::exchange(session, test::session_named(name));
    heartbeat(next, count);
    session = kept;
  }
  std::uint64_t foreign() { return sequencer().counters().foreign_session_packets; }
};

TEST_F(SequencerSessionTest, a_stray_packet_changes_nothing) {
  feed(4, 1);
  feed_of("STRAY", 3);
  feed(3, 1);
  EXPECT_EQ("3 4 ", heard());
  EXPECT_EQ(1u, foreign());
  EXPECT_EQ(1u, sequencer().counters().sessions);
}

TEST_F(SequencerSessionTest, the_third_packet_in_a_row_changes_the_session_and_is_delivered) {
  feed(4, 1);
  feed_of("DAY2", 1);
  feed_of("DAY2", 1, 1, Line::B);
  EXPECT_EQ("", heard());
  feed_of("DAY2", 1, 3);
  EXPECT_EQ("[3+1] 4 < 1 2 3 ", heard());
  EXPECT_EQ(2u, foreign());
}

TEST_F(SequencerSessionTest, heartbeats_confirm_a_change) {
  for (int packet = 0; packet < 3; ++packet) heartbeat_of("DAY2", 1);
  EXPECT_EQ("< ", heard());
}

TEST_F(SequencerSessionTest, a_packet_of_the_current_session_on_either_line_starts_the_count_again) {
  for (const Line line : {Line::A, Line::B}) {
    feed_of("DAY2", 1, 2);
    feed(1, 1, line);
    feed_of("DAY2", 1, 2);
  }
  EXPECT_EQ("", heard());
  feed_of("DAY2", 1);
  feed_of("DAY2", 1);
  EXPECT_EQ("< 1 ", heard());
}

TEST_F(SequencerSessionTest, a_reply_of_the_current_session_does_not_start_the_count_again) {
  feed_of("DAY2", 1);
  feed_of("DAY2", 2);
  feed(1, 1, Line::RETRANSMISSION);
  feed_of("DAY2", 1);
  EXPECT_EQ("< 1 ", heard());
}

TEST_F(SequencerSessionTest, packets_of_different_sessions_do_not_add_up) {
  for (const char* name : {"DAY2", "DAY2", "STRAY", "DAY2", "DAY2"}) feed_of(name, 1);
  EXPECT_EQ("", heard());
  feed_of("DAY2", 1);
  EXPECT_EQ("< 1 ", heard());
}

TEST_F(SequencerSessionTest, after_silence_one_packet_is_enough) {
  now_ns += SESSION_CHANGE_SILENCE_NS - 1;
  feed_of("DAY2", 1);
  EXPECT_EQ("", heard());
  now_ns += 1;
  feed_of("DAY2", 2);
  now_ns += 200 * MS;
  timer();
  EXPECT_EQ("< [1+1] 2 ", heard());
}

TEST_F(SequencerSessionTest, a_heartbeat_ends_the_silence) {
  now_ns += SESSION_CHANGE_SILENCE_NS - MS;
  heartbeat(3);
  now_ns += SESSION_CHANGE_SILENCE_NS - MS;
  feed_of("STRAY", 1);
  EXPECT_EQ("", heard());
}

TEST_F(SequencerSessionTest, a_clock_that_steps_back_is_not_silence) {
  now_ns -= MS;
  feed_of("STRAY", 1);
  EXPECT_EQ("", heard());
}

TEST_F(SequencerSessionTest, an_ended_session_hands_over_at_once) {
  heartbeat(3, MOLD_END_OF_SESSION);
  feed_of("DAY2", 1);
  EXPECT_EQ("> < 1 ", heard());
  EXPECT_EQ(0u, foreign());
}

TEST_F(SequencerSessionTest, an_announced_end_hands_over_at_once_even_while_messages_are_missing) {
  heartbeat(5, MOLD_END_OF_SESSION);
  feed_of("DAY2", 1);
  EXPECT_EQ("[3+2] < 1 ", heard());
}

TEST_F(SequencerSessionTest, late_packets_of_the_session_before_are_refused) {
  heartbeat(3, MOLD_END_OF_SESSION);
  feed_of("DAY2", 1);
  feed(1, 1);
  feed(2, 1, Line::B);
  heartbeat_of("DAY2", 2, MOLD_END_OF_SESSION);
  ASSERT_EQ("> < 1 > ", heard());
  feed(2, 1);
  EXPECT_EQ("", heard()) << "also after the end of the session that followed";
  EXPECT_EQ(3u, foreign());
}

TEST_F(SequencerSessionTest, the_repeated_end_of_the_session_before_never_brings_it_back) {
  heartbeat(3, MOLD_END_OF_SESSION);
  feed_of("DAY2", 1);
  ASSERT_EQ("> < 1 ", heard());
  for (int repeat = 0; repeat < 5; ++repeat) {
    now_ns += SESSION_CHANGE_SILENCE_NS;
    heartbeat(3, MOLD_END_OF_SESSION);
  }
  feed_of("DAY2", 2);
  EXPECT_EQ("2 ", heard());
}

TEST_F(SequencerSessionTest, a_wrong_change_heals) {
  for (int packet = 0; packet < 3; ++packet) feed_of("STRAY", 1);
  ASSERT_EQ("< 1 ", heard());
  feed(3, 1);
  feed(4, 1);
  EXPECT_EQ("", heard());
  feed(1, 5);
  feed(6, 1);
  EXPECT_EQ("< 1 2 3 4 5 6 ", heard());
  EXPECT_EQ(3u, sequencer().counters().sessions);
}

TEST_F(SequencerSessionTest, a_wrong_change_heals_after_silence_too) {
  for (int packet = 0; packet < 3; ++packet) feed_of("STRAY", 1);
  ASSERT_EQ("< 1 ", heard());
  now_ns += SESSION_CHANGE_SILENCE_NS;
  feed(1, 3);
  EXPECT_EQ("< 1 2 3 ", heard());
}

TEST_F(SequencerSessionTest, a_reply_for_another_session_is_ignored_and_confirms_nothing) {
  for (int packet = 0; packet < 3; ++packet) feed_of("DAY2", 1, 1, Line::RETRANSMISSION);
  feed_of("DAY2", 1);
  feed_of("DAY2", 1);
  EXPECT_EQ("", heard());
  EXPECT_EQ(5u, foreign());
}

TEST_F(SequencerSessionTest, a_malformed_packet_confirms_nothing) {
  feed_of("DAY2", 1);
  feed_of("DAY2", 1);
  sequencer().on_packet(test::packet(test::session_named("DAY2"), 1, {{std::byte{1}}}, 2), Line::A, 0, now_ns, sink);
  EXPECT_EQ("", heard());
}

class SequencerFirstSessionTest : public test::SequencerFixture {};

TEST_F(SequencerFirstSessionTest, a_reply_begins_no_session) {
  feed(1, 1, Line::RETRANSMISSION);
  EXPECT_EQ("", heard());
  feed(1, 1);
  EXPECT_EQ("< 1 ", heard());
}

}  // namespace
}  // namespace hft::feedd
