// One function a source file of this folder; module.cpp calls them.
#pragma once
#include <nanobind/nanobind.h>

namespace hft::python {

void bind_regions(nanobind::module_& module);

}  // namespace hft::python
