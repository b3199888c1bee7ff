#include "feedd/stats.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "shared_memory.hpp"

namespace hft {
namespace {

class StatsTest : public SharedMemoryTest {
 protected:
  [[nodiscard]] RegionOptions at(const std::string& name) const {
    RegionOptions made;
    made.path = directory_ / name;
    return made;
  }
  static const std::uint64_t* words_of(const Region& stats, std::size_t index) {
    const auto& descriptor = reinterpret_cast<const schema::StatDescriptor*>(stats.records())[index];
    return reinterpret_cast<const std::uint64_t*>(stats.base() + descriptor.value_offset_bytes());
  }
};

// Straight from the definition: exact below 16, then 16 equal parts of every octave.
std::size_t bucket_by_counting(std::uint64_t value) {
  if (value < 16) return value;
  std::size_t octave = 0;
  std::uint64_t floor = 16;
  while (value - floor >= floor) {
    floor *= 2;
    ++octave;
  }
  std::size_t part = 0;
  while (part < 15 && value - floor >= (floor / 16) * (part + 1)) ++part;
  return 16 + octave * 16 + part;
}

TEST(HistogramBuckets, agree_with_counting_octaves_and_parts) {
  std::vector<std::uint64_t> values;
  for (std::uint64_t value = 0; value < 5000; ++value) values.push_back(value);
  std::mt19937_64 random(1);
  for (int i = 0; i < 5000; ++i) values.push_back(random() >> (random() % 64));
  for (unsigned bit = 4; bit < 64; ++bit) {
    values.insert(values.end(), {(1ull << bit) - 1, 1ull << bit, (1ull << bit) + 1});
  }
  values.push_back(~0ull);
  for (const std::uint64_t value : values) {
    ASSERT_EQ(bucket_by_counting(value), histogram_bucket(value)) << value;
    ASSERT_LT(histogram_bucket(value), HISTOGRAM_BUCKETS) << value;
  }
}

TEST(HistogramBuckets, floors_are_the_smallest_value_of_their_bucket) {
  for (std::size_t index = 0; index < HISTOGRAM_BUCKETS; ++index) {
    const std::uint64_t floor = histogram_bucket_floor(index);
    ASSERT_EQ(index, histogram_bucket(floor));
    if (index > 0) {
      ASSERT_EQ(index - 1, histogram_bucket(floor - 1));
    }
  }
  EXPECT_EQ(HISTOGRAM_BUCKETS - 1, histogram_bucket(~0ull));
}

TEST_F(StatsTest, values_count_where_their_declaration_points) {
  StatsBuilder builder;
  const std::size_t packets = builder.counter("feedd_packets_total", "packets", 0, "line=\"a\"");
  const std::size_t lag = builder.gauge("feedd_lag_records", "records", 1);
  const std::size_t latency = builder.histogram("feedd_latency_ns", "ns", 0);
  const Region stats = builder.create(at("stats"));
  stat_counter(stats, packets).add(3);
  stat_counter(stats, packets).add();
  stat_counter(stats, lag).set(17);
  for (std::uint64_t value : {1u, 1u, 100u}) stat_histogram(stats, latency).record(value);
  EXPECT_EQ(4u, words_of(stats, packets)[0]);
  EXPECT_EQ(17u, words_of(stats, lag)[0]);
  const std::uint64_t* words = words_of(stats, latency);
  EXPECT_EQ(3u, words[0]);
  EXPECT_EQ(102u, words[1]);
  EXPECT_EQ(100u, words[2]);
  EXPECT_EQ(2u, words[HISTOGRAM_HEADER_WORDS + 1]);
  EXPECT_EQ(1u, words[HISTOGRAM_HEADER_WORDS + histogram_bucket(100)]);
}

TEST_F(StatsTest, values_of_two_writers_never_share_a_pair_of_cache_lines) {
  StatsBuilder builder;
  for (std::uint8_t i = 0; i < 12; ++i) {
    builder.counter("c" + std::to_string(i), "", i % 3);
    builder.histogram("h" + std::to_string(i), "", i % 3);
  }
  const Region stats = builder.create(at("stats"));
  const auto* descriptors = reinterpret_cast<const schema::StatDescriptor*>(stats.records());
  std::vector<int> writer_of_line(stats.size_bytes() / 128, -1);
  for (std::size_t i = 0; i < stats.capacity_records(); ++i) {
    const std::uint64_t begin = descriptors[i].value_offset_bytes();
    const std::uint64_t end = begin + descriptors[i].value_words() * 8;
    ASSERT_LE(end, stats.size_bytes());
    for (std::uint64_t line = begin / 128; line <= (end - 1) / 128; ++line) {
      ASSERT_TRUE(writer_of_line[line] == -1 || writer_of_line[line] == descriptors[i].writer()) << line;
      writer_of_line[line] = descriptors[i].writer();
    }
  }
}

TEST_F(StatsTest, a_region_is_born_with_its_descriptors) {
  StatsBuilder builder;
  builder.counter("feedd_packets_total", "packets", 0);
  const Region first = builder.create(at("stats"));
  const Region reader = Region::open(directory_ / "stats", schema::RegionKind::STATS);
  const auto& descriptor = *reinterpret_cast<const schema::StatDescriptor*>(reader.records());
  EXPECT_STREQ("feedd_packets_total", reinterpret_cast<const char*>(descriptor.name()->data()));
}

TEST(StatsBuilderTest, names_must_be_legal_unique_and_fit) {
  StatsBuilder builder;
  builder.counter("ok_total", "", 0, "a=\"1\"");
  builder.counter("ok_total", "", 0, "a=\"2\"");
  EXPECT_NE("", error_of([&] { builder.counter("ok_total", "", 1, "a=\"2\""); }));
  EXPECT_NE("", error_of([&] { builder.counter("9lives", "", 0); }));
  EXPECT_NE("", error_of([&] { builder.counter("has-dash", "", 0); }));
  EXPECT_NE("", error_of([&] { builder.counter("", "", 0); }));
}

}  // namespace
}  // namespace hft
