// When the books last had all that the lines had said.
#include "sequencer_fixture.hpp"

namespace hft::feedd {
namespace {

using test::MS;

class SequencerAgeTest : public test::SequencerFixture {
 protected:
  SequencerAgeTest() : SequencerFixture({.requests = true}) {}

  // The fixture's packets are received at half the time they are looked at.
  std::uint64_t later() {
    now_ns += 10 * MS;
    return now_ns / 2;
  }
  std::uint64_t age_stamp() { return sequencer().up_to_date_ns(); }
};

TEST_F(SequencerAgeTest, nothing_was_ever_up_to_date_before_the_first_packet) {
  EXPECT_EQ(0u, age_stamp());
  EXPECT_EQ(0u, sequencer().heard_ns());
}

TEST_F(SequencerAgeTest, new_messages_and_a_heartbeat_at_their_end_stamp_when_they_were_received) {
  const std::uint64_t first = later();
  feed(1, 2);
  EXPECT_EQ(first, age_stamp());
  const std::uint64_t second = later();
  heartbeat(3);
  EXPECT_EQ(second, age_stamp());
  EXPECT_EQ(now_ns, sequencer().heard_ns());
}

TEST_F(SequencerAgeTest, a_copy_a_late_heartbeat_and_a_stray_are_no_news) {
  const std::uint64_t first = later();
  feed(1, 4);
  later();
  feed(1, 4, Line::B);
  feed(3, 2);
  heartbeat(3);
  session = test::session_named("STRAY");
  feed(5, 1);
  EXPECT_EQ(first, age_stamp());
}

TEST_F(SequencerAgeTest, only_packets_of_the_session_are_heard) {
  feed(1, 1);
  const std::uint64_t heard_ns = now_ns;
  later();
  session = test::session_named("STRAY");
  feed(2, 1);
  sequencer().on_packet({}, Line::A, now_ns, now_ns, sink);
  EXPECT_EQ(heard_ns, sequencer().heard_ns());
}

TEST_F(SequencerAgeTest, while_something_is_missing_news_makes_nothing_up_to_date) {
  const std::uint64_t first = later();
  feed(1, 1);
  later();
  feed(3, 1);
  later();
  feed(4, 1);
  heartbeat(6);
  EXPECT_EQ(first, age_stamp());
}

TEST_F(SequencerAgeTest, what_the_server_sends_again_is_as_old_as_it_is) {
  const std::uint64_t first = later();
  feed(1, 1);
  later();
  feed(4, 1);
  later();
  feed(2, 2, Line::RETRANSMISSION);
  EXPECT_EQ("< 1 2 3 4 ", heard());
  EXPECT_EQ(first, age_stamp()) << "the lines may have gone on since";
  const std::uint64_t second = later();
  feed(5, 1);
  EXPECT_EQ(second, age_stamp());
}

TEST_F(SequencerAgeTest, the_other_lines_late_copy_that_fills_a_gap_is_not_the_lines_newest) {
  const std::uint64_t first = later();
  feed(1, 1);
  feed(3, 1);
  later();
  feed(2, 1, Line::B);
  EXPECT_EQ("< 1 2 3 ", heard());
  EXPECT_EQ(first, age_stamp());
}

TEST_F(SequencerAgeTest, a_join_from_the_start_is_not_up_to_date_before_it_has_caught_up) {
  feed(14, 1);
  later();
  feed(1, 13, Line::RETRANSMISSION);
  EXPECT_EQ(0u, age_stamp());
  const std::uint64_t stamp = later();
  heartbeat(15);
  EXPECT_EQ(stamp, age_stamp());
}

TEST_F(SequencerAgeTest, the_repeated_end_of_a_session_keeps_nothing_fresh) {
  const std::uint64_t first = later();
  feed(1, 2);
  later();
  heartbeat(3, 0xFFFF);
  later();
  heartbeat(3, 0xFFFF);
  EXPECT_EQ(first, age_stamp());
}

TEST_F(SequencerAgeTest, a_new_session_has_an_age_of_its_own) {
  feed(1, 2);
  heartbeat(3, 0xFFFF);
  session = test::session_named("DAY2");
  feed(3, 1);
  EXPECT_EQ("< 1 2 > < ", heard());
  EXPECT_EQ(0u, age_stamp());
}

}  // namespace
}  // namespace hft::feedd
