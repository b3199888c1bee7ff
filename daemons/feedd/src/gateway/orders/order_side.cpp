#include "gateway/orders/order_side.hpp"

#include "gateway/orders/client_id.hpp"
#include "gateway/state_words.hpp"

namespace hft::feedd {

using schema::CloseReason;
using schema::IntentAction;
using schema::RefusalReason;

namespace {

// While the fence is shut, orders that turn up (a replay, a late acceptance) are looked for this often.
constexpr std::uint64_t CANCEL_ALL_INTERVAL_NS = 1'000'000;

}  // namespace

OrderSide::OrderSide(OrderParts& parts, Region& state, RingWriter<schema::OrderUpdate>& updates, Clock clock)
    : state_(state),
      updates_(updates),
      clock_(clock),
      desk_({state, parts.positions, parts.orders}, updates, parts.config, std::move(parts.venue), parts.stats, clock),
      keeper_(parts.config.risk, parts.board, parts.feed, desk_),
      closer_(desk_, keeper_) {}

unsigned OrderSide::work(const FenceSnapshot& seen, std::uint64_t close_reason, std::uint64_t now_ns) noexcept {
  const RefusalReason refusal = fence_refusal(seen, now_ns);
  obey_fence(refusal != RefusalReason::NONE, close_reason, now_ns);
  obey_commands(now_ns);
  if (closer_.busy() && shut_) closer_.give_up(refusal);
  tell_closed();
  keeper_.look_around(now_ns);
  keeper_.refresh_limits();
  if (keeper_.limits_sequence() != limits_told_) tell_limits();
  return desk_.poll(now_ns);
}

// Shut: everything open is cancelled, again and again until it is gone. After a kill we then leave the venue, and come
// back when a person has cleared it.
void OrderSide::obey_fence(bool shut, std::uint64_t close_reason, std::uint64_t now_ns) noexcept {
  if (shut != shut_) tell_shut(shut, now_ns);
  if (shut && now_ns >= next_cancel_all_ns_ && desk_.table().open_orders() != 0) {
    next_cancel_all_ns_ = now_ns + CANCEL_ALL_INTERVAL_NS;
    desk_.cancel_everything(now_ns);
  }
  const bool killed = close_reason >= static_cast<std::uint64_t>(CloseReason::OPERATOR);
  if (shut && killed && !logged_off_ && desk_.up() && desk_.nothing_open()) {
    logged_off_ = true;
    desk_.log_off(now_ns);
  } else if (logged_off_ && !killed) {
    logged_off_ = false;
    desk_.log_on();
  }
}

void OrderSide::tell_shut(bool shut, std::uint64_t now_ns) noexcept {
  shut_ = shut;
  next_cancel_all_ns_ = 0;
  if (!shut) return;
  store_word(state_, OPEN_AT_CLOSE, desk_.table().open_orders());
  store_word(state_, CLOSE_SEEN_TS_NS, now_ns);
}

void OrderSide::leave() noexcept {
  const std::uint64_t start_ns = clock_();
  for (std::uint64_t now_ns = start_ns; desk_.up() && !desk_.nothing_open() && now_ns - start_ns < LEAVE_NS;) {
    desk_.cancel_everything(now_ns);
    desk_.poll(now_ns);
    now_ns = clock_();
  }
  desk_.store_figures();
  desk_.log_off(clock_());
}

void OrderSide::obey_commands(std::uint64_t now_ns) noexcept {
  if (const CancelRequest request = commands_.take()) {
    ticket_ = request.ticket;
    switch (request.scope) {
      case schema::CommandScope::INSTRUMENT: {
        const AccountPlace place = desk_.accounts().by_instrument(static_cast<std::uint32_t>(request.subject));
        if (place != NO_ACCOUNT) desk_.cancel_of_account(place, now_ns);
        break;
      }
      case schema::CommandScope::STRATEGY:
        desk_.cancel_of_strategy(static_cast<std::uint32_t>(request.subject), now_ns);
        break;
      case schema::CommandScope::ALL: desk_.cancel_everything(now_ns); break;
    }
    if (request.close_positions) closer_.begin(request, now_ns);
  }
  if (ticket_ == 0 || desk_.cancels_due() != 0) return;
  store_word(state_, CANCEL_ALL_DONE, ticket_);
  ticket_ = 0;
}

void OrderSide::tell_closed() noexcept {
  if (closer_.done() == closed_told_) return;
  closed_told_ = closer_.done();
  store_word(state_, FLATTEN_REFUSAL, static_cast<std::uint64_t>(closer_.refusal()));
  store_word(state_, FLATTEN_DONE, closed_told_);
}

RefusalReason OrderSide::refusal(const schema::OrderIntent& intent, std::uint64_t now_ns) noexcept {
  if (!desk_.up()) return RefusalReason::NO_SESSION;
  const bool cancels = intent.action() == IntentAction::CANCEL;
  if (!cancels && !desk_.reconciled()) return RefusalReason::NOT_RECONCILED;
  if (intent.intent_id() <= last_intent_id_) return RefusalReason::DUPLICATE_INTENT;
  last_intent_id_ = intent.intent_id();
  if (!cancels) {
    if (intent.order_id() <= last_order_id_ || intent.order_id() > ORDER_ID_MAX) {
      return RefusalReason::DUPLICATE_ORDER_ID;
    }
    last_order_id_ = intent.order_id();
  }
  if (const RefusalReason reason = desk_.refers_well(intent); reason != RefusalReason::NONE) return reason;
  return keeper_.refusal(intent, now_ns);
}

void OrderSide::attach(std::uint64_t intents_generation) noexcept {
  last_intent_id_ = last_order_id_ = 0;
  desk_.attach(intents_generation);
}

void OrderSide::start_with(const StartPosition& start) {
  desk_.accounts().start_with(start.symbol, start.position, start.price);
  desk_.store_figures();
}

void OrderSide::tell_limits() noexcept {
  schema::OrderUpdate update;
  update.mutate_kind(schema::UpdateKind::LIMITS);
  update.mutate_publish_ts_ns(clock_());
  update.mutate_order_id(keeper_.limits_sequence());
  updates_.publish(update);
  limits_told_ = keeper_.limits_sequence();
  store_word(state_, LIMITS_SEQUENCE, limits_told_);
}

}  // namespace hft::feedd
