// A writer and a reader in two processes; the reader is lapped all the time.
//
//   contract_torn_reads write PATH CAPACITY two_phase|without_busy    until killed, or its parent dies
//   contract_torn_reads read PATH LAPS SECONDS                        one line of JSON
#include <sys/prctl.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "feedd/clock.hpp"
#include "variants.hpp"

namespace hft::contract {
namespace {

// Bursts up to four laps long with pauses between them: a reader is sometimes overtaken and sometimes not.
template <class Writer>
[[noreturn]] void write_for_ever(const std::string& path, std::uint64_t capacity_records) {
  Region region = make_ring(path, capacity_records);
  Writer writer(region);
  std::puts("ready");
  std::fflush(stdout);
  std::uint64_t random = 88172645463325252ull;
  for (std::uint64_t sequence = 1;;) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    for (std::uint64_t left = random % (4 * capacity_records); left != 0; --left, ++sequence) {
      writer.publish(record_of(sequence));
    }
    for (std::uint64_t pause = (random >> 32) % 256; pause != 0; --pause) asm volatile("pause");
  }
}

int read(const std::string& path, std::uint64_t laps_min, double seconds_max) {
  const Region region = Region::open(path, schema::RegionKind::MARKET_RING);
  const std::uint64_t capacity = region.capacity_records();
  RingReader reader(region, 0);
  const std::uint64_t begin = reader.head();
  const std::uint64_t end_ns = monotonic_ns() + static_cast<std::uint64_t>(seconds_max * 1e9);
  std::uint64_t accepted = 0, overtaken = 0, torn = 0, laps = 0;
  for (std::uint64_t round = 0; (laps < laps_min || overtaken < 100 || accepted < 1000) && monotonic_ns() < end_ns;
       ++round) {
    // Every other time at the oldest record, right in front of the writer.
    const std::uint64_t head = reader.head();
    if (round % 2 == 0 && head > capacity) reader.seek(head - capacity);
    const Grant grant = reader.poll(capacity);
    std::uint64_t broken = 0;
    for (std::uint64_t i = 0; i < grant.count; ++i) {
      const std::uint64_t sequence = grant.first_sequence + i;
      broken += !is_whole(reader.slot_of(sequence), sequence);
    }
    if (reader.validate(grant)) {
      accepted += grant.count;
      torn += broken;
      reader.advance(grant.count);
    } else {
      ++overtaken;
    }
    laps = (reader.head() - begin) / capacity;
  }
  std::printf("{\"laps\": %lu, \"accepted\": %lu, \"overtaken\": %lu, \"lost\": %lu, \"torn\": %lu}\n", laps, accepted,
              overtaken, reader.lost_records(), torn);
  return 0;
}

}  // namespace
}  // namespace hft::contract

int main(int argc, char** argv) {
  using namespace hft::contract;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const std::string command = argc > 1 ? argv[1] : "";
  if (command == "write" && argc == 5) {
    const std::uint64_t capacity_records = std::strtoull(argv[3], nullptr, 10);
    if (std::string(argv[4]) == "without_busy") write_for_ever<WriterWithoutBusy>(argv[2], capacity_records);
    write_for_ever<GoodWriter>(argv[2], capacity_records);
  }
  if (command == "read" && argc == 5) return read(argv[2], std::strtoull(argv[3], nullptr, 10), std::atof(argv[4]));
  std::fputs("see the head of torn_reads.cpp\n", stderr);
  return 2;
}
