// Fence, operator's veto, limits, commands and progress for Python.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <unistd.h>

#include <ctime>
#include <string>
#include <tuple>

#include "feedd/clock.hpp"
#include "feedd/commands.hpp"
#include "feedd/fence.hpp"
#include "feedd/limits.hpp"
#include "feedd/progress.hpp"
#include "feedd/veto.hpp"
#include "python/bindings.hpp"
#include "python/handles.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace hft::python {
namespace {

using schema::RegionKind;

void construct_fence_writer(FenceWriter* self, Region& fence) {
  require_kind(fence, {RegionKind::FENCE});
  require_writable(fence);
  new (self) FenceWriter(fence);
}

void construct_progress_writer(ProgressWriter* self, Region& progress, std::size_t loop) {
  require_kind(progress, {RegionKind::PROGRESS});
  require_writable(progress);
  if (loop >= progress.capacity_records()) throw nb::index_error("progress: no such loop");
  new (self) ProgressWriter(progress, loop);
}

void bind_fence(nb::module_& module) {
  module.def("fence_token", &fence_token, "epoch"_a, "feedd_generation"_a, "intents_generation"_a,
             "The word that opens the fence for one epoch of one feedd and one intents.ring; never 0.");
  module.attr("FENCE_STRATEGIES") = FENCE_STRATEGIES;
  module.attr("FENCE_INSTRUMENTS") = FENCE_INSTRUMENTS;
  nb::class_<FenceWriter>(module, "FenceWriter", "watchd's end of the fence (feedd/fence.hpp).")
      .def("__init__", &construct_fence_writer, "fence"_a, nb::keep_alive<1, 2>())
      .def(
          "close", [](FenceWriter& self, std::uint64_t reason) { self.close(reason, monotonic_ns()); }, "reason"_a)
      .def("set_reason", &FenceWriter::set_reason, "reason"_a)
      .def("open", &FenceWriter::open, "epoch"_a, "token"_a, "lease_deadline_ns"_a)
      .def("renew", &FenceWriter::renew, "lease_deadline_ns"_a)
      .def("pause_all", &FenceWriter::pause_all, "paused"_a)
      .def("pause_strategy", &FenceWriter::pause_strategy, "strategy_id"_a, "paused"_a)
      .def("pause_instrument", &FenceWriter::pause_instrument, "instrument_id"_a, "paused"_a);
}

// By path and without numpy, whose import takes longer than everything else that `watchd ctl kill` does.
using VetoSeen = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t>;

VetoSeen read_veto(const std::string& path) {
  const OperatorVeto seen = read_operator_veto(Region::open(path, RegionKind::VETO));
  return {seen.reason, seen.uid, seen.pid, seen.set_ts_ns};
}

void set_veto(const std::string& path) {
  Region veto = Region::open_writable(path, RegionKind::VETO);
  std::timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const auto now_ns = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
  set_operator_veto(veto, ::getuid(), static_cast<std::uint64_t>(::getpid()), now_ns);
}

bool clear_veto(const std::string& path, const VetoSeen& seen) {
  Region veto = Region::open_writable(path, RegionKind::VETO);
  const auto& [reason, uid, pid, set_ts_ns] = seen;
  return clear_operator_veto(veto, OperatorVeto{reason, uid, pid, set_ts_ns});
}

void bind_veto(nb::module_& module) {
  module.def("read_operator_veto", &read_veto, "path"_a, "(reason or 0, uid, pid, set_ts_ns) of operator/veto.");
  module.def("set_operator_veto", &set_veto, "path"_a, "Sets operator/veto in the caller's name.");
  module.def("clear_operator_veto", &clear_veto, "path"_a, "seen"_a,
             "Takes back the veto that read_operator_veto showed; False when another came since.");
}

void construct_limits_writer(LimitsWriter* self, Region& limits) {
  require_kind(limits, {RegionKind::LIMITS});
  require_writable(limits);
  new (self) LimitsWriter(limits);
}

bool read_limits(const Region& limits, nb::handle out) {
  require_kind(limits, {RegionKind::LIMITS});
  schema::Limits page;
  if (!LimitsPage(limits).read(page)) return false;
  record_into(page, out);
  return true;
}

void bind_limits(nb::module_& module) {
  module.attr("LIMITS_INSTRUMENTS") = LIMITS_INSTRUMENTS;
  module.attr("LIMIT_NOT_SET") = LIMIT_NOT_SET;
  module.def("read_limits", &read_limits, "region"_a, "out"_a,
             "Copies one moment of watchd/limits; False when it never holds still or says nonsense.");
  nb::class_<LimitsWriter>(module, "LimitsWriter", "watchd's end of the limits (feedd/limits.hpp).")
      .def("__init__", &construct_limits_writer, "limits"_a, nb::keep_alive<1, 2>())
      .def_prop_ro("sequence", &LimitsWriter::sequence)
      .def(
          "write",
          [](LimitsWriter& self, nb::handle record) { return self.write(record_from<schema::Limits>(record)); },
          "record"_a);
}

void construct_commands_writer(CommandsWriter* self, Region& commands) {
  require_kind(commands, {RegionKind::COMMANDS});
  require_writable(commands);
  new (self) CommandsWriter(commands);
}

struct CommandsReader {
  CommandsView view;
};

void construct_commands_reader(CommandsReader* self, const Region& commands) {
  require_kind(commands, {RegionKind::COMMANDS});
  new (self) CommandsReader;
  self->view.set_region(commands);
}

std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, bool> take_command(CommandsReader& self) {
  const CancelRequest request = self.view.take();
  return {request.ticket, static_cast<std::uint64_t>(request.scope), request.subject, request.close_positions};
}

void bind_commands(nb::module_& module) {
  nb::class_<CommandsWriter>(module, "CommandsWriter", "watchd's end of the commands (feedd/commands.hpp).")
      .def("__init__", &construct_commands_writer, "commands"_a, nb::keep_alive<1, 2>())
      .def(
          "cancel",
          [](CommandsWriter& self, std::uint64_t scope, std::uint64_t subject, bool close_positions) {
            return self.cancel(static_cast<schema::CommandScope>(scope), subject, close_positions);
          },
          "scope"_a, "subject"_a = 0, "close_positions"_a = false,
          "Asks the gateway to cancel; the ticket, obeyed once gateway.state's cancel_all_done is that or more.");
  nb::class_<CommandsReader>(module, "CommandsReader", "The gateway's end of the commands, for stand-ins and tests.")
      .def("__init__", &construct_commands_reader, "commands"_a, nb::keep_alive<1, 2>())
      .def("take", &take_command,
           "(ticket, scope, subject, close positions) of what was asked since the last call; ticket 0: nothing.");
}

void bind_progress(nb::module_& module) {
  nb::class_<ProgressWriter>(module, "ProgressWriter", "A hot loop's own progress (feedd/progress.hpp).")
      .def("__init__", &construct_progress_writer, "progress"_a, "loop"_a, nb::keep_alive<1, 2>())
      .def("round", &ProgressWriter::round, "consumed"_a, "produced"_a, "lag_records"_a)
      .def("idle_round", &ProgressWriter::idle_round)
      .def(
          "enter",
          [](ProgressWriter& self, std::uint8_t state) {
            self.enter(static_cast<schema::LoopState>(state), monotonic_ns());
          },
          "state"_a)
      .def("set_thread_id", &ProgressWriter::set_thread_id, "thread_id"_a)
      .def_prop_ro("address", [](const ProgressWriter& self) { return reinterpret_cast<std::uintptr_t>(&self); });
}

}  // namespace

void bind_control(nb::module_& module) {
  bind_fence(module);
  bind_veto(module);
  bind_limits(module);
  bind_commands(module);
  bind_progress(module);
}

}  // namespace hft::python
