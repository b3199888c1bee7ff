// One function a source file of this folder; module.cpp calls them.
#pragma once
#include <nanobind/nanobind.h>

namespace hft::python {

void bind_regions(nanobind::module_& module);
void bind_rings(nanobind::module_& module);
void bind_queue(nanobind::module_& module);
void bind_control(nanobind::module_& module);
void bind_watchd_link(nanobind::module_& module);
void bind_board(nanobind::module_& module);
void bind_entries(nanobind::module_& module);
void bind_snapshot(nanobind::module_& module);
void bind_stats(nanobind::module_& module);
void bind_compiled(nanobind::module_& module);
void bind_bench(nanobind::module_& module);
void bind_decode(nanobind::module_& module);
void bind_jitter(nanobind::module_& module);

}  // namespace hft::python
