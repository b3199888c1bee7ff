// The native halves of `hft bench ring`: a paced writer and the bare cache-line transfer it is compared with.
#include <nanobind/nanobind.h>
#include <nanobind/stl/vector.h>
#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "feedd/clock.hpp"
#include "feedd/ring.hpp"
#include "python/bindings.hpp"
#include "python/handles.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace hft::python {
namespace {

void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Spins for an interval before each event, so that its reader has long been waiting for it; a writer that was
// preempted goes on at its pace and does not catch up.
void publish_paced(RingWriterHandle& handle, std::uint64_t count, std::uint64_t interval_ns) {
  RingWriter<RingRecord<128>>& writer = handle.of_128();
  schema::MarketEvent event;
  event.mutate_kind(schema::EventKind::TICK);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t due_ns = monotonic_ns() + interval_ns;
    std::uint64_t now_ns = 0;
    while ((now_ns = monotonic_ns()) < due_ns) pause();
    event.mutate_match_number(now_ns);
    event.mutate_publish_ts_ns(monotonic_ns());
    RingRecord<128> record;
    std::memcpy(&record, &event, sizeof record);
    writer.publish(record);
  }
}

void pin(int core) noexcept {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(static_cast<std::size_t>(core), &cores);
  ::pthread_setaffinity_np(::pthread_self(), sizeof cores, &cores);
}

// One-way times of a cache line between two cores: two threads take turns on one word. Each element is the
// mean of `rounds` round trips, halved.
std::vector<double> ping_pong(int core_a, int core_b, unsigned batches, unsigned rounds) {
  struct alignas(128) Line {
    std::atomic<std::uint64_t> turn = 0;
  } line;
  const std::uint64_t turns = 2ull * batches * rounds;
  std::vector<double> one_way_ns;
  one_way_ns.reserve(batches);
  std::thread second([&line, turns, core_b] {
    pin(core_b);
    for (std::uint64_t turn = 1; turn < turns; turn += 2) {
      while (line.turn.load(std::memory_order_acquire) != turn) {
      }
      line.turn.store(turn + 1, std::memory_order_release);
    }
  });
  std::thread first([&line, &one_way_ns, batches, rounds, core_a] {
    pin(core_a);
    std::uint64_t turn = 0;
    for (unsigned batch = 0; batch < batches; ++batch) {
      const std::uint64_t begin_ns = monotonic_ns();
      for (unsigned round = 0; round < rounds; ++round) {
        line.turn.store(++turn, std::memory_order_release);
        ++turn;
        while (line.turn.load(std::memory_order_acquire) != turn) {
        }
      }
      one_way_ns.push_back(static_cast<double>(monotonic_ns() - begin_ns) / (2.0 * rounds));
    }
  });
  first.join();
  second.join();
  return one_way_ns;
}

}  // namespace

void bind_bench(nb::module_& module) {
  module.def("publish_paced", &publish_paced, "writer"_a, "count"_a, "interval_ns"_a,
             nb::call_guard<nb::gil_scoped_release>());
  module.def("ping_pong", &ping_pong, "core_a"_a, "core_b"_a, "batches"_a, "rounds"_a,
             nb::call_guard<nb::gil_scoped_release>());
}

}  // namespace hft::python
