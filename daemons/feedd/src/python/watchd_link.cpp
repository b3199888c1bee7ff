// The daemon's line to watchd for Python.
#include "runtime/watchd_link.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <memory>
#include <string>

#include "python/bindings.hpp"
#include "python/handles.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace hft::python {
namespace {

struct Holder {
  std::shared_ptr<WatchdLink> link;
};

void construct(Holder* self, const std::string& control_directory, std::uint8_t daemon, const Region& progress,
               std::uint64_t interval_ns, bool keep_alive) {
  require_kind(progress, {schema::RegionKind::PROGRESS});
  new (self) Holder{std::make_shared<WatchdLink>(control_directory, static_cast<schema::DaemonId>(daemon), progress,
                                                 interval_ns,
                                                 keep_alive ? ServiceKeepAlive::HERE : ServiceKeepAlive::ELSEWHERE)};
}

// Closed at the latest when the interpreter ends: the thread must not run while the process is taken down around it.
void start(Holder& self) {
  self.link->start();
  const auto close = [link = std::weak_ptr(self.link)] {
    if (const auto alive = link.lock()) alive->close();
  };
  nb::module_::import_("atexit").attr("register")(nb::cpp_function(close));
}

}  // namespace

void bind_watchd_link(nb::module_& module) {
  module.attr("REGISTRATION_MAGIC") = REGISTRATION_MAGIC;
  module.attr("HEARTBEAT_MAGIC") = HEARTBEAT_MAGIC;
  nb::class_<Holder>(module, "WatchdLink",
                     "A daemon's registration at watchd and its heartbeats (runtime/watchd_link.hpp).")
      .def("__init__", &construct, "control_directory"_a, "daemon_id"_a, "progress"_a, "interval_ns"_a,
           "service_keep_alive"_a = false, nb::keep_alive<1, 4>())
      .def("start", &start)
      .def(
          "close", [](Holder& self) { self.link->close(); }, nb::call_guard<nb::gil_scoped_release>())
      .def_prop_ro("registered", [](const Holder& self) { return self.link->registered(); })
      .def_prop_ro("beats_sent", [](const Holder& self) { return self.link->beats_sent(); })
      .def_prop_ro("refusal", [](const Holder& self) { return self.link->refusal(); });
}

}  // namespace hft::python
