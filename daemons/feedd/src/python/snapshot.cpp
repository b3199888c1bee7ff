// Snapshots for Python.
#include "feedd/snapshot.hpp"

#include <nanobind/nanobind.h>

#include <string>

#include "python/bindings.hpp"
#include "python/handles.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace hft::python {
namespace {

using schema::RegionKind;

void write(Region& region, nb::handle image) {
  require_kind(region, {RegionKind::IDENTITY, RegionKind::CHECKPOINT});
  require_writable(region);
  const Buffer buffer(image, PyBUF_C_CONTIGUOUS);
  if (!write_snapshot(region, buffer.data(), buffer.size_bytes())) {
    throw RegionError(region.path() + ": a snapshot of " + std::to_string(buffer.size_bytes()) +
                      " bytes, there is room for " + std::to_string(snapshot_capacity_bytes(region)));
  }
}

bool read(const Region& region, nb::handle out) {
  require_kind(region, {RegionKind::IDENTITY, RegionKind::CHECKPOINT});
  const Buffer buffer(out, PyBUF_WRITABLE);
  if (buffer.size_bytes() % sizeof(std::uint64_t) != 0 || buffer.size_bytes() < sizeof(schema::Snapshot) ||
      buffer.size_bytes() > snapshot_capacity_bytes(region)) {
    throw nb::value_error("room for a snapshot: whole words, within the region");
  }
  return read_snapshot(region, buffer.data(), buffer.size_bytes());
}

std::uint64_t version(const Region& region) {
  require_kind(region, {RegionKind::IDENTITY, RegionKind::CHECKPOINT});
  return snapshot_version(region);
}

}  // namespace

void bind_snapshot(nb::module_& module) {
  module.def("write_snapshot", &write, "region"_a, "image"_a);
  module.def("read_snapshot", &read, "region"_a, "out"_a);
  module.def("snapshot_version", &version, "region"_a);
}

}  // namespace hft::python
