#include "gateway/gateway_agent.hpp"

#include <cctype>
#include <string>

#include "feedd/clock.hpp"

namespace hft::feedd {
namespace {

// Control words of GatewayState, by their place in the schema. Readers: braind and watchd.
enum StateWord : std::size_t {
  FENCE_TOKEN_SEEN = 16,
  FENCE_EPOCH_SEEN = 17,
  UPDATES_WATERMARK = 21,
  UPDATES_GENERATION = 22,
  INTENTS_REFUSED = 23,
};
static_assert(sizeof(schema::GatewayState) == 32 * sizeof(std::uint64_t));

void store_word(schema::GatewayState& state, StateWord word, std::uint64_t value) noexcept {
  // Release: a reader that sees the watermark sees the updates up to it.
  control_word(reinterpret_cast<std::uint64_t*>(&state)[word]).store(value, std::memory_order_release);
}

}  // namespace

void GatewayStats::declare(StatsRegistry& registry) {
  registry.written_by(StatWriter::GATEWAY);
  for (std::size_t reason = 1; reason < REFUSAL_REASONS; ++reason) {
    std::string name = schema::EnumNameRefusalReason(static_cast<schema::RefusalReason>(reason));
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    registry.counter(refused[reason], "feedd_intents_refused_total", "intents", stat_label("reason", name));
  }
  registry.histogram(intent_to_answer_ns, "feedd_intent_to_answer_ns", "ns");
  registry.counter(loop_iterations, "feedd_loop_iterations_total", "rounds", stat_label("thread", "gateway"));
}

GatewayAgent::GatewayAgent(Region& state, Region& updates, const IntentLimits& limits, GatewayStats& stats,
                           Handover<Region>& intents_mailbox, Handover<Region>& fence_mailbox) noexcept
    : state_(*reinterpret_cast<schema::GatewayState*>(state.records())),
      updates_(updates),
      consumer_(state_),
      limits_(limits),
      stats_(stats),
      intents_mailbox_(intents_mailbox),
      fence_mailbox_(fence_mailbox) {
  store_word(state_, UPDATES_GENERATION, updates.generation());
}

GatewayAgent::~GatewayAgent() {
  delete intents_;
  delete fence_region_;
}

unsigned GatewayAgent::do_work() noexcept {
  unsigned work = 0;
  if (fence_mailbox_.pending()) {
    take_fence();
    ++work;
  }
  report_fence();
  if (intents_mailbox_.pending()) {
    take_intents();
    ++work;
  }
  return work + (consumer_.attached() ? answer_intents(INTENTS_A_ROUND) : 0);
}

void GatewayAgent::stop() noexcept {
  if (!consumer_.attached()) return;
  consumer_.close();
  // A producer that passed its check right before may still be writing.
  for (std::uint64_t quiet_since_ns = monotonic_ns(); monotonic_ns() - quiet_since_ns < STOP_GRACE_NS;) {
    if (answer_intents(INTENTS_A_ROUND) != 0) quiet_since_ns = monotonic_ns();
  }
  consumer_.detach();
}

unsigned GatewayAgent::answer_intents(unsigned count_max) noexcept {
  schema::OrderIntent intent;
  unsigned answered = 0;
  while (answered < count_max && consumer_.pop(intent)) {
    const std::uint64_t now_ns = monotonic_ns();
    refuse(intent, judge(intent, now_ns), now_ns);
    ++answered;
  }
  if (answered != 0) {
    store_word(state_, UPDATES_WATERMARK, updates_.sequence());
    store_word(state_, INTENTS_REFUSED, refused_);
    consumer_.commit();
  }
  return answered;
}

schema::RefusalReason GatewayAgent::judge(const schema::OrderIntent& intent, std::uint64_t now_ns) const noexcept {
  if (!well_formed(intent, limits_)) return schema::RefusalReason::MALFORMED_INTENT;
  if (fence_.token() == 0 || !(now_ns < fence_.lease_deadline_ns())) return schema::RefusalReason::FENCE_CLOSED;
  return schema::RefusalReason::FENCE_CLOSED;
}

void GatewayAgent::refuse(const schema::OrderIntent& intent, schema::RefusalReason reason,
                          std::uint64_t now_ns) noexcept {
  schema::OrderUpdate update;
  update.mutate_publish_ts_ns(now_ns);
  update.mutate_intent_id(intent.intent_id());
  update.mutate_intent_sequence(intent.sequence());
  update.mutate_intents_generation(intents_->generation());
  update.mutate_epoch(intent.epoch());
  update.mutate_order_id(intent.order_id());
  update.mutate_instrument_id(intent.instrument_id());
  update.mutate_kind(schema::UpdateKind::REFUSED);
  update.mutate_reason(reason);
  update.mutate_side(intent.side());
  update.mutate_price(intent.price());
  update.mutate_quantity(intent.quantity());
  update.mutate_intent_emit_ts_ns(intent.emit_ts_ns());
  updates_.publish(update);
  ++refused_;
  stats_.refused[static_cast<std::size_t>(reason)].add();
  if (intent.emit_ts_ns() < now_ns) stats_.intent_to_answer_ns.record(now_ns - intent.emit_ts_ns());
}

// The old generation's writer is gone: what it left is answered before its region goes back.
void GatewayAgent::take_intents() noexcept {
  if (consumer_.attached()) {
    consumer_.close();
    answer_intents(static_cast<unsigned>(intents_->capacity_records()));
  }
  intents_ = intents_mailbox_.take(intents_);
  if (*intents_) {
    consumer_.attach(*intents_);
  } else {
    consumer_.detach();
  }
}

void GatewayAgent::take_fence() noexcept {
  fence_region_ = fence_mailbox_.take(fence_region_);
  fence_ = FenceView(*fence_region_);
}

// Tells watchd and braind which fence this gateway obeys.
void GatewayAgent::report_fence() noexcept {
  const std::uint64_t token = fence_.token();
  const std::uint64_t epoch = fence_.epoch();
  if (token != token_reported_) store_word(state_, FENCE_TOKEN_SEEN, token_reported_ = token);
  if (epoch != epoch_reported_) store_word(state_, FENCE_EPOCH_SEEN, epoch_reported_ = epoch);
}

}  // namespace hft::feedd
