// The native half of `hft jitter`: threads that do nothing but read the clock, one a core. What comes between two
// readings was somebody else: an interrupt, another thread, the firmware, a hypervisor.
#include <nanobind/nanobind.h>
#include <nanobind/stl/vector.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "feedd/clock.hpp"
#include "feedd/stats.hpp"
#include "python/bindings.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace hft::python {
namespace {

struct CoreGaps {
  int core = -1;
  int error = 0;  // errno of the attempt to get onto the core; 0 = it ran there
  std::uint64_t duration_ns = 0;
  std::uint64_t gaps = 0;
  std::uint64_t longest_ns = 0;
  std::uint64_t longest_at_ns = 0;     // since the start
  std::uint64_t interruptions = 0;     // gaps of at least the threshold
  std::uint64_t interrupted_ns = 0;    // their sum
  std::vector<std::uint64_t> buckets;  // all gaps, as feedd/stats.hpp counts
};

int pin(int core) noexcept {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(static_cast<std::size_t>(core), &cores);
  return ::pthread_setaffinity_np(::pthread_self(), sizeof cores, &cores);
}

void watch(CoreGaps& out, std::uint64_t duration_ns, std::uint64_t threshold_ns, const std::atomic<bool>& stop) {
  const std::uint64_t begin_ns = monotonic_ns();
  std::uint64_t last_ns = begin_ns;
  while (last_ns - begin_ns < duration_ns && !stop.load(std::memory_order_relaxed)) {
    const std::uint64_t now_ns = monotonic_ns();
    const std::uint64_t gap_ns = now_ns - last_ns;
    ++out.buckets[histogram_bucket(gap_ns)];
    ++out.gaps;
    if (gap_ns >= threshold_ns) {
      ++out.interruptions;
      out.interrupted_ns += gap_ns;
    }
    if (gap_ns > out.longest_ns) {
      out.longest_ns = gap_ns;
      out.longest_at_ns = last_ns - begin_ns;
    }
    last_ns = now_ns;
  }
  out.duration_ns = last_ns - begin_ns;
}

// Waits for all threads to be where they belong before it lets them begin together. Looks for signals ten times a
// second, so that ctrl-C ends it.
std::vector<CoreGaps> measure_gaps(const std::vector<int>& cores, std::uint64_t duration_ns,
                                   std::uint64_t threshold_ns) {
  std::vector<CoreGaps> gaps(cores.size());
  for (std::size_t i = 0; i < cores.size(); ++i) {
    if (cores[i] < 0 || cores[i] >= CPU_SETSIZE) throw nb::value_error("no such core");
    gaps[i].core = cores[i];
    gaps[i].buckets.resize(HISTOGRAM_BUCKETS);
  }
  std::atomic<std::size_t> ready = 0;
  std::atomic<std::size_t> running = cores.size();
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (CoreGaps& own : gaps) {
    threads.emplace_back([&own, &ready, &running, &stop, duration_ns, threshold_ns, all = cores.size()] {
      own.error = pin(own.core);
      ++ready;
      while (ready.load() != all) std::this_thread::sleep_for(std::chrono::microseconds(100));
      if (own.error == 0) watch(own, duration_ns, threshold_ns, stop);
      --running;
    });
  }
  bool interrupted = false;
  while (running.load() != 0) {
    {
      nb::gil_scoped_release others;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    if (!interrupted && PyErr_CheckSignals() != 0) stop = interrupted = true;
  }
  for (std::thread& thread : threads) thread.join();
  if (interrupted) throw nb::python_error();
  return gaps;
}

}  // namespace

void bind_jitter(nb::module_& module) {
  nb::class_<CoreGaps>(module, "CoreGaps")
      .def_ro("core", &CoreGaps::core)
      .def_ro("error", &CoreGaps::error)
      .def_ro("duration_ns", &CoreGaps::duration_ns)
      .def_ro("gaps", &CoreGaps::gaps)
      .def_ro("longest_ns", &CoreGaps::longest_ns)
      .def_ro("longest_at_ns", &CoreGaps::longest_at_ns)
      .def_ro("interruptions", &CoreGaps::interruptions)
      .def_ro("interrupted_ns", &CoreGaps::interrupted_ns)
      .def_ro("buckets", &CoreGaps::buckets);
  module.def("measure_gaps", &measure_gaps, "cores"_a, "duration_ns"_a, "threshold_ns"_a);
}

}  // namespace hft::python
