// Messages a second through feedd's market path on one thread, from packets in memory to records in shared memory.
//
//   itch_throughput FILE [--passes N] [--packet-bytes N] [--directory DIR]     one JSON object on stdout
//
//   walk      the framing alone: every block's length and type byte
//   decode    walk + type check + every field the normalizer uses, loaded and swapped
//   publish   sequencer + normalizer + books + market.ring + board flush after every packet
//
// FILE is length-prefixed ITCH, packed into MoldUDP64 packets beforehand. Each pass starts from empty books.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "feedd/clock.hpp"
#include "feedd/tsc_clock.hpp"
#include "protocol/sequencer.hpp"
#include "publish/normalizer.hpp"

namespace {

using namespace hft;
using namespace hft::feedd;

struct Options {
  std::string file;
  std::string directory = "/dev/shm";
  int passes = 5;
  std::size_t packet_bytes = 1400;
};

// All packets one behind the other, as they lay in a receive buffer.
struct Feed {
  std::vector<std::byte> bytes;
  std::vector<std::size_t> starts;  // of packets, and the end of the last
  std::uint64_t messages = 0;
  [[nodiscard]] std::size_t packets() const { return starts.size() - 1; }
  [[nodiscard]] Bytes packet(std::size_t index) const {
    return Bytes(bytes).subspan(starts[index], starts[index + 1] - starts[index]);
  }
};

Feed pack(const std::string& path, std::size_t packet_bytes) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "itch_throughput: can not read %s\n", path.c_str());
    std::exit(2);
  }
  const std::string raw{std::istreambuf_iterator<char>(file), {}};
  const Bytes all = std::as_bytes(std::span(raw));
  Feed feed;
  feed.bytes.reserve(all.size() + all.size() / 20);
  std::size_t offset = 0;
  while (offset + 2 <= all.size()) {
    feed.starts.push_back(feed.bytes.size());
    MoldHeader header{};
    header.session.raw = {'B', 'E', 'N', 'C', 'H', ' ', ' ', ' ', ' ', ' '};
    header.sequence.set(feed.messages + 1);
    std::uint16_t count = 0;
    std::size_t end = offset;
    while (end + 2 <= all.size()) {
      const std::size_t block = 2 + view_as<U16be>(all.subspan(end)).value();
      if (end + block > all.size() || sizeof header + (end - offset) + block > packet_bytes) break;
      end += block;
      ++count;
    }
    if (count == 0) break;
    header.count.set(count);
    const auto* head = reinterpret_cast<const std::byte*>(&header);
    feed.bytes.insert(feed.bytes.end(), head, head + sizeof header);
    feed.bytes.insert(feed.bytes.end(), all.begin() + static_cast<std::ptrdiff_t>(offset),
                      all.begin() + static_cast<std::ptrdiff_t>(end));
    feed.messages += count;
    offset = end;
  }
  feed.starts.push_back(feed.bytes.size());
  return feed;
}

// Calls visit(message) for every block of every packet.
template <class Visitor>
void for_each_message(const Feed& feed, Visitor visit) {
  for (std::size_t index = 0; index < feed.packets(); ++index) {
    const Bytes packet = feed.packet(index);
    std::size_t offset = sizeof(MoldHeader);
    while (offset < packet.size()) {
      const std::size_t length = view_as<U16be>(packet.subspan(offset)).value();
      visit(packet.subspan(offset + sizeof(U16be), length));
      offset += sizeof(U16be) + length;
    }
  }
}

std::uint64_t walk(const Feed& feed) {
  std::uint64_t sum = 0;
  for_each_message(feed, [&](Bytes message) { sum += static_cast<std::uint8_t>(message[0]) + message.size(); });
  return sum;
}

// What the normalizer reads of a message, reached the way it does: four branches, then a switch.
std::uint64_t fields_of(Bytes message) {
  const auto& prefix = view_as<itch50::Prefix>(message);
  const char type = prefix.type;
  std::uint64_t sum = prefix.stock_locate.value() + prefix.timestamp_ns.value();
  const auto of_add = [](const itch50::AddOrder& m) {
    return m.order_reference.value() + static_cast<std::uint8_t>(m.side) + m.shares.value() + m.price_e4.value();
  };
  const auto of_execution = [](const itch50::OrderExecuted& m) {
    return m.order_reference.value() + m.executed_shares.value() + m.match_number.value();
  };
  if (type == 'A') return sum + of_add(view_as<itch50::AddOrder>(message));
  if (type == 'D') return sum + view_as<itch50::OrderDelete>(message).order_reference.value();
  if (type == 'U') {
    const auto& m = view_as<itch50::OrderReplace>(message);
    return sum + m.original_reference.value() + m.new_reference.value() + m.shares.value() + m.price_e4.value();
  }
  if (type == 'E') return sum + of_execution(view_as<itch50::OrderExecuted>(message));
  switch (type) {
    case 'F': return sum + of_add(view_as<itch50::AddOrder>(message));
    case 'C': {
      const auto& m = view_as<itch50::OrderExecutedPriced>(message);
      return sum + of_execution(m.execution) + static_cast<std::uint8_t>(m.printable) + m.price_e4.value();
    }
    case 'X': {
      const auto& m = view_as<itch50::OrderCancel>(message);
      return sum + m.order_reference.value() + m.canceled_shares.value();
    }
    case 'P': {
      const auto& m = view_as<itch50::Trade>(message);
      return sum + m.order_reference.value() + static_cast<std::uint8_t>(m.side) + m.shares.value() +
             m.price_e4.value() + m.match_number.value();
    }
    default: return sum;
  }
}

std::uint64_t decode(const Feed& feed) {
  std::uint64_t sum = 0;
  for_each_message(feed, [&](Bytes message) {
    if (itch50::check(message) == itch50::MalformedMessage::NONE) sum += fields_of(message);
  });
  return sum;
}

struct Regions {
  Region ring;
  Region board;
};

Region make_region(const std::string& path, schema::RegionKind kind, std::uint64_t records, std::uint32_t bytes) {
  RegionOptions options;
  options.path = path;
  options.kind = kind;
  options.capacity_records = records;
  options.record_bytes = bytes;
  return Region::create(options);
}

Regions make_regions(const std::string& directory) {
  return {
      make_region(directory + "/market.ring", schema::RegionKind::MARKET_RING, 1 << 20, sizeof(schema::MarketEvent)),
      make_region(directory + "/market.board", schema::RegionKind::MARKET_BOARD, 16384, sizeof(schema::BoardEntry))};
}

struct Pass {
  double seconds;      // on the wall
  double cpu_seconds;  // of this thread: what a core of its own would take
  std::uint64_t check;
};

struct Stopwatch {
  std::uint64_t wall_ns = monotonic_ns();
  std::uint64_t cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  [[nodiscard]] Pass stop(std::uint64_t check) const {
    const std::uint64_t cpu_end_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    return {static_cast<double>(monotonic_ns() - wall_ns) * 1e-9, static_cast<double>(cpu_end_ns - cpu_ns) * 1e-9,
            check};
  }
};

Pass publish_pass(const Feed& feed, Regions& regions) {
  RingWriter<schema::MarketEvent> ring(regions.ring);
  BoardWriter board(regions.board);
  RingPublisher publisher(ring, board);
  TscClock clock;
  Normalizer<RingPublisher, TscClock> normalizer({}, publisher, clock);
  Sequencer sequencer({});
  const Stopwatch watch;
  for (std::size_t index = 0; index < feed.packets(); ++index) {
    sequencer.on_packet(feed.packet(index), Line::A, watch.wall_ns, watch.wall_ns, normalizer);
    normalizer.flush();
  }
  const Pass pass = watch.stop(normalizer.counters().events);
  return pass;
}

Pass timed(const std::function<std::uint64_t()>& work) {
  const Stopwatch watch;
  return watch.stop(work());
}

// The best pass by each clock.
void report(const char* name, const Feed& feed, const std::vector<Pass>& passes, bool last) {
  const auto best = [&](double Pass::*seconds) {
    return (*std::ranges::min_element(passes, {}, seconds)).*seconds / static_cast<double>(feed.messages);
  };
  const double wall = best(&Pass::seconds);
  const double cpu = best(&Pass::cpu_seconds);
  std::printf("\"%s\": {\"wall_ns\": %.3f, \"cpu_ns\": %.3f, \"messages_per_cpu_second\": %.0f}%s", name, wall * 1e9,
              cpu * 1e9, 1 / cpu, last ? "" : ", ");
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const char* const value = i + 1 < argc ? argv[i + 1] : nullptr;
    if (word == "--passes" && value != nullptr) {
      options.passes = std::max(1, std::atoi(argv[++i]));
    } else if (word == "--packet-bytes" && value != nullptr) {
      options.packet_bytes = static_cast<std::size_t>(std::atoi(argv[++i]));
    } else if (word == "--directory" && value != nullptr) {
      options.directory = argv[++i];
    } else if (!word.starts_with("--") && options.file.empty()) {
      options.file = word;
    } else {
      std::fprintf(stderr, "usage: itch_throughput FILE [--passes N] [--packet-bytes N] [--directory DIR]\n");
      std::exit(2);
    }
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  const Feed feed = pack(options.file, options.packet_bytes);
  if (feed.messages == 0) {
    std::fprintf(stderr, "itch_throughput: no messages in %s\n", options.file.c_str());
    return 2;
  }
  const std::string directory = options.directory + "/itch_throughput." + std::to_string(::getpid());
  std::filesystem::create_directory(directory);
  Regions regions = make_regions(directory);
  std::vector<Pass> walks, decodes, publishes;
  std::uint64_t check = 0;
  for (int pass = 0; pass < options.passes; ++pass) {
    const Pass walked = timed([&] { return walk(feed); });
    const Pass decoded = timed([&] { return decode(feed); });
    const Pass published = publish_pass(feed, regions);
    walks.push_back(walked);
    decodes.push_back(decoded);
    publishes.push_back(published);
    check += walked.check + decoded.check + published.check;
  }
  std::filesystem::remove_all(directory);
  std::printf("{\"file\": \"%s\", \"messages\": %lu, \"packets\": %zu, ", options.file.c_str(), feed.messages,
              feed.packets());
  report("walk", feed, walks, false);
  report("decode", feed, decodes, false);
  report("publish", feed, publishes, false);
  std::printf("\"check\": %lu}\n", check);
  return 0;
}
