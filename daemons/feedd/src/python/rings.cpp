// Broadcast rings for Python.
#include <nanobind/nanobind.h>

#include "feedd/ring.hpp"
#include "python/bindings.hpp"
#include "python/handles.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace hft::python {
namespace {

using schema::RegionKind;
using Writer = RingWriterHandle;

void construct_reader(RingReaderHandle* self, const Region& region, std::uint64_t cursor) {
  require_kind(region,
               {RegionKind::MARKET_RING, RegionKind::UPDATES_RING, RegionKind::INTENTS_RING, RegionKind::INPUTS_RING});
  new (self) RingReaderHandle{RingReader(region, cursor), Grant{cursor + 1, 0}};
}

void construct_writer(Writer* self, Region& region, std::uint64_t after_sequence) {
  require_kind(region, {RegionKind::MARKET_RING, RegionKind::UPDATES_RING, RegionKind::INPUTS_RING});
  require_writable(region);
  new (self) Writer(region, after_sequence);
  if (self->sequence() != after_sequence && after_sequence != 0) {
    throw nb::value_error("the ring is already beyond that sequence");
  }
}

std::uint64_t publish(Writer& writer, nb::handle record) {
  const Buffer buffer(record, PyBUF_SIMPLE);
  if (buffer.size_bytes() != writer.record_bytes()) {
    throw nb::value_error(("a record of " + std::to_string(writer.record_bytes()) + " bytes expected").c_str());
  }
  return writer.publish(buffer.data());
}

std::uint64_t publish_many(Writer& writer, nb::handle records) {
  const Buffer buffer(records, PyBUF_C_CONTIGUOUS);
  if (buffer.size_bytes() % writer.record_bytes() != 0) {
    throw nb::value_error(("records of " + std::to_string(writer.record_bytes()) + " bytes expected").c_str());
  }
  for (std::size_t offset = 0; offset < buffer.size_bytes(); offset += writer.record_bytes()) {
    writer.publish(buffer.data() + offset);
  }
  return writer.sequence();
}

}  // namespace

void bind_rings(nb::module_& module) {
  nb::class_<RingReaderHandle>(module, "RingReader", "One reader's place in a ring (feedd/ring.hpp).")
      .def("__init__", &construct_reader, "region"_a, "cursor"_a = 0, nb::keep_alive<1, 2>())
      .def("poll", &RingReaderHandle::poll_spinning, "count_max"_a, "spins_max"_a = 0)
      .def("validate", &RingReaderHandle::validate)
      .def(
          "advance",
          [](RingReaderHandle& self, std::int64_t count) {
            if (!self.advance(count)) throw nb::value_error("advance beyond the last grant");
          },
          "count"_a)
      .def(
          "seek",
          [](RingReaderHandle& self, std::uint64_t sequence) {
            self.ring.seek(sequence);
            self.grant = {sequence + 1, 0};
            self.advanced = 0;
          },
          "sequence"_a)
      .def_prop_ro("start", &RingReaderHandle::start)
      .def_prop_ro("cursor", [](const RingReaderHandle& self) { return self.ring.cursor(); })
      .def_prop_ro("head", [](const RingReaderHandle& self) { return self.ring.head(); })
      .def_prop_ro("lost_records", [](const RingReaderHandle& self) { return self.ring.lost_records(); })
      .def_prop_ro("lag_records", [](const RingReaderHandle& self) { return self.ring.lag_records(); })
      .def_prop_ro("address", [](const RingReaderHandle& self) { return reinterpret_cast<std::uintptr_t>(&self); });
  nb::class_<Writer>(module, "RingWriter", "The writer of a ring.")
      .def("__init__", &construct_writer, "region"_a, "after_sequence"_a = 0, nb::keep_alive<1, 2>())
      .def("publish", &publish, "record"_a)
      .def("publish_many", &publish_many, "records"_a)
      .def_prop_ro("sequence", &Writer::sequence)
      .def_prop_ro("address", [](const Writer& self) { return reinterpret_cast<std::uintptr_t>(&self); });
}

}  // namespace hft::python
