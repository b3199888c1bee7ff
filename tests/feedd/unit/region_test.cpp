#include "feedd/region.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>
#include <tuple>

#include "shared_memory.hpp"

namespace hft {
namespace {

using schema::RegionKind;
using RegionTest = SharedMemoryTest;

std::size_t files_in(const std::filesystem::path& directory) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory), {}));
}

// Overwrites bytes of a file in place.
void poke(const std::filesystem::path& path, std::streamoff offset, const std::string& bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(offset);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

TEST_F(RegionTest, a_reader_sees_what_the_header_promises) {
  RegionOptions made = options(RegionKind::MARKET_BOARD, 16, sizeof(schema::BoardEntry), "market.board");
  made.peer_generation = 77;
  const Region writer = Region::create(made);
  const Region reader = Region::open(made.path, RegionKind::MARKET_BOARD);
  EXPECT_EQ(writer.generation(), reader.generation());
  EXPECT_EQ(16u, reader.capacity_records());
  EXPECT_EQ(sizeof(schema::BoardEntry), reader.header().record_bytes());
  EXPECT_EQ(77u, reader.header().peer_generation());
  EXPECT_EQ(static_cast<std::uint32_t>(::getpid()), reader.header().writer_pid());
  EXPECT_EQ(0u, reader.size_bytes() % reader.header().page_bytes());
  EXPECT_GE(reader.size_bytes(), RECORDS_OFFSET + 16 * sizeof(schema::BoardEntry));
  EXPECT_FALSE(reader.writable());
  EXPECT_FALSE(reader.retired());
  EXPECT_EQ(1u, files_in(directory_));
}

TEST_F(RegionTest, others_may_not_write_and_strangers_may_not_read) {
  const Region region = market_ring(8);
  struct stat info {};
  ASSERT_EQ(0, ::stat(region.path().c_str(), &info));
  EXPECT_EQ(0u, info.st_mode & 0137u);
}

TEST_F(RegionTest, a_new_generation_retires_the_old_one_and_leaves_its_pages) {
  const Region first = market_ring(8);
  const Region reader = Region::open(first.path(), RegionKind::MARKET_RING);
  const Region second = market_ring(16);
  EXPECT_TRUE(reader.retired());
  EXPECT_EQ(8u, reader.capacity_records());
  EXPECT_FALSE(second.retired());
  EXPECT_LT(first.generation(), second.generation());
  EXPECT_EQ(second.generation(), Region::open(first.path(), RegionKind::MARKET_RING).generation());
}

TEST_F(RegionTest, a_wall_clock_that_steps_back_repeats_no_generation) {
  const Region first = market_ring(8);
  first.header().mutate_generation(~0ull - 10);
  EXPECT_EQ(~0ull - 9, market_ring(8).generation());
}

TEST_F(RegionTest, a_missing_file_is_told_apart_from_a_bad_one) {
  EXPECT_THROW(Region::open(directory_ / "nothing", RegionKind::MARKET_RING), RegionMissing);
}

TEST_F(RegionTest, another_layout_is_refused_naming_both_hashes) {
  const Region region = market_ring(8);
  region.header().mutate_layout_hash(0x1122334455667788u);
  const std::string error = error_of([&] { Region::open(region.path(), RegionKind::MARKET_RING); });
  EXPECT_NE(std::string::npos, error.find("0x1122334455667788")) << error;
  char own[19];
  std::snprintf(own, sizeof own, "0x%016lx", static_cast<unsigned long>(LAYOUT_HASH));
  EXPECT_NE(std::string::npos, error.find(own)) << error;
}

TEST_F(RegionTest, another_kind_is_refused_naming_both_kinds) {
  const Region region = market_ring(8);
  const std::string error = error_of([&] { Region::open(region.path(), RegionKind::UPDATES_RING); });
  EXPECT_NE(std::string::npos, error.find("MARKET_RING")) << error;
  EXPECT_NE(std::string::npos, error.find("UPDATES_RING")) << error;
}

TEST_F(RegionTest, files_that_are_no_regions_are_refused) {
  const auto path = directory_ / "market.ring";
  std::ofstream(path) << std::string(10'000, 'x');
  EXPECT_NE("", error_of([&] { Region::open(path, RegionKind::MARKET_RING); }));
  std::filesystem::resize_file(path, 100);
  EXPECT_NE("", error_of([&] { Region::open(path, RegionKind::MARKET_RING); }));
  std::filesystem::resize_file(path, 0);
  EXPECT_NE("", error_of([&] { Region::open(path, RegionKind::MARKET_RING); }));
  EXPECT_NE("", error_of([&] { Region::open(directory_, RegionKind::MARKET_RING); }));
}

TEST_F(RegionTest, a_truncated_region_is_refused) {
  const Region region = market_ring(64);
  std::filesystem::copy_file(region.path(), directory_ / "cut");
  std::filesystem::resize_file(directory_ / "cut", RECORDS_OFFSET + 4096);
  EXPECT_NE("", error_of([&] { Region::open(directory_ / "cut", RegionKind::MARKET_RING); }));
}

TEST_F(RegionTest, a_header_whose_capacity_lies_is_refused) {
  const Region region = market_ring(64);
  const std::uint64_t good = region.capacity_records();
  for (const std::uint64_t lie : {std::uint64_t{0}, good * 2, good - 1, std::uint64_t{1} << 61, ~std::uint64_t{0}}) {
    region.header().mutate_capacity_records(lie);
    EXPECT_NE("", error_of([&] { Region::open(region.path(), RegionKind::MARKET_RING); })) << lie;
  }
}

TEST_F(RegionTest, a_region_still_under_construction_is_refused) {
  const Region region = market_ring(8);
  poke(region.path(), 16, std::string(8, '\0'));
  EXPECT_NE("", error_of([&] { Region::open(region.path(), RegionKind::MARKET_RING); }));
}

TEST_F(RegionTest, a_shape_the_schema_does_not_know_is_refused_at_birth_and_leaves_nothing) {
  const auto create = [this](std::uint64_t capacity, std::uint32_t record_bytes) {
    return error_of([&] { Region::create(options(RegionKind::MARKET_RING, capacity, record_bytes, "r")); });
  };
  EXPECT_NE("", create(12, 128));
  EXPECT_NE("", create(0, 128));
  EXPECT_NE("", create(8, 64));
  EXPECT_NE("", create(1ull << 60, 128));
  EXPECT_EQ(0u, files_in(directory_));
}

TEST_F(RegionTest, small_pages_are_refused_when_huge_pages_are_required) {
  RegionOptions made = options(RegionKind::MARKET_RING, 8, 128, "market.ring");
  made.require_huge_pages = true;
  EXPECT_NE("", error_of([&] { Region::create(made); }));
  EXPECT_EQ(0u, files_in(directory_));
}

TEST_F(RegionTest, a_failed_birth_leaves_the_old_generation_in_use) {
  const Region region = market_ring(8);
  EXPECT_NE("", error_of([&] { std::ignore = market_ring(1ull << 32); }));  // 512 GiB
  EXPECT_FALSE(region.retired());
  EXPECT_EQ(1u, files_in(directory_));
  EXPECT_EQ(region.generation(), Region::open(region.path(), RegionKind::MARKET_RING).generation());
}

TEST_F(RegionTest, a_second_lock_in_the_same_process_is_refused_and_does_not_free_the_first) {
  const DaemonLock first(directory_);
  EXPECT_THROW(DaemonLock second(directory_), AlreadyRunning);
  const int child = ::fork();
  if (child == 0) {
    const std::string error = error_of([&] { DaemonLock third(directory_); });
    ::_exit(error.find("pid " + std::to_string(::getppid())) == std::string::npos ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(child, ::waitpid(child, &status, 0));
  EXPECT_EQ(0, status) << "another process was let in, or was not told this one's pid";
}

TEST_F(RegionTest, the_lock_sweeps_temporaries_and_nothing_else) {
  std::ofstream(directory_ / "market.ring.tmp.1") << "x";
  std::ofstream(directory_ / "market.ring") << "x";
  const DaemonLock lock(directory_);
  EXPECT_FALSE(std::filesystem::exists(directory_ / "market.ring.tmp.1"));
  EXPECT_TRUE(std::filesystem::exists(directory_ / "market.ring"));
}

TEST_F(RegionTest, a_directory_in_which_others_could_replace_files_is_not_locked) {
  namespace fs = std::filesystem;
  const auto refused = [](const fs::path& directory) {
    return error_of([&] { const DaemonLock lock(directory); }).find("may replace what is in it") != std::string::npos;
  };
  const fs::path own = directory_ / "feedd";
  fs::create_directory(own);
  for (const fs::perms writable : {fs::perms::group_write, fs::perms::others_write}) {
    fs::permissions(own, fs::perms::owner_all | writable);
    EXPECT_TRUE(refused(own));
    fs::permissions(own, fs::perms::owner_all | writable | fs::perms::sticky_bit);
    EXPECT_TRUE(refused(own)) << "others may add files to it";
    fs::permissions(own, fs::perms::owner_all);
    fs::permissions(directory_, fs::perms::owner_all | writable);
    EXPECT_TRUE(refused(own)) << "others may replace it";
    fs::permissions(directory_, fs::perms::owner_all | writable | fs::perms::sticky_bit);
    EXPECT_FALSE(refused(own)) << "nobody else may";
    fs::permissions(directory_, fs::perms::owner_all);
  }
}

TEST_F(RegionTest, a_lock_ends_with_its_object) {
  { const DaemonLock lock(directory_); }
  EXPECT_EQ("", error_of([&] { DaemonLock lock(directory_); }));
}

}  // namespace
}  // namespace hft
