// The gateway's eye on fence and vetoes: looks, latches a lapsed epoch, and tells watchd and braind what it saw.
//
// A lapse of the lease under our own token shuts that epoch for good: the latch is undone only by a token of ours for
// another epoch, never by a late renewal.
#pragma once
#include <cstdint>

#include "feedd/fence.hpp"
#include "feedd/region.hpp"
#include "gateway/fence_check.hpp"
#include "gateway/gateway_stats.hpp"

namespace hft::feedd {

// CLOCK_MONOTONIC, and what tests put in its place.
using Clock = std::uint64_t (*)() noexcept;

class FenceWatch {
 public:
  // `state` is gateway.state; it and `stats` outlive the watch.
  FenceWatch(Region& state, GatewayStats& stats, Clock clock) noexcept;

  // Regions outlive their use here; an empty one is not mapped, which closes.
  void set_fence(const Region& fence) noexcept { fence_ = FenceView(fence); }
  void set_operator_veto(const Region& veto) noexcept { operator_veto_ = veto ? &veto : nullptr; }
  // The queue that the token must be made for; null = none.
  void set_intents(const Region* intents) noexcept;

  // Whether the venue has an order of ours, or may have one: an epoch that is shut is drained when it has none.
  void set_nothing_open(bool nothing_open) noexcept { nothing_open_ = nothing_open; }
  [[nodiscard]] const FenceView& fence() const noexcept { return fence_; }

  // Each word is read anew. `now_ns` was read before: a lease that has lapsed by then has truly lapsed.
  FenceSnapshot look(std::uint64_t now_ns) noexcept;
  [[nodiscard]] bool paused(const schema::OrderIntent& order) const noexcept {
    return fence_.paused(order.instrument_id(), order.strategy_id());
  }

 private:
  // Words of GatewayState that say what was seen, as they were stored last.
  struct Reported {
    std::uint64_t token = 0, epoch = 0, vetoes = 0, open = 0, drained = 0;
  };

  FenceSnapshot gather(std::uint64_t now_ns) noexcept;
  [[nodiscard]] std::uint64_t token_of_ours(std::uint64_t epoch) noexcept;
  void latch(FenceSnapshot& seen, std::uint64_t now_ns) noexcept;
  void set_latched(std::uint64_t epoch) noexcept;
  void report(const FenceSnapshot& seen, std::uint64_t now_ns) noexcept;
  void report_epoch_end(const FenceSnapshot& seen, schema::RefusalReason refusal, std::uint64_t now_ns) noexcept;

  Region& state_;
  GatewayStats& stats_;
  Clock clock_;
  FenceView fence_;
  const Region* operator_veto_ = nullptr;
  const Region* intents_ = nullptr;
  bool nothing_open_ = true;
  std::uint64_t epoch_latched_ = 0;
  std::uint64_t token_of_ours_ = 0;  // made for the two below
  std::uint64_t token_epoch_ = 0;
  std::uint64_t token_intents_ = 0;
  Reported reported_;
};

}  // namespace hft::feedd
