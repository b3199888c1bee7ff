// The gateway's tables for Python: every entry seqlocked by its first word, as the board's are (feedd/board.hpp).
#include <nanobind/nanobind.h>

#include "feedd/region.hpp"
#include "feedd/slot.hpp"
#include "python/bindings.hpp"
#include "python/handles.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace hft::python {
namespace {

constexpr unsigned ATTEMPTS_MAX = 1000;

// Copies one consistent entry; false after ATTEMPTS_MAX tries that met the writer.
bool read_entry(const std::uint64_t* entry, std::size_t words, std::uint64_t* out) noexcept {
  for (unsigned attempt = 0; attempt < ATTEMPTS_MAX; ++attempt) {
    out[0] = control_word(entry[0]).load(std::memory_order_acquire);  // pairs with the writer's last store
    if (out[0] & 1) continue;
    for (std::size_t i = 1; i < words; ++i) out[i] = control_word(entry[i]).load(std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_acquire);  // pairs with the writer's release fence after BUSY
    if (control_word(entry[0]).load(std::memory_order_relaxed) == out[0]) return true;
  }
  return false;
}

bool read_entries(const Region& region, std::uint64_t first, nb::handle out) {
  require_kind(region, {schema::RegionKind::GATEWAY_POSITIONS, schema::RegionKind::GATEWAY_ORDERS});
  const Buffer buffer(out, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS);
  const std::size_t entry_bytes = region.header().record_bytes();
  const std::size_t count = buffer.size_bytes() / entry_bytes;
  if (buffer.size_bytes() % entry_bytes != 0) throw nb::value_error("room for whole entries expected");
  if (first > region.capacity_records() || count > region.capacity_records() - first) {
    throw nb::index_error("entries beyond the region's capacity");
  }
  const std::size_t words = entry_bytes / sizeof(std::uint64_t);
  const auto* entry = reinterpret_cast<const std::uint64_t*>(region.records()) + first * words;
  auto* to = reinterpret_cast<std::uint64_t*>(buffer.data());
  for (std::size_t i = 0; i < count; ++i, entry += words, to += words) {
    if (!read_entry(entry, words, to)) return false;
  }
  return true;
}

}  // namespace

void bind_entries(nb::module_& module) {
  module.def("read_entries", &read_entries, "region"_a, "first"_a, "out"_a,
             "Copies entries of gateway.positions or gateway.orders from `first` on, each consistent in itself; False "
             "when the writer would not let one be read.");
}

}  // namespace hft::python
