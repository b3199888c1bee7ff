#include "runtime/daemon.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "feedd/clock.hpp"
#include "gateway/venue/ouch_venue.hpp"
#include "runtime/affinity.hpp"
#include "runtime/credentials.hpp"
#include "runtime/log.hpp"
#include "runtime/positions_file.hpp"

namespace hft::feedd {
namespace {

constexpr PeerShape INTENTS_SHAPE{schema::RegionKind::INTENTS_RING, sizeof(schema::OrderIntent), 16, 65536};
constexpr PeerShape FENCE_SHAPE{schema::RegionKind::FENCE, sizeof(schema::Fence), 1, 1, true};
constexpr PeerShape VETO_SHAPE{schema::RegionKind::VETO, sizeof(schema::VetoNote), 1, 1, true};
constexpr PeerShape LIMITS_SHAPE{schema::RegionKind::LIMITS, sizeof(schema::Limits), 1, 1, true};
constexpr PeerShape COMMANDS_SHAPE{schema::RegionKind::COMMANDS, sizeof(schema::Commands), 1, 1, true};

void require_cores(const char* key, int core) {
  if (core == NOT_PINNED) return;
  // Tried on the calling thread: a core that is offline, absent or outside our cpuset is an error now.
  const cpu_set_t before = allowed_cores();
  if (!set_affinity(0, only(core))) {
    throw CoreError(std::string(key) + ": core " + std::to_string(core) +
                    " can not be used here: " + std::strerror(errno));
  }
  set_affinity(0, before);
}

// Of the whole process: regions, books, stacks, code.
std::uint64_t resident_bytes() {
  std::uint64_t pages = 0;
  std::uint64_t resident_pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident_pages;
  return resident_pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::optional<OrderParts> order_parts(const Config& config, OwnRegions& regions, const MarketAgent& market,
                                      DeskStats& desk_stats, VenueStats& venue_stats) {
  if (!config.gateway.venue) return std::nullopt;
  return OrderParts{
      config,
      regions.gateway_positions.region,
      regions.gateway_orders.region,
      regions.market_board.region,
      market.look(),
      desk_stats,
      make_venue(config.gateway, TradingDay(config.feed.trading_date), venue_stats, read_venue_password())};
}

cpu_set_t check_cores(const CoresConfig& cores) {
  const cpu_set_t at_start = allowed_cores();
  require_cores("cores.market", cores.market);
  require_cores("cores.gateway", cores.gateway);
  for (std::size_t i = 0; i < cores.housekeeping.size(); ++i) {
    require_cores(("cores.housekeeping[" + std::to_string(i) + "]").c_str(), cores.housekeeping[i]);
  }
  return at_start;
}

}  // namespace

Daemon::Daemon(const Config& config)
    : config_(config),
      cores_at_start_(check_cores(config.cores)),
      directory_(make_daemon_directory(config.run.directory)),
      lock_(directory_),
      registry_(declare_stats()),
      regions_(directory_, config, registry_),
      intents_(config.run.directory + "/braind/intents.ring", INTENTS_SHAPE, inbox_.intents),
      fence_(config.run.directory + "/watchd/fence", FENCE_SHAPE, inbox_.fence),
      operator_veto_(config.run.directory + "/operator/veto", VETO_SHAPE, inbox_.operator_veto),
      limits_(config.run.directory + "/watchd/limits", LIMITS_SHAPE, inbox_.limits),
      commands_(config.run.directory + "/watchd/commands", COMMANDS_SHAPE, inbox_.commands),
      market_agent_(config, regions_.market_ring.region, regions_.market_board.region, market_stats_),
      order_parts_(order_parts(config_, regions_, market_agent_, desk_stats_, venue_stats_)),
      gateway_agent_(regions_.gateway_state.region, regions_.updates_ring.region,
                     {config.capacity.instruments, regions_.market_ring.region.generation()}, gateway_stats_, inbox_,
                     &monotonic_ns, order_parts_ ? &*order_parts_ : nullptr),
      market_thread_("feedd-market", market_agent_, config.idle, market_stats_.loop_iterations,
                     ProgressWriter(regions_.progress.region, 0)),
      gateway_thread_("feedd-gateway", gateway_agent_, config.idle, gateway_stats_.loop_iterations,
                      ProgressWriter(regions_.progress.region, 1)),
      watchd_link_(config.run.control_directory, schema::DaemonId::FEEDD, regions_.progress.region,
                   config.run.heartbeat_interval_ns),
      housekeeper_({Watched{&market_thread_, config.cores.market}, Watched{&gateway_thread_, config.cores.gateway}},
                   {intents_, fence_, operator_veto_, limits_, commands_}, regions_, watchd_link_, helper_stats_,
                   notifier_, order_parts_.has_value()) {
  if (OrderSide* orders = gateway_agent_.orders()) {
    for (const StartPosition& start : read_positions(config.gateway.positions_file)) orders->start_with(start);
  }
  pin_threads();
  lock_memory();
  log_sockets();
  log_regions();
}

Daemon::~Daemon() {
  notifier_.send("STOPPING=1");
  gateway_thread_.finish();
  market_thread_.finish();
  watchd_link_.close();  // after the goodbye in the progress words
  if (helper_thread_.joinable()) {
    housekeeper_.stop();
    helper_thread_.join();
  }
  LogLine(LogLevel::INFO, "stopped");
}

void Daemon::start() {
  helper_stats_.start_time.set(clock_ns(CLOCK_REALTIME) / 1'000'000'000u);
  watchd_link_.start();
  market_thread_.go();
  gateway_thread_.go();
  notifier_.send("READY=1");  // before the helper can say WATCHDOG=1
  helper_thread_ = std::thread([this] { housekeeper_.run(); });
  ::pthread_setname_np(helper_thread_.native_handle(), "feedd-helper");
  LogLine(LogLevel::INFO, "started")
      .field("pid", ::getpid())
      .field("generation", regions_.market_ring.region.generation());
}

StatsRegistry Daemon::declare_stats() {
  StatsRegistry registry;
  helper_stats_.declare(registry);
  market_stats_.declare(registry);
  gateway_stats_.declare(registry);
  desk_stats_.declare(registry);
  venue_stats_.declare(registry);
  return registry;
}

// The rest of the process goes to housekeeping first, so that whatever it starts is born there.
void Daemon::pin_threads() {
  const CoresConfig& cores = config_.cores;
  if (!cores.housekeeping.empty()) set_affinity(0, cores_of(cores.housekeeping));
  const auto pin = [this](const HotThread& thread, int core) {
    set_affinity(thread.thread_id(), core == NOT_PINNED ? cores_at_start_ : only(core));
  };
  pin(market_thread_, cores.market);
  pin(gateway_thread_, cores.gateway);
}

// Code, stacks and heap too: a page that is reclaimed or not there yet costs a hot thread microseconds.
void Daemon::lock_memory() {
  const bool locked = ::mlockall(MCL_CURRENT) == 0;
  helper_stats_.memory_locked.set(locked);
  if (!locked) {
    LogLine(LogLevel::WARNING, "memory_not_locked")
        .field("problem", std::strerror(errno))
        .field("advice", "raise RLIMIT_MEMLOCK (LimitMEMLOCK=infinity)");
  }
}

void Daemon::log_sockets() const {
  for (const MarketAgent::Source& source : market_agent_.sources()) {
    const UdpSocket& socket = source.receiver.socket();
    // The kernel reports twice what it grants.
    if (socket.receive_buffer_bytes() / 2 < config_.feed.receive_buffer_bytes) {
      LogLine(LogLevel::WARNING, "receive_buffer_smaller_than_asked")
          .field("bytes", socket.receive_buffer_bytes() / 2)
          .field("asked_bytes", config_.feed.receive_buffer_bytes)
          .field("advice", "raise net.core.rmem_max");
    }
    if (socket.busy_poll_refused()) {
      LogLine(LogLevel::WARNING, "busy_poll_refused").field("asked_us", config_.feed.busy_poll_us);
    }
  }
}

void Daemon::log_regions() {
  constexpr std::uint32_t SMALL_PAGE_BYTES = 4096;
  bool huge = true;
  for (const Region* region : regions_.all()) {
    const schema::RegionHeader& header = region->header();
    huge = huge && header.page_bytes() > SMALL_PAGE_BYTES;
    LogLine(LogLevel::INFO, "region_created")
        .field("path", region->path())
        .field("records", header.capacity_records())
        .field("bytes", header.size_bytes())
        .field("page_bytes", header.page_bytes())
        .field("locked", region->locked());
  }
  helper_stats_.huge_pages.set(huge);
  LogLine(LogLevel::INFO, "memory")
      .field("orders", config_.capacity.orders)
      .field("levels", config_.capacity.levels)
      .field("instruments", config_.capacity.instruments)
      .field("resident_bytes", resident_bytes());
  if (!huge) LogLine(LogLevel::WARNING, "small_pages").field("allowed_by", "run.huge_pages = \"allow_small\"");
}

}  // namespace hft::feedd
