#include "runtime/housekeeper.hpp"

#include <algorithm>
#include <cctype>
#include <chrono>

#include "feedd/fence.hpp"
#include "gateway/state_words.hpp"
#include "runtime/affinity.hpp"
#include "runtime/log.hpp"

namespace hft::feedd {
namespace {

constexpr std::array<std::string_view, HOT_THREADS> THREAD_NAMES = {"market", "gateway"};

// LOOP_SILENT -> loop_silent, as watchd writes it.
std::string in_small(const char* name) {
  std::string text = name;
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
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
  registry.gauge(operator_veto_attached, "feedd_operator_veto_attached", "bool");
  registry.gauge(limits_attached, "feedd_limits_attached", "bool");
  registry.gauge(commands_attached, "feedd_commands_attached", "bool");
  registry.gauge(watchd_registered, "feedd_watchd_registered", "bool");
  registry.counter(heartbeats_sent, "feedd_heartbeats_sent_total", "beats");
  registry.gauge(huge_pages, "feedd_huge_pages", "bool");
  registry.gauge(memory_locked, "feedd_memory_locked", "bool");
  registry.gauge(start_time, "feedd_start_time_seconds", "s");
}

Housekeeper::Housekeeper(const std::array<Watched, HOT_THREADS>& threads, const Peers& peers, const OwnRegions& regions,
                         const WatchdLink& watchd, HelperStats& stats, const ServiceNotifier& notifier, bool with_venue)
    : threads_(threads),
      peers_(peers),
      gateway_state_(regions.gateway_state.region),
      watchd_(watchd),
      stats_(stats),
      notifier_(notifier),
      with_venue_(with_venue),
      watch_(regions.stats.region),
      published_(regions.stats.region, "feedd_published_total"),
      decoded_(regions.stats.region, "feedd_messages_decoded_total"),
      gap_messages_(regions.stats.region, "feedd_gap_messages_total"),
      refused_(regions.stats.region, "feedd_intents_refused_total"),
      would_send_(regions.stats.region, "feedd_orders_would_send_total"),
      silent_(regions.stats.region, "feedd_feed_silent"),
      progress_{ProgressView(regions.progress.region, 0), ProgressView(regions.progress.region, 1)} {}

void Housekeeper::run() {
  unsigned round = 0;
  do {
    follow_peers();
    follow_watchd();
    if (round % ROUNDS_A_CHECK == 0) check();
    if (++round % (ROUNDS_A_CHECK * CHECKS_A_STATUS) == 0) report_status();
  } while (!stop_.try_acquire_for(std::chrono::milliseconds(FOLLOW_INTERVAL_MS)));
  follow_watchd();
  watch_.look();
  report_status();
  tell_systemd();
}

void Housekeeper::follow_peers() {
  follow(peers_.intents, stats_.intents_attached);
  follow(peers_.fence, stats_.fence_attached);
  follow(peers_.operator_veto, stats_.operator_veto_attached);
  if (!with_venue_) return;
  follow(peers_.limits, stats_.limits_attached);
  follow(peers_.commands, stats_.commands_attached);
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

// Each reason for not being registered is logged once, however often watchd is tried.
void Housekeeper::follow_watchd() {
  const bool registered = watchd_.registered();
  if (registered && !registered_seen_) LogLine(LogLevel::INFO, "watchd_registered");
  registered_seen_ = registered;
  stats_.watchd_registered.set(registered);
  stats_.heartbeats_sent.set(watchd_.beats_sent());
  const std::string refusal = watchd_.refusal();
  if (refusal.empty() || refusals_logged_.size() == REFUSALS_LOGGED_MAX) return;
  if (refusals_logged_.insert(refusal).second) {
    LogLine(LogLevel::WARNING, "watchd_not_registered").field("problem", refusal);
  }
}

void Housekeeper::check() {
  check_threads();
  check_intents();
  watch_.look();
  if (loops_move()) notifier_.send("WATCHDOG=1");
  tell_systemd();
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
  const Region* intents = peers_.intents.region();
  if (intents == nullptr) return stats_.intents_lag.set(0);
  const auto head = control_word(*reinterpret_cast<const std::uint64_t*>(intents->base() + RING_CONTROL_OFFSET))
                        .load(std::memory_order_relaxed);
  const std::uint64_t cursor = load_word(gateway_state_, INTENTS_CURSOR);  // racy: a moment's picture
  stats_.intents_lag.set(head > cursor ? head - cursor : 0);
}

bool Housekeeper::loops_move() noexcept {
  bool all = true;
  for (std::size_t i = 0; i < HOT_THREADS; ++i) {
    const std::uint64_t now = progress_[i].word(ProgressWriter::ITERATIONS);
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
      .field("orders_would_send", would_send_.value())
      .field("feed_silent", silent_.value() != 0);
}

// One line for `systemctl status`: may orders flow, and if not, why not.
void Housekeeper::tell_systemd() const {
  notifier_.send("STATUS=" + order_status() + "; " + (silent_.value() != 0 ? "feed silent" : "feed up") + ", " +
                 std::to_string(published_.value()) + " events published, " + std::to_string(gap_messages_.value()) +
                 " messages lost");
}

std::string Housekeeper::order_status() const {
  const auto word = [this](StateWord which) { return load_word(gateway_state_, which); };
  std::string text;
  if (word(FENCE_OPEN) != 0) {
    text =
        (with_venue_ ? "orders flow, epoch " : "fence open, no venue, epoch ") + std::to_string(word(FENCE_EPOCH_SEEN));
  } else {
    const Region* fence = peers_.fence.region();
    const auto reason =
        fence != nullptr ? static_cast<schema::CloseReason>(FenceView(*fence).reason()) : schema::CloseReason::NONE;
    // A token that lets nothing pass: watchd has not renewed the lease, somebody vetoes, or it is another feedd's.
    const bool barred = fence != nullptr && FenceView(*fence).token() != 0;
    text = "cancel-only: fence " +
           (fence == nullptr
                ? std::string("not there")
                : "closed (" + (barred ? "lapsed, vetoed or not ours" : in_small(schema::EnumNameCloseReason(reason))) +
                      ")");
  }
  if (!with_venue_) return text + ", " + std::to_string(refused_.value()) + " intents refused";
  return text + ", venue " +
         in_small(schema::EnumNameVenueSession(static_cast<schema::VenueSession>(word(VENUE_SESSION)))) + ", " +
         std::to_string(word(OPEN_ORDERS)) + " orders open, " + std::to_string(word(ORDERS_SENT)) + " sent, " +
         std::to_string(refused_.value()) + " intents refused";
}

}  // namespace hft::feedd
