// Two threads on one mapping, for ThreadSanitizer (which does not see across processes, nor model fences:
// what it proves is that no payload access is a data race by the rules of C++).
//
//   contract_races ring|ring_plain|queue|board|stats
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>

#include "feedd/board.hpp"
#include "feedd/queue.hpp"
#include "feedd/stats.hpp"
#include "variants.hpp"

namespace hft::contract {
namespace {

constexpr std::uint64_t ROUNDS = 20'000;

template <class Writer>
std::uint64_t ring(const std::string& directory) {
  Region region = make_ring(directory + "/ring", 16);
  std::thread writing([&region] {
    Writer writer(region);
    for (std::uint64_t sequence = 1; sequence <= ROUNDS; ++sequence) writer.publish(record_of(sequence));
  });
  RingReader reader(region, 0);
  std::uint64_t seen = 0;
  while (reader.cursor() < ROUNDS) {
    const Grant grant = reader.poll(16);
    Record record;
    for (std::uint64_t i = 0; i < grant.count; ++i) {
      seen += read_slot(reader.slot_of(grant.first_sequence + i), grant.first_sequence + i, record);
    }
    if (reader.validate(grant)) reader.advance(grant.count);
  }
  writing.join();
  return seen;
}

std::uint64_t queue(const std::string& directory) {
  RegionOptions options;
  options.path = directory + "/intents";
  options.kind = schema::RegionKind::INTENTS_RING;
  options.capacity_records = 16;
  options.record_bytes = sizeof(schema::OrderIntent);
  Region intents = Region::create(options);
  options.path = directory + "/state";
  options.kind = schema::RegionKind::GATEWAY_STATE;
  options.capacity_records = 1;
  options.record_bytes = sizeof(schema::GatewayState);
  const Region state = Region::create(options);
  auto& words = *reinterpret_cast<schema::GatewayState*>(state.records());
  std::thread producing([&] {
    IntentProducer producer(intents, words);
    for (std::uint64_t pushed = 0; pushed < ROUNDS;) {
      if (producer.push({}) == PushResult::PUSHED) {
        ++pushed;
      } else {
        std::this_thread::yield();
      }
    }
  });
  IntentConsumer consumer(words);
  consumer.attach(intents);
  schema::OrderIntent out;
  while (consumer.cursor() < ROUNDS) {
    if (consumer.pop(out)) {
      consumer.commit();
    } else {
      std::this_thread::yield();
    }
  }
  producing.join();
  return consumer.cursor();
}

std::uint64_t board(const std::string& directory) {
  RegionOptions options;
  options.path = directory + "/board";
  options.kind = schema::RegionKind::MARKET_BOARD;
  options.capacity_records = 1;
  options.record_bytes = sizeof(schema::BoardEntry);
  Region region = Region::create(options);
  std::thread writing([&region] {
    BoardWriter writer(region);
    schema::BoardEntry entry;
    for (std::uint64_t i = 1; i <= ROUNDS; ++i) {
      entry.mutate_sequence(i);
      writer.write(0, entry);
    }
  });
  std::uint64_t seen = 0;
  schema::BoardEntry entry;
  while (entry.sequence() < ROUNDS) seen += read_board_entry(region, 0, entry);
  writing.join();
  return seen;
}

std::uint64_t stats(const std::string& directory) {
  StatsBuilder builder;
  const std::size_t count = builder.counter("rounds_total", "rounds", 0);
  const std::size_t latency = builder.histogram("latency_ns", "ns", 0);
  RegionOptions options;
  options.path = directory + "/stats";
  const Region region = builder.create(options);
  std::thread writing([&] {
    Counter counter = stat_counter(region, count);
    Histogram histogram = stat_histogram(region, latency);
    for (std::uint64_t i = 0; i < ROUNDS; ++i) {
      histogram.record(i);
      counter.add();
    }
  });
  const Counter counter = stat_counter(region, count);
  while (counter.value() < ROUNDS) std::this_thread::yield();
  writing.join();
  return counter.value();
}

std::uint64_t run(const std::string& mode, const std::string& directory) {
  if (mode == "ring") return ring<GoodWriter>(directory);
  if (mode == "ring_plain") return ring<PlainWriter>(directory);
  if (mode == "queue") return queue(directory);
  if (mode == "board") return board(directory);
  if (mode == "stats") return stats(directory);
  std::fputs("see the head of races.cpp\n", stderr);
  return 0;
}

}  // namespace
}  // namespace hft::contract

int main(int argc, char** argv) {
  std::string directory = "/dev/shm/hft-races.XXXXXX";
  if (argc != 2 || ::mkdtemp(directory.data()) == nullptr) return 2;
  const std::uint64_t done = hft::contract::run(argv[1], directory);
  std::filesystem::remove_all(directory);
  std::printf("{\"done\": %lu}\n", done);
  return done > 0 ? 0 : 2;
}
