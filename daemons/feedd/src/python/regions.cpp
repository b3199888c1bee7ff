// Regions, rings, the intents queue, the board and stats for Python.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <memory>

#include "feedd/board.hpp"
#include "feedd/clock.hpp"
#include "feedd/queue.hpp"
#include "feedd/region.hpp"
#include "feedd/ring.hpp"
#include "python/bindings.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace hft::python {
namespace {

using Bytes = nb::ndarray<nb::numpy, std::uint8_t, nb::ndim<1>, nb::c_contig>;

// The whole region as bytes; `owner` keeps the mapping alive as long as any view lives.
Bytes bytes_of(nb::handle owner) {
  auto& region = nb::cast<Region&>(owner);
  return Bytes(region.base(), {region.size_bytes()}, owner);
}

}  // namespace

void bind_regions(nb::module_& module) {
  nb::exception<RegionError>(module, "RegionError", PyExc_RuntimeError);
  nb::class_<Region>(module, "Region", "One mapped file of shared memory (feedd/region.hpp).")
      .def_static(
          "open", [](const std::string& path, std::uint8_t kind) {
            return Region::open(path, static_cast<schema::RegionKind>(kind));
          },
          "path"_a, "kind"_a, "Maps an existing region read-only. Raises RegionError.")
      .def_prop_ro("path", &Region::path)
      .def_prop_ro("generation", &Region::generation)
      .def_prop_ro("capacity_records", &Region::capacity_records)
      .def_prop_ro("retired", &Region::retired)
      .def("bytes", [](nb::handle self) { return bytes_of(self); }, "The mapping as uint8, zero-copy.");
  module.def("monotonic_ns", &monotonic_ns, "CLOCK_MONOTONIC in nanoseconds.");
}

}  // namespace hft::python
