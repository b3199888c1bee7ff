#include "gateway/fence_check.hpp"

namespace hft::feedd {
namespace {

using schema::RefusalReason;

constexpr int LOOKS_MAX = 4;

RefusalReason token_refusal(const FenceSnapshot& seen, std::uint64_t now_ns) noexcept {
  if (seen.token == 0) return RefusalReason::FENCE_CLOSED;
  if (seen.token != seen.token_of_ours) return RefusalReason::TOKEN_FOREIGN;
  const bool current = now_ns < seen.lease_deadline_ns && seen.epoch != seen.epoch_latched;
  return current ? RefusalReason::NONE : RefusalReason::LEASE_LAPSED;
}

RefusalReason veto_refusal(const FenceSnapshot& seen) noexcept {
  if (seen.operator_veto != 0) return RefusalReason::OPERATOR_VETO;
  return seen.braind_veto == 0 ? RefusalReason::NONE : RefusalReason::BRAIND_VETO;
}

}  // namespace

FenceSnapshot snapshot_of(const FenceView& fence) noexcept {
  FenceSnapshot seen;
  for (int look = 0; look < LOOKS_MAX; ++look) {
    seen.token = fence.token();
    seen.epoch = fence.epoch();
    seen.lease_deadline_ns = fence.lease_deadline_ns();
    // FenceWriter zeroes the token before the lease and sets it after epoch and lease: between two loads of the same
    // token nothing but renewals happened. Without this a closing would be taken for a lapsed lease.
    if (fence.token() == seen.token) return seen;
  }
  seen.token = 0;
  return seen;
}

RefusalReason fence_refusal(const FenceSnapshot& seen, std::uint64_t now_ns) noexcept {
  const RefusalReason reason = token_refusal(seen, now_ns);
  return reason == RefusalReason::NONE ? veto_refusal(seen) : reason;
}

RefusalReason order_refusal(const FenceSnapshot& seen, const schema::OrderIntent& order, bool paused,
                            std::uint64_t now_ns) noexcept {
  if (const RefusalReason reason = token_refusal(seen, now_ns); reason != RefusalReason::NONE) return reason;
  if (order.epoch() != seen.epoch) return RefusalReason::WRONG_EPOCH;
  if (const RefusalReason reason = veto_refusal(seen); reason != RefusalReason::NONE) return reason;
  return !paused || order.action() == schema::IntentAction::CANCEL ? RefusalReason::NONE : RefusalReason::PAUSED;
}

}  // namespace hft::feedd
