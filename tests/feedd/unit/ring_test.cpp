#include "feedd/ring.hpp"

#include <gtest/gtest.h>

#include "shared_memory.hpp"

namespace hft {
namespace {

using RingTest = SharedMemoryTest;

schema::MarketEvent event(std::uint64_t feed_sequence) {
  schema::MarketEvent made;
  made.mutate_feed_sequence(feed_sequence);
  return made;
}

TEST_F(RingTest, a_reader_sees_records_in_order_and_nothing_beyond_the_head) {
  Region region = market_ring(8);
  RingWriter<schema::MarketEvent> writer(region);
  const Region view = Region::open(region.path(), schema::RegionKind::MARKET_RING);
  RingReader reader(view, 0);
  EXPECT_EQ(0u, reader.poll(8).count);
  writer.publish(event(11));
  writer.publish(event(12));
  const Grant grant = reader.poll(8);
  ASSERT_EQ(2u, grant.count);
  schema::MarketEvent seen;
  ASSERT_TRUE(read_slot(reader.slot_of(2), 2, seen));
  EXPECT_EQ(12u, seen.feed_sequence());
  EXPECT_TRUE(reader.validate(grant));
}

TEST_F(RingTest, a_grant_ends_where_the_memory_wraps) {
  Region region = market_ring(8);
  RingWriter<schema::MarketEvent> writer(region);
  RingReader reader(region, 0);
  for (std::uint64_t i = 1; i <= 6; ++i) writer.publish(event(i));
  reader.advance(reader.poll(6).count);
  for (std::uint64_t i = 7; i <= 10; ++i) writer.publish(event(i));
  EXPECT_EQ(2u, reader.poll(8).count);
  reader.advance(2);
  const Grant wrapped = reader.poll(8);
  EXPECT_EQ(9u, wrapped.first_sequence);
  EXPECT_EQ(2u, wrapped.count);
  EXPECT_EQ(0u, reader.index_of(wrapped.first_sequence));
}

TEST_F(RingTest, a_poll_for_nothing_grants_nothing_and_loses_nothing) {
  Region region = market_ring(8);
  RingWriter<schema::MarketEvent> writer(region);
  RingReader reader(region, 0);
  for (std::uint64_t i = 1; i <= 20; ++i) writer.publish(event(i));
  const Grant grant = reader.poll(0);
  EXPECT_EQ(0u, grant.count);
  EXPECT_EQ(0u, reader.lost_records());
  EXPECT_TRUE(reader.validate(grant));
}

TEST_F(RingTest, a_lapped_reader_knows_exactly_how_many_records_it_lost) {
  Region region = market_ring(8);
  RingWriter<schema::MarketEvent> writer(region);
  RingReader reader(region, 0);
  for (std::uint64_t i = 1; i <= 21; ++i) writer.publish(event(i));
  EXPECT_EQ(0u, reader.poll(8).count);
  EXPECT_EQ(17u, reader.lost_records());
  std::uint64_t consumed = 0;
  for (Grant grant = reader.poll(8); grant.count != 0; grant = reader.poll(8)) {
    consumed += grant.count;
    reader.advance(grant.count);
  }
  EXPECT_EQ(21u, consumed + reader.lost_records());
}

TEST_F(RingTest, a_grant_that_was_overtaken_does_not_validate) {
  Region region = market_ring(8);
  RingWriter<schema::MarketEvent> writer(region);
  RingReader reader(region, 0);
  for (std::uint64_t i = 1; i <= 8; ++i) writer.publish(event(i));
  const Grant grant = reader.poll(8);
  ASSERT_EQ(8u, grant.count);
  writer.publish(event(9));
  EXPECT_FALSE(reader.validate(grant));
}

TEST_F(RingTest, a_slot_that_is_being_written_is_not_yet_and_not_lost) {
  Region region = market_ring(8);
  RingWriter<schema::MarketEvent> writer(region);
  RingReader reader(region, 0);
  writer.publish(event(1));
  auto* slots = reinterpret_cast<std::uint64_t*>(region.records());
  control_word(slots[RECORD_WORDS<schema::MarketEvent>]).store(SLOT_BUSY | 2);
  EXPECT_EQ(1u, reader.poll(8).count);
  reader.advance(1);
  EXPECT_EQ(0u, reader.poll(8).count);
  EXPECT_EQ(0u, reader.lost_records());
}

TEST_F(RingTest, a_late_joiner_starts_at_the_head_without_counting_loss) {
  Region region = market_ring(8);
  RingWriter<schema::MarketEvent> writer(region);
  for (std::uint64_t i = 1; i <= 100; ++i) writer.publish(event(i));
  RingReader reader(region, 0);
  reader.seek(reader.head());
  EXPECT_EQ(0u, reader.poll(8).count);
  EXPECT_EQ(0u, reader.lag_records());
  writer.publish(event(101));
  EXPECT_EQ(1u, reader.lag_records());
  EXPECT_EQ(1u, reader.poll(8).count);
  EXPECT_EQ(0u, reader.lost_records());
}

TEST_F(RingTest, a_second_writer_object_goes_on_where_the_first_stopped) {
  Region region = market_ring(8);
  RingWriter<schema::MarketEvent>(region).publish(event(1));
  EXPECT_EQ(2u, RingWriter<schema::MarketEvent>(region).publish(event(2)));
}

TEST_F(RingTest, a_writer_that_goes_on_after_a_given_sequence_is_read_under_those_numbers_without_loss) {
  Region region = market_ring(8);
  RingWriter<schema::MarketEvent> writer(region, 1000);
  RingReader reader(region, 1000);
  EXPECT_EQ(0u, reader.poll(8).count);
  EXPECT_EQ(1001u, writer.publish(event(1)));
  const Grant grant = reader.poll(8);
  EXPECT_EQ(1001u, grant.first_sequence);
  EXPECT_EQ(1u, grant.count);
  EXPECT_EQ(0u, reader.lost_records());
  EXPECT_EQ(1001u, reader.head());
}

TEST_F(RingTest, a_writer_never_goes_back) {
  Region region = market_ring(8);
  RingWriter<schema::MarketEvent>(region, 50).publish(event(1));
  EXPECT_EQ(51u, RingWriter<schema::MarketEvent>(region, 20).sequence());
}

}  // namespace
}  // namespace hft
