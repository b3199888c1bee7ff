// Statistics by handle: each part of the daemon declares its own, the region is made once, the handles work after.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "feedd/stats.hpp"

namespace hft::feedd {

// Who writes a value: values of two writers never share a cache line.
enum class StatWriter : std::uint8_t { HELPER = 0, MARKET = 1, GATEWAY = 2 };

// key="value", as Prometheus writes it.
[[nodiscard]] inline std::string stat_label(std::string_view key, std::string_view value) {
  std::string label(key);
  label += "=\"";
  label += value;
  label += '"';
  return label;
}

class StatsRegistry {
 public:
  explicit StatsRegistry(StatWriter writer = StatWriter::HELPER) noexcept : writer_(writer) {}

  // Declarations that follow are this thread's.
  void written_by(StatWriter writer) noexcept { writer_ = writer; }

  // The handle must stay where it is until create().
  void counter(Counter& handle, std::string name, std::string unit, std::string labels = "") {
    words_.emplace_back(builder_.counter(std::move(name), std::move(unit), writer(), std::move(labels)), &handle);
  }
  void gauge(Counter& handle, std::string name, std::string unit, std::string labels = "") {
    words_.emplace_back(builder_.gauge(std::move(name), std::move(unit), writer(), std::move(labels)), &handle);
  }
  void histogram(Histogram& handle, std::string name, std::string unit, std::string labels = "") {
    histograms_.emplace_back(builder_.histogram(std::move(name), std::move(unit), writer(), std::move(labels)),
                             &handle);
  }

  // Makes the region and fills every handle in. Throws RegionError.
  Region create(const RegionOptions& options) {
    Region region = builder_.create(options);
    for (const auto& [index, handle] : words_) *handle = stat_counter(region, index);
    for (const auto& [index, handle] : histograms_) *handle = stat_histogram(region, index);
    return region;
  }

 private:
  [[nodiscard]] std::uint8_t writer() const noexcept { return static_cast<std::uint8_t>(writer_); }

  StatsBuilder builder_;
  StatWriter writer_;
  std::vector<std::pair<std::size_t, Counter*>> words_;
  std::vector<std::pair<std::size_t, Histogram*>> histograms_;
};

}  // namespace hft::feedd
