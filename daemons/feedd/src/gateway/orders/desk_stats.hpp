// What the gateway counts of its orders: docs/METRICS.md has a line for each name.
#pragma once
#include "feedd/stats.hpp"
#include "runtime/stats_registry.hpp"

namespace hft::feedd {

struct DeskStats {
  Counter orders_sent, cancels_sent, accepted, fills, filled_quantity, canceled, rejected, replaced, broken, unknown,
      ignored, foreign, overfilled, unattributed;
  Counter open_orders, unacknowledged;  // gauges
  Histogram send_to_answer_ns;

  void declare(StatsRegistry& registry) {
    registry.written_by(StatWriter::GATEWAY);
    registry.counter(orders_sent, "feedd_orders_sent_total", "orders");
    registry.counter(cancels_sent, "feedd_cancels_sent_total", "cancels");
    const auto event = [&registry](Counter& counter, const char* name) {
      registry.counter(counter, "feedd_order_events_total", "events", stat_label("kind", name));
    };
    event(accepted, "accepted");
    event(fills, "filled");
    event(canceled, "canceled");
    event(rejected, "rejected");
    event(replaced, "replaced");
    event(broken, "broken");
    event(unknown, "unknown");
    event(ignored, "ignored");
    event(foreign, "foreign");
    event(overfilled, "overfilled");
    event(unattributed, "unattributed");
    registry.counter(filled_quantity, "feedd_filled_quantity_total", "shares");
    registry.gauge(open_orders, "feedd_open_orders", "orders");
    registry.gauge(unacknowledged, "feedd_unacknowledged_messages", "messages");
    registry.histogram(send_to_answer_ns, "feedd_send_to_answer_ns", "ns");
  }
};

}  // namespace hft::feedd
