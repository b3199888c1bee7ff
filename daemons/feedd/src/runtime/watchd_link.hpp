// The daemon's line to watchd, on a thread of its own: registration, then heartbeats. feedd and braind use the same.
//
// The thread vouches for nothing itself: it sends what hot loops have left in their progress words, and only for a
// loop whose rounds have moved since its last beat. A loop that stands still is silent, whatever else still runs.
//
//   <control_directory>/register.sock    AF_UNIX SOCK_SEQPACKET   runtime/registration.hpp
//   <control_directory>/heartbeat.sock   ZeroMQ PUSH → PULL       runtime/heartbeat_sender.hpp
//
// Beats are sent while registered: watchd takes those of other senders for forged ones.
//
// For a daemon without a helper of its own (braind) it also feeds systemd's watchdog, by the same rule: WATCHDOG=1
// while every loop has moved since the last one, registered or not.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "feedd/progress.hpp"
#include "feedd/region.hpp"
#include "runtime/heartbeat_sender.hpp"
#include "runtime/registration.hpp"
#include "runtime/service_notifier.hpp"

namespace hft {

// The same names as in daemons/hft/control.py.
inline constexpr const char* REGISTER_SOCKET = "register.sock";
inline constexpr const char* HEARTBEAT_SOCKET = "heartbeat.sock";

// Who tells systemd that the loops move.
enum class ServiceKeepAlive : bool { ELSEWHERE, HERE };

class WatchdLink {
 public:
  static constexpr std::uint64_t KEEP_ALIVE_INTERVAL_NS = 500'000'000;

  // `progress` has a record per loop and outlives the link. Throws std::invalid_argument for an interval of 0.
  WatchdLink(const std::string& control_directory, schema::DaemonId daemon, const Region& progress,
             std::uint64_t interval_ns, ServiceKeepAlive keep_alive = ServiceKeepAlive::ELSEWHERE);
  WatchdLink(const WatchdLink&) = delete;
  WatchdLink& operator=(const WatchdLink&) = delete;
  ~WatchdLink() { close(); }

  // The thread begins; it keeps to the cores that the calling thread may use now. Once.
  void start();
  // Hangs up and joins, within milliseconds. Idempotent. In a forked child, which has no such thread, it does nothing.
  void close() noexcept;

  [[nodiscard]] bool registered() const noexcept { return registered_.load(std::memory_order_acquire); }
  [[nodiscard]] std::uint64_t beats_sent() const noexcept { return beats_sent_.load(std::memory_order_relaxed); }
  // Why it is not registered, for people; empty while it is.
  [[nodiscard]] std::string refusal() const;

 private:
  struct Loop {
    ProgressView progress;
    std::uint64_t iterations_sent = 0;
    std::uint64_t iterations_kept_alive = 0;
    std::uint64_t sequence = 0;
  };

  void run();
  void tell(const Registration& registration);
  void beat(HeartbeatSender& sender);
  void keep_alive(std::uint64_t now_ns);
  [[nodiscard]] schema::Heartbeat heartbeat_of(const Loop& loop, std::size_t index) const noexcept;

  std::string register_path_;
  std::string heartbeat_path_;
  schema::DaemonId daemon_;
  std::uint64_t generation_;
  std::uint64_t interval_ns_;
  std::vector<Loop> loops_;
  std::unique_ptr<feedd::ServiceNotifier> notifier_;  // null: somebody else feeds systemd's watchdog
  std::uint64_t keep_alive_due_ns_;
  std::atomic<bool> registered_{false};
  std::atomic<std::uint64_t> beats_sent_{0};
  std::string told_;  // the thread's own copy of what it said last
  mutable std::mutex refusal_mutex_;
  std::string refusal_;
  int stop_descriptor_ = -1;  // eventfd
  int pid_ = 0;               // of the process that has the thread
  std::unique_ptr<std::thread> thread_;
};

}  // namespace hft
