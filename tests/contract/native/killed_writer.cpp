// A writer that is killed at every point of what it does, by single steps of ptrace.
//
//   contract_killed_writer publish DIRECTORY two_phase|without_busy   at every instruction of one publish
//   contract_killed_writer create DIRECTORY                           at every system call of Region::create
//
// One line of JSON: what was met on the way, and what must be 0 (torn, stuck, wrong).
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>

#include "feedd/region.hpp"
#include "variants.hpp"

namespace hft::contract {
namespace {

constexpr std::uint64_t CAPACITY_RECORDS = 8;
constexpr std::uint64_t PUBLISHED = 12;  // more than a lap: the next publish overwrites record 5

// Runs `action` in a traced child and kills it after `steps` stops of `request`. False: it had ended before.
bool killed_after(std::uint64_t steps, __ptrace_request request, const std::function<void()>& action) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::raise(SIGSTOP);
    action();
    ::raise(SIGSTOP);  // tells the tracer that the action is over
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  bool over = false;
  for (std::uint64_t i = 0; i < steps && !over; ++i) {
    ::ptrace(request, child, nullptr, nullptr);
    ::waitpid(child, &status, 0);
    over = !WIFSTOPPED(status) || WSTOPSIG(status) == SIGSTOP;
  }
  ::kill(child, SIGKILL);
  if (WIFSTOPPED(status)) ::waitpid(child, &status, 0);
  return !over;
}

struct PublishResult {
  std::uint64_t kills = 0;
  // what the slot and the head said when the writer was dead
  std::uint64_t untouched = 0, busy = 0, numbered = 0, head_moved = 0;
  std::uint64_t torn = 0, stuck = 0, miscounted = 0;
};

// Everything from the oldest record on; the accounting must add up, and it must end.
void read_as_late_joiner(const Region& region, PublishResult& result) {
  RingReader reader(region, 0);
  std::uint64_t consumed = 0;
  int empty = 0;
  for (int polls = 0; polls < 100 && empty < 2; ++polls) {
    const Grant grant = reader.poll(CAPACITY_RECORDS);
    empty = grant.count == 0 ? empty + 1 : 0;
    std::uint64_t broken = 0;
    for (std::uint64_t i = 0; i < grant.count; ++i) {
      broken += !is_whole(reader.slot_of(grant.first_sequence + i), grant.first_sequence + i);
    }
    if (!reader.validate(grant)) continue;
    result.torn += broken;
    consumed += grant.count;
    reader.advance(grant.count);
  }
  result.stuck += reader.cursor() < reader.head();
  result.miscounted += consumed + reader.lost_records() != reader.cursor();
}

template <class Writer>
bool publish_killed_after(std::uint64_t steps, const std::string& path, PublishResult& result) {
  Region region = make_ring(path, CAPACITY_RECORDS);
  {
    GoodWriter writer(region);
    for (std::uint64_t sequence = 1; sequence <= PUBLISHED; ++sequence) writer.publish(record_of(sequence));
  }
  const Region view = Region::open(path, schema::RegionKind::MARKET_RING);
  RingReader holder(view, PUBLISHED - CAPACITY_RECORDS);  // granted 5 … 8, the first about to be overwritten
  const Grant held = holder.poll(4);
  RingReader waiter(view, PUBLISHED);

  const Record record = record_of(PUBLISHED + 1);
  const bool killed = killed_after(steps, PTRACE_SINGLESTEP, [&region, &record] { Writer(region).publish(record); });
  ++result.kills;

  const std::uint64_t control = control_word(*holder.slot_of(PUBLISHED + 1)).load(std::memory_order_acquire);
  if (waiter.head() == PUBLISHED + 1) {
    ++result.head_moved;
  } else if (control == PUBLISHED + 1) {
    ++result.numbered;
  } else if (control == (SLOT_BUSY | (PUBLISHED + 1))) {
    ++result.busy;
  } else {
    ++result.untouched;
  }

  std::uint64_t broken = 0;
  for (std::uint64_t i = 0; i < held.count; ++i) {
    broken += !is_whole(holder.slot_of(held.first_sequence + i), held.first_sequence + i);
  }
  if (holder.validate(held)) result.torn += broken;
  const Grant news = waiter.poll(1);
  if (news.count == 1) result.torn += !is_whole(waiter.slot_of(PUBLISHED + 1), PUBLISHED + 1);
  read_as_late_joiner(view, result);

  // The next generation: everybody who waits on the dead one is told, and goes on.
  Region next = make_ring(path, CAPACITY_RECORDS);
  GoodWriter(next).publish(record_of(1));
  const Region reopened = Region::open(path, schema::RegionKind::MARKET_RING);
  RingReader again(reopened, 0);
  result.stuck += !view.retired() || reopened.generation() == view.generation() || again.poll(8).count != 1;
  return killed;
}

template <class Writer>
int publish(const std::string& directory) {
  PublishResult result;
  for (std::uint64_t steps = 0; publish_killed_after<Writer>(steps, directory + "/ring", result); ++steps) {
  }
  std::printf(
      "{\"kills\": %lu, \"untouched\": %lu, \"busy\": %lu, \"numbered\": %lu, \"head_moved\": %lu, "
      "\"torn\": %lu, \"stuck\": %lu, \"miscounted\": %lu}\n",
      result.kills, result.untouched, result.busy, result.numbered, result.head_moved, result.torn, result.stuck,
      result.miscounted);
  return 0;
}

struct CreateResult {
  std::uint64_t kills = 0;
  std::uint64_t old_generation = 0, new_generation = 0, left_temporaries = 0;
  std::uint64_t stuck = 0, wrong = 0;
};

std::size_t files_in(const std::filesystem::path& directory) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory), {}));
}

bool create_killed_after(std::uint64_t stops, const std::string& directory, CreateResult& result) {
  const std::string path = directory + "/ring";
  Region old = make_ring(path, CAPACITY_RECORDS);
  GoodWriter(old).publish(record_of(1));
  const Region view = Region::open(path, schema::RegionKind::MARKET_RING);
  const bool killed = killed_after(stops, PTRACE_SYSCALL, [&directory, &path] {
    const DaemonLock lock(directory);
    const Region made = make_ring(path, 2 * CAPACITY_RECORDS);
  });
  ++result.kills;

  const Region found = Region::open(path, schema::RegionKind::MARKET_RING);
  RingReader reader(found, 0);
  if (found.generation() == view.generation()) {
    ++result.old_generation;
    result.wrong += reader.poll(8).count != 1 || !is_whole(reader.slot_of(1), 1);
  } else {
    ++result.new_generation;
    result.wrong += found.capacity_records() != 2 * CAPACITY_RECORDS || reader.poll(8).count != 0;
    result.stuck += !view.retired();
  }

  // The restarted writer gets the lock, clears the remains, and everybody finds it.
  result.left_temporaries += files_in(directory) > 2;
  const DaemonLock lock(directory);
  result.wrong += files_in(directory) != 2;
  Region next = make_ring(path, CAPACITY_RECORDS);
  GoodWriter(next).publish(record_of(1));
  const Region reopened = Region::open(path, schema::RegionKind::MARKET_RING);
  result.stuck += !view.retired() || reopened.generation() != next.generation();
  return killed;
}

int create(const std::string& directory) {
  { const DaemonLock lock(directory); }  // makes the lock's file
  CreateResult result;
  for (std::uint64_t stops = 0; create_killed_after(stops, directory, result); ++stops) {
  }
  std::printf(
      "{\"kills\": %lu, \"old_generation\": %lu, \"new_generation\": %lu, \"left_temporaries\": %lu, "
      "\"stuck\": %lu, \"wrong\": %lu}\n",
      result.kills, result.old_generation, result.new_generation, result.left_temporaries, result.stuck, result.wrong);
  return 0;
}

}  // namespace
}  // namespace hft::contract

int main(int argc, char** argv) {
  using namespace hft::contract;
  const std::string command = argc > 1 ? argv[1] : "";
  if (command == "publish" && argc == 4) {
    return std::string(argv[3]) == "two_phase" ? publish<GoodWriter>(argv[2]) : publish<WriterWithoutBusy>(argv[2]);
  }
  if (command == "create" && argc == 3) return create(argv[2]);
  std::fputs("see the head of killed_writer.cpp\n", stderr);
  return 2;
}
