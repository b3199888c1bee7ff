// The helper thread: follows other daemons' regions, checks where hot threads run, keeps gauges, logs (also what the
// line to watchd has to say), and tells the service manager that the hot loops move. It lives on housekeeping cores and
// may sleep, allocate and log.
#pragma once
#include <array>
#include <cstdint>
#include <semaphore>
#include <set>
#include <string>

#include "runtime/config.hpp"
#include "runtime/hot_thread.hpp"
#include "runtime/peer_region.hpp"
#include "runtime/regions.hpp"
#include "runtime/service_notifier.hpp"
#include "runtime/stats_registry.hpp"
#include "runtime/stats_view.hpp"
#include "runtime/watchd_link.hpp"

namespace hft::feedd {

struct HelperStats {
  struct ThreadStats {
    Counter affinity_ok, affinity_repairs, core;
  };
  std::array<ThreadStats, HOT_THREADS> threads;  // market, gateway
  Counter intents_attached, intents_lag, fence_attached, operator_veto_attached, limits_attached, commands_attached;
  Counter watchd_registered, heartbeats_sent;
  Counter huge_pages, memory_locked, start_time;

  void declare(StatsRegistry& registry);
};

// A hot thread and the core it belongs to.
struct Watched {
  const HotThread* thread = nullptr;
  int core = NOT_PINNED;
};

// What others write and the gateway reads.
struct Peers {
  PeerRegion& intents;
  PeerRegion& fence;
  PeerRegion& operator_veto;
  PeerRegion& limits;
  PeerRegion& commands;
};

class Housekeeper {
 public:
  static constexpr std::uint64_t FOLLOW_INTERVAL_MS = 10;
  static constexpr unsigned ROUNDS_A_CHECK = 50;   // 0.5 s
  static constexpr unsigned CHECKS_A_STATUS = 20;  // 10 s
  static constexpr std::size_t REFUSALS_LOGGED_MAX = 64;

  // Everything outlives the housekeeper.
  Housekeeper(const std::array<Watched, HOT_THREADS>& threads, const Peers& peers, const OwnRegions& regions,
              const WatchdLink& watchd, HelperStats& stats, const ServiceNotifier& notifier, bool with_venue);

  // Until stop(); what is still to be said is said before it returns.
  void run();
  void stop() noexcept { stop_.release(); }

 private:
  void follow_peers();
  static void follow(PeerRegion& peer, Counter& attached);
  void follow_watchd();
  void check();
  void check_threads();
  void check_intents() noexcept;
  void report_status();
  void tell_systemd() const;
  [[nodiscard]] std::string order_status() const;
  [[nodiscard]] bool loops_move() noexcept;

  std::array<Watched, HOT_THREADS> threads_;
  Peers peers_;
  const Region& gateway_state_;
  const WatchdLink& watchd_;
  HelperStats& stats_;
  const ServiceNotifier& notifier_;
  bool with_venue_;
  StatsWatch watch_;
  StatSum published_, decoded_, gap_messages_, refused_, would_send_, silent_;
  std::array<ProgressView, HOT_THREADS> progress_;
  std::array<std::uint64_t, HOT_THREADS> iterations_seen_{};
  bool registered_seen_ = false;
  std::set<std::string> refusals_logged_;
  std::binary_semaphore stop_{0};
};

}  // namespace hft::feedd
