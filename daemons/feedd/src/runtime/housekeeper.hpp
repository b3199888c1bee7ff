// The helper thread: follows other daemons' regions, checks where hot threads run, keeps gauges, logs, and tells
// the service manager that the hot loops move. It lives on housekeeping cores and may sleep, allocate and log.
#pragma once
#include <array>
#include <cstdint>
#include <semaphore>
#include <string>

#include "runtime/config.hpp"
#include "runtime/hot_thread.hpp"
#include "runtime/peer_region.hpp"
#include "runtime/service_notifier.hpp"
#include "runtime/stats_registry.hpp"
#include "runtime/stats_view.hpp"

namespace hft::feedd {

inline constexpr std::size_t HOT_THREADS = 2;

struct HelperStats {
  struct ThreadStats {
    Counter affinity_ok, affinity_repairs, core;
  };
  std::array<ThreadStats, HOT_THREADS> threads;  // market, gateway
  Counter intents_attached, intents_lag, fence_attached;
  Counter huge_pages, memory_locked, start_time;

  void declare(StatsRegistry& registry);
};

// A hot thread and the core it belongs to.
struct Watched {
  const HotThread* thread = nullptr;
  int core = NOT_PINNED;
};

class Housekeeper {
 public:
  static constexpr std::uint64_t FOLLOW_INTERVAL_MS = 10;
  static constexpr unsigned ROUNDS_A_CHECK = 50;   // 0.5 s
  static constexpr unsigned CHECKS_A_STATUS = 20;  // 10 s

  // Everything outlives the housekeeper.
  Housekeeper(const std::array<Watched, HOT_THREADS>& threads, PeerRegion& intents, PeerRegion& fence,
              const Region& gateway_state, const Region& stats_region, HelperStats& stats,
              const ServiceNotifier& notifier);

  // Until stop(); what is still to be said is said before it returns.
  void run();
  void stop() noexcept { stop_.release(); }

 private:
  static void follow(PeerRegion& peer, Counter& attached);
  void check();
  void check_threads();
  void check_intents() noexcept;
  void report_status();
  [[nodiscard]] bool loops_move() noexcept;

  std::array<Watched, HOT_THREADS> threads_;
  PeerRegion& intents_;
  PeerRegion& fence_;
  const std::uint64_t& intents_cursor_;  // control word 0 of GatewayState
  HelperStats& stats_;
  const ServiceNotifier& notifier_;
  StatsWatch watch_;
  StatSum published_, decoded_, gap_messages_, refused_, silent_;
  std::array<Counter, HOT_THREADS> iterations_;
  std::array<std::uint64_t, HOT_THREADS> iterations_seen_{};
  std::binary_semaphore stop_{0};
};

}  // namespace hft::feedd
