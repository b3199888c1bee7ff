// C functions for compiled Python: the same operations as the Python objects, by handle address.
// Numba merges and hoists plain loads, so compiled loops touch control words only through these.
#include <nanobind/nanobind.h>

#include <cstring>

#include "feedd/clock.hpp"
#include "feedd/progress.hpp"
#include "feedd/stats.hpp"
#include "python/bindings.hpp"
#include "python/handles.hpp"

namespace nb = nanobind;

namespace {

using hft::python::RingReaderHandle;

RingReaderHandle& reader(std::uint64_t handle) noexcept { return *reinterpret_cast<RingReaderHandle*>(handle); }

extern "C" {

std::int64_t hft_ring_poll(std::uint64_t handle, std::int64_t count_max) noexcept {
  return reader(handle).poll(count_max);
}
std::int64_t hft_ring_start_index(std::uint64_t handle) noexcept { return reader(handle).start(); }
std::int32_t hft_ring_validate(std::uint64_t handle) noexcept { return reader(handle).validate() ? 1 : 0; }
std::int32_t hft_ring_advance(std::uint64_t handle, std::int64_t count) noexcept {
  return reader(handle).advance(count) ? 1 : 0;
}
std::uint64_t hft_ring_cursor(std::uint64_t handle) noexcept { return reader(handle).ring.cursor(); }
std::uint64_t hft_ring_lost(std::uint64_t handle) noexcept { return reader(handle).ring.lost_records(); }
std::uint64_t hft_ring_lag(std::uint64_t handle) noexcept { return reader(handle).ring.lag_records(); }
std::uint64_t hft_monotonic_ns() noexcept { return hft::monotonic_ns(); }

std::int32_t hft_intent_push(std::uint64_t handle, std::uint64_t intent_address) noexcept {
  hft::schema::OrderIntent intent;
  std::memcpy(static_cast<void*>(&intent), reinterpret_cast<const void*>(intent_address), sizeof intent);
  return static_cast<std::int32_t>(reinterpret_cast<hft::IntentProducer*>(handle)->push(intent));
}

std::uint64_t hft_ring_publish(std::uint64_t handle, std::uint64_t record_address) noexcept {
  return reinterpret_cast<hft::python::RingWriterHandle*>(handle)->publish(
      reinterpret_cast<const void*>(record_address));
}

void hft_histogram_record(std::uint64_t value_address, std::uint64_t value) noexcept {
  hft::Histogram(reinterpret_cast<std::uint64_t*>(value_address)).record(value);
}

// A control word of a mapped region (the fence's epoch, say), with acquire.
std::uint64_t hft_load_word(std::uint64_t address) noexcept {
  return hft::control_word(*reinterpret_cast<const std::uint64_t*>(address)).load(std::memory_order_acquire);
}

void hft_progress_round(std::uint64_t handle, std::uint64_t consumed, std::uint64_t produced,
                        std::uint64_t lag_records) noexcept {
  reinterpret_cast<hft::ProgressWriter*>(handle)->round(consumed, produced, lag_records);
}

}  // extern "C"

template <class Function>
std::uintptr_t address_of(Function* function) noexcept {
  return reinterpret_cast<std::uintptr_t>(function);
}

nb::dict c_functions() {
  nb::dict out;
  out["ring_poll"] = address_of(&hft_ring_poll);
  out["ring_start_index"] = address_of(&hft_ring_start_index);
  out["ring_validate"] = address_of(&hft_ring_validate);
  out["ring_advance"] = address_of(&hft_ring_advance);
  out["ring_cursor"] = address_of(&hft_ring_cursor);
  out["ring_lost"] = address_of(&hft_ring_lost);
  out["ring_lag"] = address_of(&hft_ring_lag);
  out["monotonic_ns"] = address_of(&hft_monotonic_ns);
  out["intent_push"] = address_of(&hft_intent_push);
  out["ring_publish"] = address_of(&hft_ring_publish);
  out["histogram_record"] = address_of(&hft_histogram_record);
  out["load_word"] = address_of(&hft_load_word);
  out["progress_round"] = address_of(&hft_progress_round);
  return out;
}

}  // namespace

void hft::python::bind_compiled(nb::module_& module) {
  module.def("c_functions", &c_functions, "Addresses of the C functions, by name (hft/compiled.py types them).");
}
