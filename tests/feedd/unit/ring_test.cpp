#include "feedd/ring.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace hft {
namespace {

class RingTest : public ::testing::Test {
 protected:
  RingTest() : directory_(std::filesystem::temp_directory_path() / ("ring_test." + std::to_string(::getpid()))) {
    std::filesystem::create_directory(directory_);
  }
  ~RingTest() override { std::filesystem::remove_all(directory_); }

  Region make(std::uint64_t capacity) {
    RegionOptions options;
    options.path = directory_ / "market.ring";
    options.kind = schema::RegionKind::MARKET_RING;
    options.capacity_records = capacity;
    options.record_bytes = sizeof(schema::MarketEvent);
    return Region::create(options);
  }

  static schema::MarketEvent event(std::uint64_t feed_sequence) {
    schema::MarketEvent made;
    made.mutate_feed_sequence(feed_sequence);
    return made;
  }

  std::filesystem::path directory_;
};

TEST_F(RingTest, a_reader_sees_records_in_order_and_nothing_beyond_the_head) {
  Region region = make(8);
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

TEST_F(RingTest, a_lapped_reader_knows_exactly_how_many_records_it_lost) {
  Region region = make(8);
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
  Region region = make(8);
  RingWriter<schema::MarketEvent> writer(region);
  RingReader reader(region, 0);
  for (std::uint64_t i = 1; i <= 8; ++i) writer.publish(event(i));
  const Grant grant = reader.poll(8);
  ASSERT_EQ(8u, grant.count);
  writer.publish(event(9));
  EXPECT_FALSE(reader.validate(grant));
}

}  // namespace
}  // namespace hft
