// Reads a stats region by name: what the helper thread logs and reports comes from where everybody else reads it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "feedd/stats.hpp"
#include "runtime/log.hpp"

namespace hft::feedd {

// Name and labels of a descriptor, as text.
struct StatName {
  std::string name;
  std::string labels;
};
[[nodiscard]] StatName stat_name(const Region& stats, std::size_t index);

// The sum of a counter or gauge over all its labels.
class StatSum {
 public:
  StatSum(const Region& stats, std::string_view name);
  [[nodiscard]] std::uint64_t value() const noexcept;

 private:
  std::vector<Counter> words_;
};

// A line in the log when a value moved. Which ones is a list of names: STATS_WATCHED in the source.
class StatsWatch {
 public:
  explicit StatsWatch(const Region& stats);
  void look();

 private:
  struct Watched {
    LogLevel level;
    std::string_view event;
    std::string labels;
    Counter word;
    std::uint64_t seen;
  };
  std::vector<Watched> watched_;
};

}  // namespace hft::feedd
