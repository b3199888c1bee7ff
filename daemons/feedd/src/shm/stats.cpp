#include "feedd/stats.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace hft {
namespace {

constexpr std::size_t LINE_WORDS = 16;  // two cache lines: adjacent-line prefetch

template <std::size_t N>
flatbuffers::span<const std::uint8_t, N> padded(const std::string& text, std::array<std::uint8_t, N>& out) {
  if (text.size() >= N) throw RegionError("stats: \"" + text + "\" is longer than " + std::to_string(N - 1));
  out.fill(0);
  std::copy(text.begin(), text.end(), out.begin());
  return flatbuffers::span<const std::uint8_t, N>(out.data(), N);
}

// [a-zA-Z_:][a-zA-Z0-9_:]*, Prometheus' data model.
bool legal_name(const std::string& name) {
  const auto legal = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ':';
  };
  return !name.empty() && !(name[0] >= '0' && name[0] <= '9') && std::all_of(name.begin(), name.end(), legal);
}

std::size_t words_of(schema::StatKind kind) {
  return kind == schema::StatKind::HISTOGRAM ? HISTOGRAM_HEADER_WORDS + HISTOGRAM_BUCKETS : 1;
}

const schema::StatDescriptor& descriptor_of(const Region& stats, std::size_t index) noexcept {
  assert(index < stats.capacity_records());
  return reinterpret_cast<const schema::StatDescriptor*>(stats.records())[index];
}

std::uint64_t* value_of(const Region& stats, std::size_t index) noexcept {
  return reinterpret_cast<std::uint64_t*>(stats.base() + descriptor_of(stats, index).value_offset_bytes());
}

}  // namespace

std::size_t StatsBuilder::declare(Item item) {
  if (!legal_name(item.name)) throw RegionError("stats: \"" + item.name + "\" is not a legal metric name");
  const auto same = [&item](const Item& other) { return other.name == item.name && other.labels == item.labels; };
  if (std::any_of(items_.begin(), items_.end(), same)) {
    throw RegionError("stats: \"" + item.name + "\" is declared twice");
  }
  items_.push_back(std::move(item));
  return items_.size() - 1;
}

std::size_t StatsBuilder::counter(std::string name, std::string unit, std::uint8_t writer, std::string labels) {
  return declare({std::move(name), std::move(unit), std::move(labels), schema::StatKind::COUNTER, writer});
}

std::size_t StatsBuilder::gauge(std::string name, std::string unit, std::uint8_t writer, std::string labels) {
  return declare({std::move(name), std::move(unit), std::move(labels), schema::StatKind::GAUGE, writer});
}

std::size_t StatsBuilder::histogram(std::string name, std::string unit, std::uint8_t writer, std::string labels) {
  return declare({std::move(name), std::move(unit), std::move(labels), schema::StatKind::HISTOGRAM, writer});
}

Region StatsBuilder::create(RegionOptions options) {
  // Values grouped by writer, each group on lines of its own.
  std::vector<std::size_t> order(items_.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [this](std::size_t a, std::size_t b) { return items_[a].writer < items_[b].writer; });
  std::size_t values_offset = RECORDS_OFFSET + items_.size() * sizeof(schema::StatDescriptor);
  values_offset = (values_offset + 127) / 128 * 128;
  std::vector<std::size_t> word_offset(items_.size());
  std::size_t words = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const bool new_writer = i > 0 && items_[order[i]].writer != items_[order[i - 1]].writer;
    if (new_writer) words = (words + LINE_WORDS - 1) / LINE_WORDS * LINE_WORDS;
    word_offset[order[i]] = words;
    words += words_of(items_[order[i]].kind);
  }

  options.kind = schema::RegionKind::STATS;
  options.capacity_records = items_.size();
  options.record_bytes = sizeof(schema::StatDescriptor);
  options.extra_bytes =
      values_offset + words * sizeof(std::uint64_t) - RECORDS_OFFSET - items_.size() * sizeof(schema::StatDescriptor);
  options.fill = [this, values_offset, &word_offset](std::byte* base) {
    auto* descriptors = reinterpret_cast<schema::StatDescriptor*>(base + RECORDS_OFFSET);
    for (std::size_t i = 0; i < items_.size(); ++i) {
      const Item& item = items_[i];
      std::array<std::uint8_t, 56> name{};
      std::array<std::uint8_t, 16> unit{};
      std::array<std::uint8_t, 40> labels{};
      descriptors[i] =
          schema::StatDescriptor(padded(item.name, name), padded(item.unit, unit), padded(item.labels, labels),
                                 values_offset + word_offset[i] * sizeof(std::uint64_t),
                                 static_cast<std::uint32_t>(words_of(item.kind)), item.kind, item.writer, 0);
    }
  };
  return Region::create(options);
}

Counter stat_counter(const Region& stats, std::size_t index) noexcept { return Counter(value_of(stats, index)); }

Histogram stat_histogram(const Region& stats, std::size_t index) noexcept { return Histogram(value_of(stats, index)); }

}  // namespace hft
