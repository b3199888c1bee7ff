// hft._native: the shared-memory contract and feedd's decoder, seen from Python.
#include <nanobind/nanobind.h>

#include "hft/schema/layout_hash.hpp"
#include "python/bindings.hpp"

namespace nb = nanobind;

NB_MODULE(_native, module) {
  module.def(
      "schema_bfbs", [] { return nb::bytes(reinterpret_cast<const char*>(hft::SCHEMA_BFBS), sizeof hft::SCHEMA_BFBS); },
      "The flatc binary schema that this build's records were made from.");
  module.attr("LAYOUT_HASH") = hft::LAYOUT_HASH;
  hft::python::bind_regions(module);
  hft::python::bind_rings(module);
  hft::python::bind_queue(module);
  hft::python::bind_control(module);
  hft::python::bind_watchd_link(module);
  hft::python::bind_board(module);
  hft::python::bind_entries(module);
  hft::python::bind_snapshot(module);
  hft::python::bind_stats(module);
  hft::python::bind_compiled(module);
  hft::python::bind_bench(module);
  hft::python::bind_decode(module);
  hft::python::bind_jitter(module);
}
