// The board for Python.
#include <nanobind/nanobind.h>

#include "feedd/board.hpp"
#include "python/bindings.hpp"
#include "python/handles.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace hft::python {
namespace {

bool read_entry(const Region& region, std::uint32_t instrument_id, nb::handle out) {
  require_kind(region, {schema::RegionKind::MARKET_BOARD});
  schema::BoardEntry entry;
  if (!read_board_entry(region, instrument_id, entry)) return false;
  record_into(entry, out);
  return true;
}

void construct_writer(BoardWriter* self, Region& region) {
  require_kind(region, {schema::RegionKind::MARKET_BOARD});
  require_writable(region);
  new (self) BoardWriter(region);
}

void write_entry(BoardWriter& writer, std::uint32_t instrument_id, nb::handle entry) {
  if (instrument_id >= writer.capacity()) throw nb::index_error("instrument_id beyond the board's capacity");
  writer.write(instrument_id, record_from<schema::BoardEntry>(entry));
}

}  // namespace

void bind_board(nb::module_& module) {
  module.def("read_board_entry", &read_entry, "region"_a, "instrument_id"_a, "out"_a);
  nb::class_<BoardWriter>(module, "BoardWriter", "The writer of a board (feedd/board.hpp).")
      .def("__init__", &construct_writer, "region"_a, nb::keep_alive<1, 2>())
      .def("write", &write_entry, "instrument_id"_a, "entry"_a)
      .def_prop_ro("capacity", &BoardWriter::capacity);
}

}  // namespace hft::python
