#include "gateway/gateway_stats.hpp"

#include <cctype>
#include <string>

namespace hft::feedd {

void GatewayStats::declare(StatsRegistry& registry) {
  registry.written_by(StatWriter::GATEWAY);
  for (std::size_t reason = 1; reason < REFUSAL_REASONS; ++reason) {
    std::string name = schema::EnumNameRefusalReason(static_cast<schema::RefusalReason>(reason));
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    registry.counter(refused[reason], "feedd_intents_refused_total", "intents", stat_label("reason", name));
  }
  registry.counter(would_send, "feedd_orders_would_send_total", "intents");
  registry.counter(sent, "feedd_intents_sent_total", "intents");
  registry.counter(in_window, "feedd_orders_in_window_total", "intents");
  registry.gauge(fence_open, "feedd_fence_open", "bool");
  registry.histogram(intent_to_answer_ns, "feedd_intent_to_answer_ns", "ns");
  registry.histogram(order_check_ns, "feedd_order_check_ns", "ns");
  registry.histogram(fence_close_seen_ns, "feedd_fence_close_seen_ns", "ns");
  registry.counter(loop_iterations, "feedd_loop_iterations_total", "rounds", stat_label("thread", "gateway"));
}

}  // namespace hft::feedd
