// What the gateway thread counts: docs/METRICS.md has a line for each name.
#pragma once
#include <array>
#include <cstddef>

#include "feedd/stats.hpp"
#include "hft/schema/hft_generated.h"
#include "runtime/stats_registry.hpp"

namespace hft::feedd {

inline constexpr std::size_t REFUSAL_REASONS = static_cast<std::size_t>(schema::RefusalReason::MAX) + 1;

struct GatewayStats {
  std::array<Counter, REFUSAL_REASONS> refused;  // by reason; NONE is never used
  Counter would_send, sent, in_window, fence_open;
  Histogram intent_to_answer_ns, order_check_ns, fence_close_seen_ns;
  Counter loop_iterations;

  void declare(StatsRegistry& registry);
};

}  // namespace hft::feedd
