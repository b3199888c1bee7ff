// May an order go out now? Pure: one look at fence and vetoes in, the first "no" out.
//
//   token ≠ 0 ─ made for us ─ lease current, epoch not latched ─ the order's epoch ─ no veto ─ not paused
#pragma once
#include <cstdint>

#include "feedd/fence.hpp"
#include "hft/schema/hft_generated.h"

namespace hft::feedd {

// What fence and vetoes say at one moment. Made of nothing, it is closed.
struct FenceSnapshot {
  std::uint64_t token = 0;
  std::uint64_t epoch = 0;
  std::uint64_t lease_deadline_ns = 0;
  std::uint64_t token_of_ours = 0;  // what the token must be, for this epoch
  std::uint64_t epoch_latched = 0;  // 0 = none
  std::uint64_t operator_veto = static_cast<std::uint64_t>(schema::VetoReason::OPERATOR);  // also: not mapped
  std::uint64_t braind_veto = 0;

  [[nodiscard]] bool token_is_ours() const noexcept { return token != 0 && token == token_of_ours; }
};

// Token, epoch and lease that belong together. A fence that is closed or opened meanwhile is looked at again; one
// that never holds still is closed.
[[nodiscard]] FenceSnapshot snapshot_of(const FenceView& fence) noexcept;

// May anything go out? NONE = yes. Each comparison is written so that a value nobody thought of says no.
[[nodiscard]] schema::RefusalReason fence_refusal(const FenceSnapshot& seen, std::uint64_t now_ns) noexcept;

// May this order? `paused` is what the fence says of its instrument and strategy: cancels pass nevertheless.
[[nodiscard]] schema::RefusalReason order_refusal(const FenceSnapshot& seen, const schema::OrderIntent& order,
                                                  bool paused, std::uint64_t now_ns) noexcept;

}  // namespace hft::feedd
