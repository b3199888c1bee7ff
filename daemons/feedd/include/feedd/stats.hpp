// Counters and log-linear histograms in shared memory: hot paths count, others read.
//
//   region | header | … | descriptor 0 … descriptor n-1 | values, one block of cache lines per writer thread |
//
// One thread writes a value, so an update is a relaxed load and store, no locked instruction. Readers load
// each word relaxed: every word is exact, count, sum and buckets of one histogram are not one moment.
// Histogram: 16 linear buckets an octave (error at most 1/16), values 0 … 2^64-1, no allocation ever.
#pragma once
#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <vector>

#include "feedd/region.hpp"
#include "feedd/slot.hpp"

namespace hft {

inline constexpr unsigned HISTOGRAM_SUB_BITS = 4;
inline constexpr std::size_t HISTOGRAM_BUCKETS = ((64 - HISTOGRAM_SUB_BITS) + 1) << HISTOGRAM_SUB_BITS;
inline constexpr std::size_t HISTOGRAM_HEADER_WORDS = 3;  // count, sum, max

constexpr std::size_t histogram_bucket(std::uint64_t value) noexcept {
  if (value < (1u << HISTOGRAM_SUB_BITS)) return value;
  const unsigned octave = static_cast<unsigned>(std::bit_width(value)) - 1 - HISTOGRAM_SUB_BITS;
  return (static_cast<std::size_t>(octave) << HISTOGRAM_SUB_BITS) + (value >> octave);
}

// Smallest value that falls into bucket `index`.
constexpr std::uint64_t histogram_bucket_floor(std::size_t index) noexcept {
  if (index < (2u << HISTOGRAM_SUB_BITS)) return index;
  const std::size_t octave = (index >> HISTOGRAM_SUB_BITS) - 1;
  return ((index & ((1u << HISTOGRAM_SUB_BITS) - 1)) | (1u << HISTOGRAM_SUB_BITS)) << octave;
}

class Counter {
 public:
  Counter() = default;
  explicit Counter(std::uint64_t* word) noexcept : word_(word) {}
  void add(std::uint64_t n = 1) noexcept { set(value() + n); }
  void set(std::uint64_t value) noexcept { control_word(*word_).store(value, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const noexcept { return control_word(*word_).load(std::memory_order_relaxed); }

 private:
  std::uint64_t* word_ = nullptr;
};

class Histogram {
 public:
  Histogram() = default;
  explicit Histogram(std::uint64_t* words) noexcept : words_(words) {}
  void record(std::uint64_t value) noexcept {
    bump(words_[0], 1);
    bump(words_[1], value);
    if (value > control_word(words_[2]).load(std::memory_order_relaxed)) {
      control_word(words_[2]).store(value, std::memory_order_relaxed);
    }
    bump(words_[HISTOGRAM_HEADER_WORDS + histogram_bucket(value)], 1);
  }

 private:
  static void bump(std::uint64_t& word, std::uint64_t n) noexcept {
    control_word(word).store(control_word(word).load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::uint64_t* words_ = nullptr;
};

// Declare everything, then create the region once, then take the handles.
// Names are Prometheus-legal and, with their labels, unique; anything else throws RegionError.
class StatsBuilder {
 public:
  std::size_t counter(std::string name, std::string unit, std::uint8_t writer, std::string labels = "");
  std::size_t gauge(std::string name, std::string unit, std::uint8_t writer, std::string labels = "");
  std::size_t histogram(std::string name, std::string unit, std::uint8_t writer, std::string labels = "");

  // Creates the region at `options.path` (kind, capacity and sizes are filled in). Throws RegionError.
  Region create(RegionOptions options);

 private:
  struct Item {
    std::string name, unit, labels;
    schema::StatKind kind;
    std::uint8_t writer;
  };
  std::size_t declare(Item item);
  std::vector<Item> items_;
};

// Handles into a region made by StatsBuilder, by declaration index.
[[nodiscard]] Counter stat_counter(const Region& stats, std::size_t index) noexcept;
[[nodiscard]] Histogram stat_histogram(const Region& stats, std::size_t index) noexcept;

}  // namespace hft
