#include "runtime/housekeeper.hpp"

#include <cassert>
#include <chrono>

#include "runtime/affinity.hpp"
#include "runtime/log.hpp"

namespace hft::feedd {
namespace {

constexpr std::array<std::string_view, HOT_THREADS> THREAD_NAMES = {"market", "gateway"};

Counter iterations_of(const Region& stats, std::string_view thread) {
  for (std::size_t i = 0; i < stats.capacity_records(); ++i) {
    const StatName found = stat_name(stats, i);
    if (found.name == "feedd_loop_iterations_total" && found.labels == stat_label("thread", thread)) {
      return stat_counter(stats, i);
    }
  }
  assert(false && "every hot thread counts its rounds");
  return {};
}

}  // namespace

void HelperStats::declare(StatsRegistry& registry) {
  registry.written_by(StatWriter::HELPER);
  for (std::size_t i = 0; i < HOT_THREADS; ++i) {
    const std::string thread = stat_label("thread", THREAD_NAMES[i]);
    registry.gauge(threads[i].affinity_ok, "feedd_thread_affinity_ok", "bool", thread);
    registry.counter(threads[i].affinity_repairs, "feedd_thread_affinity_repairs_total", "repairs", thread);
    registry.gauge(threads[i].core, "feedd_thread_core", "core", thread);
  }
  registry.gauge(intents_attached, "feedd_intents_attached", "bool");
  registry.gauge(intents_lag, "feedd_intents_lag_records", "records");
  registry.gauge(fence_attached, "feedd_fence_attached", "bool");
  registry.gauge(huge_pages, "feedd_huge_pages", "bool");
  registry.gauge(memory_locked, "feedd_memory_locked", "bool");
  registry.gauge(start_time, "feedd_start_time_seconds", "s");
}

Housekeeper::Housekeeper(const std::array<Watched, HOT_THREADS>& threads, PeerRegion& intents, PeerRegion& fence,
                         const Region& gateway_state, const Region& stats_region, HelperStats& stats,
                         const ServiceNotifier& notifier)
    : threads_(threads),
      intents_(intents),
      fence_(fence),
      intents_cursor_(*reinterpret_cast<const std::uint64_t*>(gateway_state.records())),
      stats_(stats),
      notifier_(notifier),
      watch_(stats_region),
      published_(stats_region, "feedd_published_total"),
      decoded_(stats_region, "feedd_messages_decoded_total"),
      gap_messages_(stats_region, "feedd_gap_messages_total"),
      refused_(stats_region, "feedd_intents_refused_total"),
      silent_(stats_region, "feedd_feed_silent"),
      iterations_{iterations_of(stats_region, THREAD_NAMES[0]), iterations_of(stats_region, THREAD_NAMES[1])} {}

void Housekeeper::run() {
  unsigned round = 0;
  do {
    follow(intents_, stats_.intents_attached);
    follow(fence_, stats_.fence_attached);
    if (round % ROUNDS_A_CHECK == 0) check();
    if (++round % (ROUNDS_A_CHECK * CHECKS_A_STATUS) == 0) report_status();
  } while (!stop_.try_acquire_for(std::chrono::milliseconds(FOLLOW_INTERVAL_MS)));
  watch_.look();
  report_status();
}

void Housekeeper::follow(PeerRegion& peer, Counter& attached) {
  switch (peer.follow()) {
    case PeerRegion::Change::ATTACHED:
      LogLine(LogLevel::INFO, "region_attached").field("path", peer.path()).field("generation", peer.generation());
      break;
    case PeerRegion::Change::DETACHED: LogLine(LogLevel::INFO, "region_detached").field("path", peer.path()); break;
    case PeerRegion::Change::REFUSED:
      LogLine(LogLevel::ERROR, "region_refused").field("path", peer.path()).field("problem", peer.problem());
      break;
    case PeerRegion::Change::NONE: return;
  }
  attached.set(peer.region() != nullptr);
}

void Housekeeper::check() {
  check_threads();
  check_intents();
  watch_.look();
  if (loops_move()) notifier_.send("WATCHDOG=1");
}

// Cpuset changes reset masks on some kernels: what moved is moved back, and counted.
void Housekeeper::check_threads() {
  for (std::size_t i = 0; i < HOT_THREADS; ++i) {
    const auto [thread, core] = threads_[i];
    HelperStats::ThreadStats& stats = stats_.threads[i];
    stats.core.set(static_cast<std::uint64_t>(last_core(thread->thread_id()).value_or(0)));
    const bool in_place = core == NOT_PINNED || stays_on(thread->thread_id(), core);
    stats.affinity_ok.set(in_place);
    if (in_place) continue;
    const bool repaired = set_affinity(thread->thread_id(), only(core));
    stats.affinity_repairs.add();
    LogLine(LogLevel::WARNING, "thread_off_its_core")
        .field("thread", thread->name())
        .field("core", core)
        .field("repaired", repaired);
  }
}

void Housekeeper::check_intents() noexcept {
  const Region* intents = intents_.region();
  if (intents == nullptr) return stats_.intents_lag.set(0);
  const auto head = control_word(*reinterpret_cast<const std::uint64_t*>(intents->base() + RING_CONTROL_OFFSET))
                        .load(std::memory_order_relaxed);
  const auto cursor = control_word(intents_cursor_).load(std::memory_order_relaxed);  // racy: a moment's picture
  stats_.intents_lag.set(head > cursor ? head - cursor : 0);
}

bool Housekeeper::loops_move() noexcept {
  bool all = true;
  for (std::size_t i = 0; i < HOT_THREADS; ++i) {
    const std::uint64_t now = iterations_[i].value();
    all = all && now != iterations_seen_[i];
    iterations_seen_[i] = now;
  }
  return all;
}

void Housekeeper::report_status() {
  LogLine(LogLevel::INFO, "status")
      .field("decoded", decoded_.value())
      .field("gap_messages", gap_messages_.value())
      .field("published", published_.value())
      .field("intents_refused", refused_.value())
      .field("feed_silent", silent_.value() != 0);
  notifier_.send("STATUS=" + std::string(silent_.value() != 0 ? "feed silent" : "feed up") + ", " +
                 std::to_string(published_.value()) + " events published, " + std::to_string(gap_messages_.value()) +
                 " messages lost, " + std::to_string(refused_.value()) + " intents refused");
}

}  // namespace hft::feedd
