// A directory of its own per test, on tmpfs like the real one, and short ways to regions in it.
#pragma once
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "feedd/region.hpp"

namespace hft {

class SharedMemoryTest : public ::testing::Test {
 protected:
  SharedMemoryTest() {
    std::string pattern = "/dev/shm/feedd_tests.XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~SharedMemoryTest() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] RegionOptions options(schema::RegionKind kind, std::uint64_t capacity, std::uint32_t record_bytes,
                                      const std::string& name) const {
    RegionOptions made;
    made.path = directory_ / name;
    made.kind = kind;
    made.capacity_records = capacity;
    made.record_bytes = record_bytes;
    return made;
  }

  [[nodiscard]] Region market_ring(std::uint64_t capacity) const {
    return Region::create(
        options(schema::RegionKind::MARKET_RING, capacity, sizeof(schema::MarketEvent), "market.ring"));
  }

  std::filesystem::path directory_;
};

// The message of the RegionError that `call` throws; empty if it throws none.
template <class Call>
std::string error_of(Call call) {
  try {
    call();
  } catch (const RegionError& error) {
    return error.what();
  }
  return "";
}

}  // namespace hft
