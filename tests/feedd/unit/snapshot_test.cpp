#include "feedd/snapshot.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "shared_memory.hpp"

namespace hft {
namespace {

class SnapshotTest : public SharedMemoryTest {
 protected:
  [[nodiscard]] Region region(std::uint64_t extra_bytes) const {
    RegionOptions made = options(schema::RegionKind::CHECKPOINT, 1, sizeof(schema::Snapshot), "checkpoint");
    made.extra_bytes = extra_bytes;
    return Region::create(made);
  }
  // Every word says `value`.
  static std::vector<std::byte> image(std::uint64_t value, std::size_t words) {
    std::vector<std::byte> made(words * sizeof value);
    for (std::size_t i = 0; i < words; ++i) std::memcpy(made.data() + i * sizeof value, &value, sizeof value);
    return made;
  }
  static std::uint64_t word(const std::vector<std::byte>& bytes, std::size_t index) {
    std::uint64_t value;
    std::memcpy(&value, bytes.data() + index * sizeof value, sizeof value);
    return value;
  }
};

TEST_F(SnapshotTest, there_is_nothing_to_read_before_the_first_one) {
  const Region made = region(0);
  std::vector<std::byte> out(sizeof(schema::Snapshot));
  EXPECT_FALSE(read_snapshot(made, out.data(), out.size()));
  EXPECT_EQ(0u, snapshot_version(made));
}

TEST_F(SnapshotTest, what_was_written_last_reads_back_whole_under_a_new_even_version) {
  Region made = region(8 * 100);
  const Region view = Region::open(made.path(), schema::RegionKind::CHECKPOINT);
  std::vector<std::byte> out(8 * 116);
  for (const std::uint64_t value : {5u, 6u}) {
    const auto written = image(value, 116);
    ASSERT_TRUE(write_snapshot(made, written.data(), written.size()));
    ASSERT_TRUE(read_snapshot(view, out.data(), out.size()));
    EXPECT_TRUE(std::equal(out.begin() + 8, out.end(), written.begin() + 8));
    EXPECT_EQ(2 * (value - 4), word(out, 0));
    EXPECT_EQ(word(out, 0), snapshot_version(view));
  }
}

TEST_F(SnapshotTest, a_length_that_is_no_multiple_of_a_word_ends_in_zeros) {
  Region made = region(64);
  auto written = image(0x0101010101010101ull, 17);
  written.resize(16 * 8 + 3);
  ASSERT_TRUE(write_snapshot(made, written.data(), written.size()));
  std::vector<std::byte> out(17 * 8);
  ASSERT_TRUE(read_snapshot(made, out.data(), out.size()));
  EXPECT_EQ(0x010101u, word(out, 16));
}

TEST_F(SnapshotTest, what_is_too_long_or_shorter_than_its_header_is_refused_and_changes_nothing) {
  Region made = region(0);
  const auto too_long = image(1, made.size_bytes() / 8);
  EXPECT_FALSE(write_snapshot(made, too_long.data(), too_long.size()));
  EXPECT_FALSE(write_snapshot(made, too_long.data(), sizeof(schema::Snapshot) - 8));
  EXPECT_EQ(0u, snapshot_version(made));
}

TEST_F(SnapshotTest, one_whose_writer_died_in_the_middle_is_not_read) {
  const Region made = region(0);
  control_word(*reinterpret_cast<std::uint64_t*>(made.records())).store(5);
  std::vector<std::byte> out(sizeof(schema::Snapshot));
  EXPECT_FALSE(read_snapshot(made, out.data(), out.size()));
}

TEST_F(SnapshotTest, a_reader_beside_a_busy_writer_never_accepts_a_mixed_one) {
  Region made = region(8 * 500);
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (std::uint64_t value = 1; !stop; ++value) {
      const auto written = image(value, 516);
      write_snapshot(made, written.data(), written.size());
      std::this_thread::yield();
    }
  });
  std::vector<std::byte> out(8 * 516);
  unsigned read = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (read < 300 && std::chrono::steady_clock::now() < end) {
    if (!read_snapshot(made, out.data(), out.size())) continue;
    ++read;
    for (std::size_t i = 2; i < 516; ++i) ASSERT_EQ(word(out, 1), word(out, i));
  }
  stop = true;
  writer.join();
  EXPECT_EQ(300u, read);
}

}  // namespace
}  // namespace hft
