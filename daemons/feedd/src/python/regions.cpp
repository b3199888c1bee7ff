// Regions and the daemon's lock for Python.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <memory>
#include <string>

#include "feedd/clock.hpp"
#include "python/bindings.hpp"
#include "python/handles.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace hft::python {
namespace {

template <class Byte>
nb::object bytes_as(nb::handle owner, const Region& region) {
  using Array = nb::ndarray<nb::numpy, Byte, nb::ndim<1>, nb::c_contig>;
  // `owner` keeps the mapping alive as long as any view lives.
  return nb::cast(Array(reinterpret_cast<Byte*>(region.base()), {region.size_bytes()}, owner));
}

nb::object bytes_of(nb::handle owner) {
  const auto& region = nb::cast<Region&>(owner);
  return region.writable() ? bytes_as<std::uint8_t>(owner, region) : bytes_as<const std::uint8_t>(owner, region);
}

nb::object records_of(nb::handle owner, nb::handle dtype) {
  const auto& region = nb::cast<Region&>(owner);
  const auto itemsize = nb::cast<std::uint64_t>(dtype.attr("itemsize"));
  if (itemsize != region.header().record_bytes()) {
    throw RegionError(region.path() + ": records of " + std::to_string(region.header().record_bytes()) +
                      " bytes, the dtype has " + std::to_string(itemsize));
  }
  const std::uint64_t end = RECORDS_OFFSET + region.capacity_records() * itemsize;
  const nb::object range = nb::steal(PySlice_New(nb::int_(RECORDS_OFFSET).ptr(), nb::int_(end).ptr(), nullptr));
  return bytes_of(owner)[range].attr("view")(dtype);
}

// Words of a region that change under the reader, each loaded atomically, as a new array: a snapshot of
// every word, not one of the whole.
nb::object load_words(const Region& region, std::uint64_t offset_bytes, std::uint64_t count) {
  const std::uint64_t size_bytes = region.size_bytes();
  if (offset_bytes % 8 != 0 || offset_bytes > size_bytes || count > (size_bytes - offset_bytes) / 8) {
    throw RegionError(region.path() + ": " + std::to_string(count) + " words at " + std::to_string(offset_bytes) +
                      " are not inside the region");
  }
  const auto* words = reinterpret_cast<const std::uint64_t*>(region.base() + offset_bytes);
  auto copy = std::make_unique<std::uint64_t[]>(count);
  for (std::size_t i = 0; i < count; ++i) copy[i] = control_word(words[i]).load(std::memory_order_acquire);
  std::uint64_t* data = copy.release();
  const nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<std::uint64_t*>(p); });
  return nb::cast(nb::ndarray<nb::numpy, std::uint64_t, nb::ndim<1>>(data, {count}, owner));
}

RegionOptions options_of(const std::string& path, std::uint8_t kind, std::uint64_t capacity_records,
                         std::uint32_t record_bytes, bool require_huge_pages, std::uint64_t peer_generation,
                         std::uint32_t mode, std::uint64_t extra_bytes) {
  RegionOptions options;
  options.path = path;
  options.kind = static_cast<schema::RegionKind>(kind);
  options.capacity_records = capacity_records;
  options.record_bytes = record_bytes;
  options.require_huge_pages = require_huge_pages;
  options.peer_generation = peer_generation;
  options.mode = mode;
  options.extra_bytes = extra_bytes;
  return options;
}

Region create(const std::string& path, std::uint8_t kind, std::uint64_t capacity_records, std::uint32_t record_bytes,
              bool require_huge_pages, std::uint64_t peer_generation, std::uint32_t mode, std::uint64_t extra_bytes) {
  const nb::gil_scoped_release others;  // as for open
  return Region::create(
      options_of(path, kind, capacity_records, record_bytes, require_huge_pages, peer_generation, mode, extra_bytes));
}

Region adopt(const std::string& path, std::uint8_t kind, std::uint32_t record_bytes, bool require_huge_pages,
             std::uint32_t mode) {
  return Region::adopt(options_of(path, kind, 1, record_bytes, require_huge_pages, 0, mode, 0));
}

void bind_lock(nb::module_& module) {
  using Lock = std::unique_ptr<DaemonLock>;
  struct Holder {
    Lock lock;
  };
  nb::class_<Holder>(module, "DaemonLock", "The lock of one daemon's directory, held until close().")
      .def(
          "__init__",
          [](Holder* self, const std::string& directory) {
            new (self) Holder{std::make_unique<DaemonLock>(directory)};
          },
          "directory"_a)
      .def("close", [](Holder& self) { self.lock.reset(); })
      .def("__enter__", [](nb::handle self) { return nb::borrow(self); })
      .def("__exit__", [](Holder& self, nb::args) { self.lock.reset(); });
}

}  // namespace

void bind_regions(nb::module_& module) {
  nb::exception<RegionError> region_error(module, "RegionError", PyExc_RuntimeError);
  nb::exception<RegionMissing>(module, "RegionMissing", region_error.ptr());
  nb::exception<AlreadyRunning>(module, "AlreadyRunning", region_error.ptr());
  bind_lock(module);
  nb::class_<Region>(module, "Region", "One mapped file of shared memory (feedd/region.hpp).")
      .def_static(
          "open",
          [](const std::string& path, std::uint8_t kind) {
            // Populating a large ring takes tens of milliseconds of small pages: other threads go on.
            const nb::gil_scoped_release others;
            return Region::open(path, static_cast<schema::RegionKind>(kind));
          },
          "path"_a, "kind"_a)
      .def_static(
          "open_writable",
          [](const std::string& path, std::uint8_t kind) {
            return Region::open_writable(path, static_cast<schema::RegionKind>(kind));
          },
          "path"_a, "kind"_a)
      .def_static("create", &create, "path"_a, "kind"_a, "capacity_records"_a, "record_bytes"_a,
                  "require_huge_pages"_a = false, "peer_generation"_a = 0, "mode"_a = 0640, "extra_bytes"_a = 0)
      .def_static("adopt", &adopt, "path"_a, "kind"_a, "record_bytes"_a, "require_huge_pages"_a = false,
                  "mode"_a = 0640)
      .def_prop_ro("path", &Region::path)
      .def_prop_ro("generation", &Region::generation)
      .def_prop_ro("capacity_records", &Region::capacity_records)
      .def_prop_ro("size_bytes", &Region::size_bytes)
      .def_prop_ro("locked", &Region::locked)
      .def_prop_ro("writable", &Region::writable)
      .def_prop_ro("retired", &Region::retired)
      .def_prop_ro("kind", [](const Region& self) { return static_cast<int>(self.header().kind()); })
      .def_prop_ro("record_bytes", [](const Region& self) { return self.header().record_bytes(); })
      .def_prop_ro("page_bytes", [](const Region& self) { return self.header().page_bytes(); })
      .def_prop_ro("peer_generation", [](const Region& self) { return self.header().peer_generation(); })
      .def_prop_ro("writer_pid", [](const Region& self) { return self.header().writer_pid(); })
      .def("retire",
           [](Region& self) {
             require_writable(self);
             self.retire();
           })
      .def_prop_ro("veto", &Region::veto)
      .def(
          "set_veto",
          [](Region& self, std::uint64_t reason) {
            require_writable(self);
            self.set_veto(reason);
          },
          "reason"_a)
      .def("bytes", [](nb::handle self) { return bytes_of(self); })
      .def(
          "records", [](nb::handle self, nb::handle dtype) { return records_of(self, dtype); }, "dtype"_a);
  module.def("load_words", &load_words, "region"_a, "offset_bytes"_a, "count"_a);
  module.attr("RECORDS_OFFSET") = RECORDS_OFFSET;
  module.def("monotonic_ns", &monotonic_ns, "CLOCK_MONOTONIC in nanoseconds.");
}

}  // namespace hft::python
