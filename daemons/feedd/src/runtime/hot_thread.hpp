// A thread that does nothing but rounds of one agent: named, pinned, its stack touched before the first round.
//
//   made (WARMUP) → pinned by the helper side → go() (READY) → rounds → finish() (DRAINING): agent.stop() → STOPPED
//
// After each round it leaves its progress in shared memory: nothing but the loop itself can look alive.
#pragma once
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <string>
#include <thread>

#include "feedd/clock.hpp"
#include "feedd/progress.hpp"
#include "feedd/stats.hpp"
#include "runtime/idle.hpp"
#include "runtime/loop_totals.hpp"

namespace hft::feedd {

template <class Candidate>
concept Agent = requires(Candidate agent) {
  { agent.do_work() }
  noexcept->std::same_as<unsigned>;
  { agent.stop() }
  noexcept->std::same_as<void>;
  { agent.totals() }
  noexcept->std::same_as<LoopTotals>;
};

class HotThread {
 public:
  // `agent` and what `progress` writes to must outlive the thread.
  template <Agent A>
  HotThread(const char* name, A& agent, Idle idle, Counter iterations, ProgressWriter progress)
      : name_(name), thread_([this, &agent, idle, iterations, progress] { run(agent, idle, iterations, progress); }) {
    ::pthread_setname_np(thread_.native_handle(), name);
    started_.wait(false, std::memory_order_acquire);  // pairs with the store in run
  }
  HotThread(const HotThread&) = delete;
  HotThread& operator=(const HotThread&) = delete;
  ~HotThread() { finish(); }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] pid_t thread_id() const noexcept { return thread_id_; }

  void go() noexcept {
    may_go_.store(true, std::memory_order_release);  // pairs with the wait in run
    may_go_.notify_one();
  }
  // Ends the rounds, lets the agent stop, joins. Idempotent.
  void finish() {
    end_.store(true, std::memory_order_relaxed);
    go();
    if (thread_.joinable()) thread_.join();
  }

 private:
  static constexpr std::size_t STACK_BYTES_TOUCHED = 256 * 1024;

  template <Agent A>
  void run(A& agent, Idle mode, Counter iterations, ProgressWriter progress) noexcept {
    touch_stack();
    thread_id_ = ::gettid();
    progress.set_thread_id(static_cast<std::uint64_t>(thread_id_));
    progress.enter(schema::LoopState::WARMUP, monotonic_ns());
    started_.store(true, std::memory_order_release);  // pairs with the wait in the constructor
    started_.notify_one();
    may_go_.wait(false, std::memory_order_acquire);  // pairs with the store in go
    if (!end_.load(std::memory_order_relaxed)) progress.enter(schema::LoopState::READY, monotonic_ns());
    IdleStrategy idle(mode);
    // Relaxed: nothing else is passed through `end_`, and the join orders what follows.
    while (!end_.load(std::memory_order_relaxed)) {
      const unsigned work = agent.do_work();
      iterations.add();
      leave_progress(agent, progress);
      idle.idle(work);
    }
    progress.enter(schema::LoopState::DRAINING, monotonic_ns());
    agent.stop();
    leave_progress(agent, progress);
    progress.enter(schema::LoopState::STOPPED, monotonic_ns());
  }

  template <Agent A>
  static void leave_progress(const A& agent, ProgressWriter& progress) noexcept {
    const LoopTotals totals = agent.totals();
    progress.round(totals.consumed, totals.produced, totals.lag_records);
  }

  // Page faults belong before the first round.
  [[gnu::noinline]] static void touch_stack() noexcept {
    std::array<std::byte, STACK_BYTES_TOUCHED> pages;
    for (std::size_t i = 0; i < pages.size(); i += 4096) {
      static_cast<volatile std::byte*>(pages.data())[i] = std::byte{0};
    }
  }

  std::string name_;
  pid_t thread_id_ = 0;
  std::atomic<bool> started_{false};
  std::atomic<bool> may_go_{false};
  std::atomic<bool> end_{false};
  std::thread thread_;  // last: it uses the members above
};

}  // namespace hft::feedd
