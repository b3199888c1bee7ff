// Stats regions for Python: a builder and a writer for braind. Readers use load_words.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <string>
#include <utility>
#include <vector>

#include "feedd/stats.hpp"
#include "python/bindings.hpp"
#include "python/handles.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace hft::python {
namespace {

using schema::StatKind;

// A stats region with a handle per declared value.
class StatsWriter {
 public:
  explicit StatsWriter(Region region) : region_(std::move(region)) {
    const auto* descriptors = reinterpret_cast<const schema::StatDescriptor*>(region_.records());
    for (std::size_t i = 0; i < region_.capacity_records(); ++i) {
      kinds_.push_back(descriptors[i].kind());
      counters_.push_back(stat_counter(region_, i));
      histograms_.push_back(stat_histogram(region_, i));
    }
  }

  void add(std::size_t index, std::uint64_t n) {
    require(index, kinds_.size() > index && kinds_[index] != StatKind::HISTOGRAM);
    counters_[index].add(n);
  }
  void set(std::size_t index, std::uint64_t value) {
    require(index, kinds_.size() > index && kinds_[index] != StatKind::HISTOGRAM);
    counters_[index].set(value);
  }
  void record(std::size_t index, std::uint64_t value) {
    require(index, kinds_.size() > index && kinds_[index] == StatKind::HISTOGRAM);
    histograms_[index].record(value);
  }
  // Where the value's words are, for histogram_record of compiled Python.
  [[nodiscard]] std::uintptr_t value_address(std::size_t index) const {
    require(index, kinds_.size() > index);
    const auto* descriptors = reinterpret_cast<const schema::StatDescriptor*>(region_.records());
    return reinterpret_cast<std::uintptr_t>(region_.base() + descriptors[index].value_offset_bytes());
  }
  [[nodiscard]] const Region& region() const noexcept { return region_; }
  void retire() noexcept { region_.retire(); }

 private:
  static void require(std::size_t index, bool fits) {
    if (!fits) throw nb::index_error(("stats: no such value of this kind: " + std::to_string(index)).c_str());
  }

  Region region_;
  std::vector<StatKind> kinds_;
  std::vector<Counter> counters_;
  std::vector<Histogram> histograms_;
};

StatsWriter create(StatsBuilder& builder, const std::string& path, bool require_huge_pages) {
  RegionOptions options;
  options.path = path;
  options.require_huge_pages = require_huge_pages;
  return StatsWriter(builder.create(options));
}

}  // namespace

void bind_stats(nb::module_& module) {
  module.attr("HISTOGRAM_SUB_BITS") = HISTOGRAM_SUB_BITS;
  module.attr("HISTOGRAM_HEADER_WORDS") = HISTOGRAM_HEADER_WORDS;
  module.def("histogram_bucket", &histogram_bucket, "value"_a);
  module.def("histogram_bucket_floor", &histogram_bucket_floor, "index"_a);
  nb::class_<StatsBuilder>(module, "StatsBuilder", "Declares the values of one stats region (feedd/stats.hpp).")
      .def(nb::init<>())
      .def("counter", &StatsBuilder::counter, "name"_a, "unit"_a, "writer"_a = 0, "labels"_a = "")
      .def("gauge", &StatsBuilder::gauge, "name"_a, "unit"_a, "writer"_a = 0, "labels"_a = "")
      .def("histogram", &StatsBuilder::histogram, "name"_a, "unit"_a, "writer"_a = 0, "labels"_a = "")
      .def("create", &create, "path"_a, "require_huge_pages"_a = false);
  nb::class_<StatsWriter>(module, "StatsWriter", "Writes the values of one stats region, by declaration index.")
      .def("add", &StatsWriter::add, "index"_a, "n"_a = 1)
      .def("set", &StatsWriter::set, "index"_a, "value"_a)
      .def("record", &StatsWriter::record, "index"_a, "value"_a)
      .def("value_address", &StatsWriter::value_address, "index"_a)
      .def("retire", &StatsWriter::retire)
      .def_prop_ro("path", [](const StatsWriter& self) { return self.region().path(); })
      .def_prop_ro("locked", [](const StatsWriter& self) { return self.region().locked(); });
}

}  // namespace hft::python
