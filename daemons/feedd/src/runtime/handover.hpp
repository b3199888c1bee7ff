// Hands an object from the helper thread to a hot thread and the old one back, so that a hot thread never
// allocates, maps or unmaps. One object in flight each way.
//
//   helper: collect → offer          hot: take (old one goes back)
//
// An empty unique_ptr can not be offered: "nothing any more" is an object that says so.
#pragma once
#include <atomic>
#include <memory>

namespace hft::feedd {

template <class T>
class Handover {
 public:
  Handover() = default;
  Handover(const Handover&) = delete;
  Handover& operator=(const Handover&) = delete;
  ~Handover() {
    delete offered_.load(std::memory_order_relaxed);
    delete returned_.load(std::memory_order_relaxed);
  }

  // Helper. Only when idle(): the hot thread has taken the last offer.
  void offer(std::unique_ptr<T> object) noexcept {
    offered_.store(object.release(), std::memory_order_release);  // pairs with the exchange in take
  }
  [[nodiscard]] bool idle() const noexcept { return offered_.load(std::memory_order_relaxed) == nullptr; }

  // Helper. What the hot thread no longer uses; empty = nothing came back.
  [[nodiscard]] std::unique_ptr<T> collect() noexcept {
    // Pairs with the release store in take: the hot thread's last use of the object is behind us.
    return std::unique_ptr<T>(returned_.exchange(nullptr, std::memory_order_acquire));
  }

  // Hot thread. True when take() would bring something new; waits for the helper to collect the last return.
  [[nodiscard]] bool pending() const noexcept {
    return offered_.load(std::memory_order_relaxed) != nullptr && returned_.load(std::memory_order_relaxed) == nullptr;
  }
  // Hot thread, when pending(). Gives `used` (may be null) back and returns the new object.
  [[nodiscard]] T* take(T* used) noexcept {
    T* fresh = offered_.exchange(nullptr, std::memory_order_acquire);  // pairs with the store in offer
    returned_.store(used, std::memory_order_release);                  // pairs with the exchange in collect
    return fresh;
  }

 private:
  std::atomic<T*> offered_{nullptr};
  std::atomic<T*> returned_{nullptr};
};

}  // namespace hft::feedd
