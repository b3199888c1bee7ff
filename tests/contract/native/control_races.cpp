// Fence and progress under a writer that never rests, each look held against what the writer really did.
//
//   contract_control_races fence SECONDS            the gateway's look; one JSON object on stdout
//   contract_control_races fence_one_look SECONDS   the same without its second look at the token: must find lapses
//   contract_control_races progress SECONDS
//
// The writer opens an epoch, renews its lease, closes, and opens the next, as quickly as it can. The lease is always
// current while the token is there, so a look that sees a token with a lease that is over has mixed two moments: in
// the gateway that would latch an epoch of which nobody missed a renewal. Also run under ThreadSanitizer.
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "feedd/clock.hpp"
#include "feedd/progress.hpp"
#include "gateway/fence_check.hpp"

namespace hft::contract {
namespace {

using feedd::FenceSnapshot;

constexpr std::uint64_t LEASE_NS = 1'000'000'000;
constexpr std::uint64_t FEEDD = 11;
constexpr std::uint64_t INTENTS = 22;

struct Seen {
  std::uint64_t looks = 0, open = 0, closed = 0, lapsed = 0, mixed = 0;
};

// Reader and writer on cores of their own, where there are two: on one core they would see each other between slices.
void pin(std::size_t place) noexcept {
  cpu_set_t allowed;
  ::sched_getaffinity(0, sizeof allowed, &allowed);
  for (std::size_t core = 0, found = 0; core < CPU_SETSIZE; ++core) {
    if (!CPU_ISSET(core, &allowed) || found++ != place) continue;
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(core, &only);
    ::pthread_setaffinity_np(::pthread_self(), sizeof only, &only);
    return;
  }
}

Region make(const std::string& path, schema::RegionKind kind, std::size_t record_bytes) {
  RegionOptions options;
  options.path = path;
  options.kind = kind;
  options.capacity_records = 1;
  options.record_bytes = static_cast<std::uint32_t>(record_bytes);
  return Region::create(options);
}

FenceSnapshot one_look(const FenceView& fence) noexcept {
  FenceSnapshot seen;
  seen.token = fence.token();
  seen.epoch = fence.epoch();
  seen.lease_deadline_ns = fence.lease_deadline_ns();
  return seen;
}

void write_fence(Region& region, const std::atomic<bool>& end) {
  pin(1);
  FenceWriter writer(region);
  for (std::uint64_t epoch = 1; !end.load(std::memory_order_relaxed); ++epoch) {
    writer.open(epoch, fence_token(epoch, FEEDD, INTENTS), monotonic_ns() + LEASE_NS);
    for (int i = 0; i < 3; ++i) writer.renew(monotonic_ns() + LEASE_NS);
    writer.close(static_cast<std::uint64_t>(schema::CloseReason::DISARMED), monotonic_ns());
  }
}

template <class Look>
Seen watch_fence(const std::string& directory, double seconds, Look look) {
  Region region = make(directory + "/fence", schema::RegionKind::FENCE, sizeof(schema::Fence));
  std::atomic<bool> end{false};
  std::thread writing([&] { write_fence(region, end); });
  pin(0);
  const FenceView fence(region);
  const std::uint64_t end_ns = monotonic_ns() + static_cast<std::uint64_t>(seconds * 1e9);
  Seen seen;
  for (std::uint64_t now_ns = 0; (now_ns = monotonic_ns()) < end_ns; ++seen.looks) {
    FenceSnapshot snapshot = look(fence);
    snapshot.token_of_ours = fence_token(snapshot.epoch, FEEDD, INTENTS);
    snapshot.operator_veto = 0;
    switch (feedd::fence_refusal(snapshot, now_ns)) {
      case schema::RefusalReason::NONE: ++seen.open; break;
      case schema::RefusalReason::FENCE_CLOSED: ++seen.closed; break;
      case schema::RefusalReason::LEASE_LAPSED: ++seen.lapsed; break;
      default: ++seen.mixed; break;  // an epoch that is not the token's
    }
  }
  end.store(true);
  writing.join();
  return seen;
}

// A round's words are stored before it is counted, so whoever sees the count sees at least what the round did.
Seen watch_progress(const std::string& directory, double seconds) {
  Region region = make(directory + "/progress", schema::RegionKind::PROGRESS, sizeof(schema::LoopProgress));
  std::atomic<bool> end{false};
  std::thread writing([&] {
    pin(1);
    ProgressWriter writer(region, 0);
    writer.set_thread_id(1);
    writer.enter(schema::LoopState::READY, monotonic_ns());
    for (std::uint64_t round = 1; !end.load(std::memory_order_relaxed); ++round) writer.round(round, 2 * round, 3);
  });
  pin(0);
  const ProgressView progress(region, 0);
  const std::uint64_t end_ns = monotonic_ns() + static_cast<std::uint64_t>(seconds * 1e9);
  Seen seen;
  for (std::uint64_t before = 0; monotonic_ns() < end_ns; ++seen.looks) {
    const std::uint64_t rounds = progress.word(ProgressWriter::ITERATIONS);
    const bool whole = progress.word(ProgressWriter::CONSUMED) >= rounds &&
                       progress.word(ProgressWriter::PRODUCED) >= 2 * rounds && rounds >= before;
    seen.open += rounds != before;
    seen.mixed += !whole;
    before = rounds;
  }
  end.store(true);
  writing.join();
  return seen;
}

Seen run(const std::string& mode, const std::string& directory, double seconds) {
  if (mode == "fence") return watch_fence(directory, seconds, feedd::snapshot_of);
  if (mode == "fence_one_look") return watch_fence(directory, seconds, one_look);
  if (mode == "progress") return watch_progress(directory, seconds);
  std::fputs("see the head of control_races.cpp\n", stderr);
  return {};
}

}  // namespace
}  // namespace hft::contract

int main(int argc, char** argv) {
  std::string directory = "/dev/shm/hft-control-races.XXXXXX";
  if (argc != 3 || ::mkdtemp(directory.data()) == nullptr) return 2;
  const auto seen = hft::contract::run(argv[1], directory, std::atof(argv[2]));
  std::filesystem::remove_all(directory);
  std::printf("{\"looks\": %lu, \"open\": %lu, \"closed\": %lu, \"lapsed\": %lu, \"mixed\": %lu}\n", seen.looks,
              seen.open, seen.closed, seen.lapsed, seen.mixed);
  return seen.looks > 0 ? 0 : 2;
}
