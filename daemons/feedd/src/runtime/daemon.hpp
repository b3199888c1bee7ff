// feedd put together: lock, regions, sockets, threads. Made whole or not at all; ended in the reverse order.
#pragma once
#include <sched.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include "gateway/gateway_agent.hpp"
#include "gateway/venue.hpp"
#include "gateway/venue/venue_stats.hpp"
#include "ingest/market_agent.hpp"
#include "runtime/config.hpp"
#include "runtime/handover.hpp"
#include "runtime/hot_thread.hpp"
#include "runtime/housekeeper.hpp"
#include "runtime/peer_region.hpp"
#include "runtime/regions.hpp"
#include "runtime/service_notifier.hpp"
#include "runtime/watchd_link.hpp"

namespace hft::feedd {

// A core that the configuration names can not be had here; the message names the key.
class CoreError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Daemon {
 public:
  // Throws CredentialError, AlreadyRunning, RegionError, SocketError, CoreError, std::bad_alloc.
  explicit Daemon(const Config& config);
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  // Stops the threads, retires the regions.
  ~Daemon();

  // The line to watchd and the hot threads begin, the service manager hears READY.
  void start();

 private:
  StatsRegistry declare_stats();
  void pin_threads();
  void lock_memory();
  void log_sockets() const;
  void log_regions();

  Config config_;
  cpu_set_t cores_at_start_;
  std::string directory_;
  DaemonLock lock_;
  ServiceNotifier notifier_;
  HelperStats helper_stats_;
  MarketStats market_stats_;
  GatewayStats gateway_stats_;
  VenueStats venue_stats_;
  DeskStats desk_stats_;
  StatsRegistry registry_;
  OwnRegions regions_;
  GatewayInbox inbox_;
  PeerRegion intents_;
  PeerRegion fence_;
  PeerRegion operator_veto_;
  PeerRegion limits_;
  PeerRegion commands_;
  MarketAgent market_agent_;
  std::optional<OrderParts> order_parts_;  // empty: no venue is configured
  GatewayAgent gateway_agent_;
  HotThread market_thread_;
  HotThread gateway_thread_;
  WatchdLink watchd_link_;
  Housekeeper housekeeper_;
  std::thread helper_thread_;
};

}  // namespace hft::feedd
