// What we send. desk_events.cpp: what the venue says; desk_session.cpp: its session; desk_updates.cpp: what we tell.
#include "gateway/orders/order_desk.hpp"

#include "gateway/orders/client_id.hpp"
#include "gateway/orders/order_change.hpp"
#include "gateway/state_words.hpp"

namespace hft::feedd {

using schema::IntentAction;
using schema::OrderState;
using schema::RefusalReason;
using schema::UpdateKind;

OrderDesk::OrderDesk(const DeskRegions& regions, RingWriter<schema::OrderUpdate>& updates, const Config& config,
                     std::unique_ptr<Venue> venue, DeskStats& stats, Clock clock)
    : state_(regions.state),
      updates_(updates),
      stats_(stats),
      clock_(clock),
      venue_(std::move(venue)),
      accounts_(regions.positions),
      table_(regions.orders, Accounts::ACCOUNTS_MAX),
      bucket_(config.risk.limits, clock()) {
  for (const std::string& symbol : config.risk.symbols) accounts_.allow(symbol);
  store_figures();
}

bool OrderDesk::reconciled() const noexcept {
  if (!settled_ || lost_track_) return false;
  for (AccountPlace place = 0; place < accounts_.size(); ++place) {
    const Account& account = accounts_.at(place);
    if (!account.idle() && account.instrument_id == 0) return false;
  }
  return true;
}

unsigned OrderDesk::poll(std::uint64_t now_ns) noexcept {
  const unsigned handled = venue_->poll(now_ns, *this);
  if (cancels_refused_) retry_refused_cancels(now_ns);
  const unsigned sent = cancels_due_ != 0 ? send_due_cancels(now_ns) : 0;
  if (handled + sent != 0) store_figures();
  return handled + sent;
}

void OrderDesk::attach(std::uint64_t intents_generation) noexcept {
  intents_generation_ = intents_generation;
  table_.set_intents_generation(intents_generation);
  queue_tags_[queues_++ % QUEUES_REMEMBERED] = queue_tag(intents_generation);
}

RefusalReason OrderDesk::refers_well(const schema::OrderIntent& intent) const noexcept {
  if (intent.action() == IntentAction::NEW) return RefusalReason::NONE;
  const bool replaces = intent.action() == IntentAction::REPLACE;
  const OrderPlace place = table_.by_order_id(replaces ? intent.replaced_order_id() : intent.order_id());
  if (place == NO_PLACE) return RefusalReason::UNKNOWN_ORDER;
  const OpenOrder& order = table_.at(place);
  const Account& account = accounts_.at(order.account);
  if (account.instrument_id != intent.instrument_id()) return RefusalReason::UNKNOWN_ORDER;
  if (order.cancel_sent || order.cancel_wanted || order.partner != NO_PLACE) return RefusalReason::ORDER_BUSY;
  if (!replaces) return RefusalReason::NONE;
  if (order.side != intent.side()) return RefusalReason::UNKNOWN_ORDER;
  if (order.state == OrderState::UNKNOWN) return RefusalReason::ORDER_UNKNOWN;
  return order.accepted ? RefusalReason::NONE : RefusalReason::ORDER_BUSY;
}

RefusalReason OrderDesk::prepare(const schema::OrderIntent& intent, Sender sender, const OrderTimes& times) noexcept {
  prepared_ = {intent.action(), NO_PLACE, NO_PLACE, times.gate_ns, false};
  if (intent.action() == IntentAction::CANCEL) {
    prepared_.place = table_.by_order_id(intent.order_id());
    return RefusalReason::NONE;
  }
  if (intent.action() == IntentAction::NONE) return RefusalReason::MALFORMED_INTENT;
  if (table_.full()) return RefusalReason::TABLE_FULL;
  if (intent.action() == IntentAction::NEW) {
    prepare_new(intent, sender, times);
  } else {
    prepare_replace(intent, times);
  }
  return RefusalReason::NONE;
}

RefusalReason OrderDesk::transmit(const schema::OrderIntent& intent, std::uint64_t send_ns,
                                  schema::OrderUpdate& out) noexcept {
  return intent.action() == IntentAction::CANCEL ? transmit_cancel(intent, send_ns, out) : transmit_order(send_ns, out);
}

void OrderDesk::withdraw() noexcept {
  switch (prepared_.action) {
    case IntentAction::NEW: return remove(prepared_.place);
    case IntentAction::REPLACE: return drop_replacement(prepared_.replaced);
    case IntentAction::CANCEL:
    case IntentAction::NONE: return;
  }
}

OpenOrder OrderDesk::order_of(const schema::OrderIntent& intent, Sender sender, const OrderTimes& times,
                              AccountPlace account) const noexcept {
  OpenOrder order;
  order.intents_generation = sender == Sender::QUEUE ? intents_generation_ : 0;
  order.queue_tag = queue_tag(order.intents_generation);
  order.token = next_token_;
  order.account = account;
  order.order_id = intent.order_id();
  order.intent_id = intent.intent_id();
  order.intent_sequence = intent.sequence();
  order.epoch = intent.epoch();
  order.market_seq = intent.market_seq();
  order.price = static_cast<std::uint64_t>(intent.price());
  order.quantity = order.leaves = intent.quantity();
  order.times = times;
  order.strategy_id = intent.strategy_id();
  order.side = intent.side();
  order.time_in_force = intent.time_in_force();
  order.flags = intent.flags();
  order.state = OrderState::SENT;
  return order;
}

namespace {

bool post_only(const OpenOrder& order) noexcept {
  return (static_cast<unsigned>(order.flags) & static_cast<unsigned>(schema::IntentFlags::POST_ONLY)) != 0;
}

// Long is what we own and have not offered yet; `own_offer` is what a replacement may take over.
bool sells_short(const OpenOrder& order, std::uint64_t own_offer, const Account& account) noexcept {
  const WideInt owned = static_cast<WideInt>(account.position) - account.open_sell_quantity + own_offer;
  return !order.buys() && owned < static_cast<WideInt>(order.leaves);
}

}  // namespace

// In the table before it is on the wire: a session that breaks while sending leaves it there, unknown.
void OrderDesk::prepare_new(const schema::OrderIntent& intent, Sender sender, const OrderTimes& times) noexcept {
  const AccountPlace account = accounts_.by_instrument(intent.instrument_id());
  OpenOrder order = order_of(intent, sender, times, account);
  order.short_sale = sells_short(order, 0, accounts_.at(account));
  prepared_.place = add(order);
  venue_->encode(VenueOrder{order.token, order.side, order.time_in_force, post_only(order), order.short_sale,
                            static_cast<std::uint32_t>(order.quantity), order.price, accounts_.at(account).symbol,
                            encode_client_id({order.queue_tag, order.order_id})});
}

void OrderDesk::prepare_replace(const schema::OrderIntent& intent, const OrderTimes& times) noexcept {
  const OrderPlace old_place = table_.by_order_id(intent.replaced_order_id());
  const OpenOrder& old = table_.at(old_place);
  OpenOrder order = order_of(intent, Sender::QUEUE, times, old.account);
  order.replacing = true;
  order.filled = old.filled;
  order.quantity = old.filled + intent.quantity();
  order.partner = old_place;
  order.short_sale = old.short_sale || sells_short(order, exposure(old_place), accounts_.at(old.account));
  const std::uint64_t mark_quantity = order.short_sale && !old.short_sale ? old.quantity : 0;
  const OrderPlace place = add(order);
  change(old_place, [place](OpenOrder& changed) { changed.partner = place; });
  prepared_.place = place;
  prepared_.replaced = old_place;
  VenueReplace message;
  message.replaced_token = old.token;
  message.token = order.token;
  message.time_in_force = order.time_in_force;
  message.post_only = post_only(order);
  message.chain_quantity = static_cast<std::uint32_t>(order.quantity);
  message.mark_short_quantity = static_cast<std::uint32_t>(mark_quantity);
  message.price = order.price;
  message.client_id = encode_client_id({order.queue_tag, order.order_id});
  venue_->encode(message);
  prepared_.marks_short = mark_quantity != 0;
}

RefusalReason OrderDesk::transmit_order(std::uint64_t send_ns, schema::OrderUpdate& out) noexcept {
  table_.at(prepared_.place).times.send_ns = send_ns;
  if (venue_->transmit(send_ns) == SendResult::WOULD_BLOCK) {
    withdraw();
    return RefusalReason::SOCKET_FULL;
  }
  if (prepared_.replaced != NO_PLACE) {
    if (prepared_.marks_short) bucket_.spend();  // two messages; that it is marked is the venue's to say
    const std::uint32_t account = table_.at(prepared_.replaced).account;
    table_.publish(prepared_.replaced, accounts_.at(account).instrument_id, updates_.sequence());
  }
  ++next_token_;
  ++orders_sent_;
  stats_.orders_sent.add();
  last_sent_ = prepared_.place;
  out = update_of(prepared_.place, UpdateKind::SENT);
  if (prepared_.replaced != NO_PLACE) out.mutate_action(IntentAction::REPLACE);
  return RefusalReason::NONE;
}

RefusalReason OrderDesk::transmit_cancel(const schema::OrderIntent& intent, std::uint64_t send_ns,
                                         schema::OrderUpdate& out) noexcept {
  switch (cancel_on_wire(prepared_.place, send_ns)) {
    case SendResult::SENT: break;
    case SendResult::WOULD_BLOCK: return RefusalReason::SOCKET_FULL;
    case SendResult::NO_SESSION: return RefusalReason::NO_SESSION;
  }
  last_sent_ = NO_PLACE;  // a cancel needs no cancelling
  out = update_of(prepared_.place, UpdateKind::SENT);
  out.mutate_action(IntentAction::CANCEL);
  out.mutate_intent_id(intent.intent_id());
  out.mutate_intent_sequence(intent.sequence());
  out.mutate_strategy_id(intent.strategy_id());
  out.mutate_market_seq(intent.market_seq());
  out.mutate_market_receive_ts_ns(intent.market_receive_ts_ns());
  out.mutate_market_publish_ts_ns(intent.market_publish_ts_ns());
  out.mutate_intent_emit_ts_ns(intent.emit_ts_ns());
  out.mutate_gate_ts_ns(prepared_.gate_ns);
  out.mutate_send_ts_ns(send_ns);
  return RefusalReason::NONE;
}

OrderPlace OrderDesk::add(const OpenOrder& order) noexcept {
  const OrderPlace place = table_.add(order);
  accounts_.at(order.account).open_orders += 1;
  accounts_.change_open(order.account, order.side, 0, exposure(place));
  recount(false, unanswered(order));
  return place;
}

// An order and its replacement: each counts alone from here on.
void OrderDesk::part(OrderPlace place) noexcept {
  const OrderPlace partner = table_.at(place).partner;
  if (partner == NO_PLACE) return;
  change(place, [](OpenOrder& order) { order.partner = NO_PLACE; });
  change(partner, [](OpenOrder& order) { order.partner = NO_PLACE; });
  const std::uint32_t instrument_id = accounts_.at(table_.at(place).account).instrument_id;
  for (const OrderPlace changed : {place, partner}) table_.publish(changed, instrument_id, updates_.sequence());
}

void OrderDesk::remove(OrderPlace place) noexcept {
  part(place);
  const OpenOrder order = table_.at(place);
  accounts_.change_open(order.account, order.side, exposure(place), 0);
  accounts_.at(order.account).open_orders -= 1;
  recount(unanswered(order), false);
  cancels_due_ -= order.cancel_wanted && !order.cancel_sent ? 1 : 0;
  if (last_sent_ == place) last_sent_ = NO_PLACE;
  table_.remove(place);
}

SendResult OrderDesk::cancel_on_wire(OrderPlace place, std::uint64_t now_ns) noexcept {
  const SendResult result = venue_->cancel(table_.at(place).token, now_ns);
  if (result != SendResult::SENT) return result;
  change(place, [now_ns](OpenOrder& order) {
    order.cancel_sent = true;
    order.cancel_refused = false;
    order.cancel_sent_ns = now_ns;
  });
  ++cancels_sent_;
  stats_.cancels_sent.add();
  store_word(state_, LAST_CANCEL_TS_NS, clock_());
  return result;
}

void OrderDesk::cancel_in_window(std::uint64_t now_ns) noexcept {
  if (last_sent_ == NO_PLACE) return;
  want_cancel(last_sent_, now_ns);
  send_due_cancels(now_ns);
}

void OrderDesk::cancel_everything(std::uint64_t now_ns) noexcept {
  for (OrderPlace place = 0; place < table_.places(); ++place) {
    if (table_.at(place).in_use()) want_cancel(place, now_ns);
  }
}

void OrderDesk::cancel_of_account(AccountPlace account, std::uint64_t now_ns) noexcept {
  for (OrderPlace place = table_.first_of(account); place != NO_PLACE; place = table_.at(place).next) {
    want_cancel(place, now_ns);
  }
}

void OrderDesk::cancel_of_strategy(std::uint32_t strategy_id, std::uint64_t now_ns) noexcept {
  for (OrderPlace place = 0; place < table_.places(); ++place) {
    const OpenOrder& order = table_.at(place);
    if (order.in_use() && order.strategy_id == strategy_id) want_cancel(place, now_ns);
  }
}

// Whoever wanted these gone still does, and a strategy can not ask: its own cancel is refused meanwhile.
void OrderDesk::retry_refused_cancels(std::uint64_t now_ns) noexcept {
  if (now_ns < refused_due_ns_) return;
  refused_due_ns_ = now_ns + CANCEL_RETRY_NS / 10;
  cancels_refused_ = false;
  for (OrderPlace place = 0; place < table_.places(); ++place) {
    if (!table_.at(place).in_use() || !table_.at(place).cancel_refused) continue;
    want_cancel(place, now_ns);
    cancels_refused_ = cancels_refused_ || table_.at(place).cancel_sent;
  }
}

// A cancel that was sent long ago and had no effect is sent again: the venue may have refused it for a while.
void OrderDesk::want_cancel(OrderPlace place, std::uint64_t now_ns) noexcept {
  const OpenOrder& order = table_.at(place);
  const bool due = order.cancel_wanted && !order.cancel_sent;
  const bool stale = order.cancel_sent && now_ns - order.cancel_sent_ns >= CANCEL_RETRY_NS;
  if (due || (order.cancel_sent && !stale)) return;
  change(place, [](OpenOrder& changed) {
    changed.cancel_wanted = true;
    changed.cancel_sent = false;
  });
  if (stale) table_.publish(place, accounts_.at(order.account).instrument_id, updates_.sequence());
  ++cancels_due_;
}

unsigned OrderDesk::send_due_cancels(std::uint64_t now_ns) noexcept {
  if (!up()) return 0;
  unsigned sent = 0;
  for (std::uint32_t looked = 0; looked < table_.places() && cancels_due_ != 0 && sent < CANCELS_A_POLL; ++looked) {
    const OrderPlace place = cancel_cursor_;
    const OpenOrder& order = table_.at(place);
    if (order.in_use() && order.cancel_wanted && !order.cancel_sent) {
      if (!bucket_.cancel_allowed(now_ns)) return sent;
      if (cancel_on_wire(place, now_ns) != SendResult::SENT) return sent;
      bucket_.spend();
      --cancels_due_;
      tell(place, UpdateKind::SENT, IntentAction::CANCEL);
      ++sent;
    }
    cancel_cursor_ = place + 1 < table_.places() ? place + 1 : 0;
  }
  return sent;
}

void OrderDesk::log_off(std::uint64_t now_ns) noexcept { venue_->log_off(now_ns, *this); }

void OrderDesk::log_on() noexcept { venue_->log_on(); }

}  // namespace hft::feedd
