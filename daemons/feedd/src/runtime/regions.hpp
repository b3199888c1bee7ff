// The regions that feedd owns, in <run.directory>/feedd/.
#pragma once
#include <array>
#include <string>
#include <utility>

#include "feedd/region.hpp"
#include "runtime/config.hpp"
#include "runtime/stats_registry.hpp"

namespace hft::feedd {

inline constexpr std::size_t HOT_THREADS = 2;  // market, gateway: the order of their progress records

// Their end, also a failed start's, retires them: readers learn that nobody writes here any more.
class OwnRegions {
 public:
  // Throws RegionError. The caller holds the DaemonLock of `directory`.
  OwnRegions(const std::string& directory, const Config& config, StatsRegistry& registry);
  OwnRegions(const OwnRegions&) = delete;
  OwnRegions& operator=(const OwnRegions&) = delete;

  struct Owned {
    Region region;
    explicit Owned(Region made) noexcept : region(std::move(made)) {}
    Owned(const Owned&) = delete;
    Owned& operator=(const Owned&) = delete;
    ~Owned() { region.retire(); }
  };
  Owned stats;
  Owned market_ring;
  Owned market_board;  // peer_generation = market_ring's generation
  Owned updates_ring;
  Owned gateway_state;
  Owned gateway_positions;  // these two: peer_generation = updates_ring's
  Owned gateway_orders;
  Owned progress;  // a record per hot thread: market, gateway

  [[nodiscard]] std::array<const Region*, 8> all() const noexcept {
    return {&stats.region,         &market_ring.region,       &market_board.region,   &updates_ring.region,
            &gateway_state.region, &gateway_positions.region, &gateway_orders.region, &progress.region};
  }
};

// Creates <run.directory> (0750, one level) when absent; returns "<run.directory>/feedd". Throws RegionError.
[[nodiscard]] std::string make_daemon_directory(const std::string& run_directory);

}  // namespace hft::feedd
