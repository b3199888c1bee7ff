#include "runtime/regions.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace hft::feedd {

namespace {

Region make(const std::string& path, schema::RegionKind kind, std::uint64_t records, std::size_t record_bytes,
            const Config& config, std::uint64_t peer_generation = 0) {
  RegionOptions options;
  options.path = path;
  options.kind = kind;
  options.capacity_records = records;
  options.record_bytes = static_cast<std::uint32_t>(record_bytes);
  options.peer_generation = peer_generation;
  options.require_huge_pages = config.run.require_huge_pages;
  return Region::create(options);
}

Region make_stats(const std::string& path, const Config& config, StatsRegistry& registry) {
  RegionOptions options;
  options.path = path;
  options.require_huge_pages = config.run.require_huge_pages;
  return registry.create(options);
}

}  // namespace

OwnRegions::OwnRegions(const std::string& directory, const Config& config, StatsRegistry& registry)
    : stats(make_stats(directory + "/stats", config, registry)),
      market_ring(make(directory + "/market.ring", schema::RegionKind::MARKET_RING, config.capacity.market_ring_records,
                       sizeof(schema::MarketEvent), config)),
      market_board(make(directory + "/market.board", schema::RegionKind::MARKET_BOARD, config.capacity.instruments,
                        sizeof(schema::BoardEntry), config, market_ring.region.generation())),
      updates_ring(make(directory + "/updates.ring", schema::RegionKind::UPDATES_RING,
                        config.capacity.updates_ring_records, sizeof(schema::OrderUpdate), config)),
      gateway_state(make(directory + "/gateway.state", schema::RegionKind::GATEWAY_STATE, 1,
                         sizeof(schema::GatewayState), config)),
      gateway_positions(make(directory + "/gateway.positions", schema::RegionKind::GATEWAY_POSITIONS,
                             config.capacity.instruments, sizeof(schema::GatewayPosition), config,
                             updates_ring.region.generation())),
      gateway_orders(make(directory + "/gateway.orders", schema::RegionKind::GATEWAY_ORDERS, config.gateway.orders,
                          sizeof(schema::GatewayOrder), config, updates_ring.region.generation())),
      progress(make(directory + "/progress", schema::RegionKind::PROGRESS, HOT_THREADS, sizeof(schema::LoopProgress),
                    config)) {}

std::string make_daemon_directory(const std::string& run_directory) {
  if (::mkdir(run_directory.c_str(), 0750) != 0 && errno != EEXIST) {
    throw RegionError("run.directory: create " + run_directory + ": " + std::strerror(errno));
  }
  return run_directory + "/feedd";
}

}  // namespace hft::feedd
