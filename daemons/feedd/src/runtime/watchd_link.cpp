#include "runtime/watchd_link.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <ctime>
#include <limits>
#include <optional>
#include <stdexcept>

#include "feedd/clock.hpp"
#include "hft/schema/layout_hash.hpp"

namespace hft {
namespace {

// Until one of the two is readable or it is `due_ns`. True: the first is.
bool wait(int stop_descriptor, int registration_descriptor, std::uint64_t due_ns) noexcept {
  constexpr std::uint64_t SECOND_NS = 1'000'000'000;
  const std::uint64_t now_ns = monotonic_ns();
  const std::uint64_t left_ns = due_ns > now_ns ? due_ns - now_ns : 0;
  const timespec timeout{static_cast<time_t>(left_ns / SECOND_NS), static_cast<long>(left_ns % SECOND_NS)};
  std::array<pollfd, 2> polled{pollfd{stop_descriptor, POLLIN, 0}, pollfd{registration_descriptor, POLLIN, 0}};
  ::ppoll(polled.data(), polled.size(), &timeout, nullptr);
  return polled[0].revents != 0;
}

// Threads inherit the mask: with all signals blocked none of them is ever the one that a signal interrupts.
template <class Function>
std::unique_ptr<std::thread> thread_without_signals(Function function) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::unique_ptr<std::thread> made;
  try {
    made = std::make_unique<std::thread>(function);
  } catch (...) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return made;
}

}  // namespace

WatchdLink::WatchdLink(const std::string& control_directory, schema::DaemonId daemon, const Region& progress,
                       std::uint64_t interval_ns, ServiceKeepAlive keep_alive)
    : register_path_(control_directory + "/" + REGISTER_SOCKET),
      heartbeat_path_(control_directory + "/" + HEARTBEAT_SOCKET),
      daemon_(daemon),
      generation_(progress.generation()),
      interval_ns_(interval_ns),
      notifier_(keep_alive == ServiceKeepAlive::HERE ? std::make_unique<feedd::ServiceNotifier>() : nullptr),
      keep_alive_due_ns_(notifier_ ? 0 : std::numeric_limits<std::uint64_t>::max()) {
  if (interval_ns == 0) throw std::invalid_argument("WatchdLink: an interval of 0");
  for (std::size_t i = 0; i < progress.capacity_records(); ++i) loops_.push_back({ProgressView(progress, i)});
}

void WatchdLink::start() {
  if (thread_ != nullptr) throw std::logic_error("WatchdLink: started twice");
  stop_descriptor_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (stop_descriptor_ < 0) throw RegionError("WatchdLink: no descriptor left");
  pid_ = ::getpid();
  thread_ = thread_without_signals([this] { run(); });
  ::pthread_setname_np(thread_->native_handle(), "hft-watchd-link");
}

void WatchdLink::close() noexcept {
  if (thread_ == nullptr) return;
  registered_.store(false, std::memory_order_relaxed);
  if (pid_ != ::getpid()) {
    static_cast<void>(thread_.release());  // there is nothing to join, and destroying it would end the child
    return;
  }
  ::eventfd_write(stop_descriptor_, 1);
  thread_->join();
  thread_.reset();
  ::close(stop_descriptor_);
  registered_.store(false, std::memory_order_relaxed);  // the thread may have said otherwise in between
}

std::string WatchdLink::refusal() const {
  const std::lock_guard guard(refusal_mutex_);
  return refusal_;
}

void WatchdLink::run() {
  const schema::Registration said(REGISTRATION_MAGIC, LAYOUT_HASH, generation_, monotonic_ns(), 0, daemon_,
                                  static_cast<std::uint8_t>(loops_.size()), 0);
  Registration registration(register_path_, said);
  std::optional<HeartbeatSender> sender;  // one a registration: a new watchd is connected to at once
  std::uint64_t beat_due_ns = 0;
  do {
    const std::uint64_t now_ns = monotonic_ns();
    registration.step(now_ns);
    tell(registration);
    if (!registration.accepted()) {
      sender.reset();
      beat_due_ns = now_ns;
    } else if (!sender) {
      sender.emplace(heartbeat_path_);
    } else if (now_ns >= beat_due_ns) {
      beat(*sender);
      beat_due_ns += interval_ns_;
      if (beat_due_ns < now_ns) beat_due_ns = now_ns + interval_ns_;  // what is late is not made up for
    }
    keep_alive(now_ns);
  } while (!wait(stop_descriptor_, registration.descriptor(),
                 std::min(keep_alive_due_ns_, registration.accepted() ? beat_due_ns : registration.due_ns())));
}

void WatchdLink::keep_alive(std::uint64_t now_ns) {
  if (now_ns < keep_alive_due_ns_) return;
  keep_alive_due_ns_ = now_ns + KEEP_ALIVE_INTERVAL_NS;
  bool all_moved = true;
  for (Loop& loop : loops_) {
    const std::uint64_t iterations = loop.progress.word(ProgressWriter::ITERATIONS);
    all_moved = all_moved && iterations != loop.iterations_kept_alive;
    loop.iterations_kept_alive = iterations;
  }
  if (all_moved) notifier_->send("WATCHDOG=1");
}

void WatchdLink::tell(const Registration& registration) {
  // In this order, whoever reads that it is registered reads no refusal of before.
  if (!registration.accepted()) registered_.store(false, std::memory_order_release);
  if (told_ != registration.problem()) {  // seldom locked, so that a fork seldom finds it so
    told_ = registration.problem();
    const std::lock_guard guard(refusal_mutex_);
    refusal_ = told_;
  }
  if (registration.accepted()) registered_.store(true, std::memory_order_release);
}

void WatchdLink::beat(HeartbeatSender& sender) {
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    Loop& loop = loops_[i];
    const schema::Heartbeat beat = heartbeat_of(loop, i);
    if (beat.iterations() == loop.iterations_sent || !sender.send(beat)) continue;
    loop.iterations_sent = beat.iterations();
    loop.sequence = beat.sequence();
    beats_sent_.fetch_add(1, std::memory_order_relaxed);
  }
}

schema::Heartbeat WatchdLink::heartbeat_of(const Loop& loop, std::size_t index) const noexcept {
  const auto word = [&loop](ProgressWriter::Word which) { return loop.progress.word(which); };
  // Rounds first: what the words beside them say is at least what those rounds did.
  const std::uint64_t iterations = word(ProgressWriter::ITERATIONS);
  return schema::Heartbeat(HEARTBEAT_MAGIC, LAYOUT_HASH, generation_, loop.sequence + 1, monotonic_ns(), iterations,
                           word(ProgressWriter::CONSUMED), word(ProgressWriter::PRODUCED), word(ProgressWriter::LAG),
                           static_cast<std::uint32_t>(pid_), daemon_, static_cast<std::uint8_t>(index),
                           static_cast<schema::LoopState>(word(ProgressWriter::STATE)), 0);
}

}  // namespace hft
