// The gateway's dealings with the venue: what is on the wire, what is open, what we hold, and what became of it.
//
//   intent ─ check ─ send ─────────────► Venue ─ on_event ─► table, accounts ─► updates.ring
//            cancel_everything, commands ─► cancels due, paced ─►┘             gateway.orders, gateway.positions
//
// An order's life, by its state (a replacement in flight is an order of its own, tied to the one it replaces):
//
//   SENT ──accepted──► LIVE ──cancel──► CANCELING ──► gone
//                        └───replace──► REPLACING ──► gone, the replacement is LIVE; or LIVE again
//   any of them, unanswered when the session breaks ──► UNKNOWN ──replay──► what the venue says, or as before the
//   message
//
// Silence has a meaning (OUCH 5.0): a cancel or replace of a dead order is never answered, so what waits for one goes
// with the order. One thread: the gateway's.
#pragma once
#include <array>
#include <cstdint>
#include <memory>

#include "feedd/ring.hpp"
#include "gateway/fence_watch.hpp"
#include "gateway/orders/accounts.hpp"
#include "gateway/orders/client_id.hpp"
#include "gateway/orders/desk_stats.hpp"
#include "gateway/orders/fill_log.hpp"
#include "gateway/orders/open_orders.hpp"
#include "gateway/risk/message_bucket.hpp"
#include "gateway/venue.hpp"
#include "runtime/config.hpp"

namespace hft::feedd {

// Who decided an order: a strategy through the queue, or the gateway at a person's word (position_closer.hpp).
enum class Sender : std::uint8_t { QUEUE, GATEWAY };

struct DeskRegions {
  Region& state;      // gateway.state
  Region& positions;  // gateway.positions
  Region& orders;     // gateway.orders
};

class OrderDesk final : public VenueListener {
 public:
  static constexpr std::uint64_t CANCEL_RETRY_NS = 1'000'000'000;
  static constexpr std::size_t QUEUES_REMEMBERED = 64;
  static constexpr unsigned CANCELS_A_POLL = 64;

  // Regions, `updates` and `stats` outlive the desk.
  OrderDesk(const DeskRegions& regions, RingWriter<schema::OrderUpdate>& updates, const Config& config,
            std::unique_ptr<Venue> venue, DeskStats& stats, Clock clock);

  [[nodiscard]] Accounts& accounts() noexcept { return accounts_; }
  [[nodiscard]] const OpenOrders& table() const noexcept { return table_; }
  [[nodiscard]] std::uint32_t unacknowledged() const noexcept { return unacknowledged_; }
  // Nothing of an earlier life, or of a broken session, is unknown.
  [[nodiscard]] bool reconciled() const noexcept;
  [[nodiscard]] bool nothing_open() const noexcept { return table_.open_orders() == 0 && reconciled(); }
  [[nodiscard]] bool up() const noexcept { return venue_->session() == schema::VenueSession::UP; }
  [[nodiscard]] MessageBucket& bucket() noexcept { return bucket_; }

  // Moves the venue's packets, sends the cancels that are due; returns how much it did.
  unsigned poll(std::uint64_t now_ns) noexcept;
  // The queue whose orders are addressed by their ids, 0 = none.
  void attach(std::uint64_t intents_generation) noexcept;

  // What a CANCEL or REPLACE refers to.
  [[nodiscard]] schema::RefusalReason refers_well(const schema::OrderIntent& intent) const noexcept;
  // Makes a checked intent ready, in the table and encoded; transmit() or withdraw() comes next. TABLE_FULL: nothing
  // happened. `times` but for when it is sent.
  schema::RefusalReason prepare(const schema::OrderIntent& intent, Sender sender, const OrderTimes& times) noexcept;
  // Puts that intent on the wire. SOCKET_FULL, and NO_SESSION for a cancel: it was withdrawn. `out` is what to answer.
  schema::RefusalReason transmit(const schema::OrderIntent& intent, std::uint64_t send_ns,
                                 schema::OrderUpdate& out) noexcept;
  void withdraw() noexcept;
  // Publishes what the last send filled in.
  void answer(schema::OrderUpdate& update, const schema::OrderIntent& intent, std::uint64_t sent_ns) noexcept;
  // The order of the last send: the fence closed meanwhile.
  void cancel_in_window(std::uint64_t now_ns) noexcept;

  // The fence is shut: all open orders are to be cancelled. Idempotent.
  void cancel_everything(std::uint64_t now_ns) noexcept;
  void cancel_of_account(AccountPlace account, std::uint64_t now_ns) noexcept;
  void cancel_of_strategy(std::uint32_t strategy_id, std::uint64_t now_ns) noexcept;
  // Cancels that were asked for and are not on the wire.
  [[nodiscard]] std::uint32_t cancels_due() const noexcept { return cancels_due_; }
  void log_off(std::uint64_t now_ns) noexcept;
  void log_on() noexcept;
  // The board names an account, or names it anew.
  void name_account(AccountPlace place, std::uint32_t instrument_id) noexcept;
  // Words of gateway.state.
  void store_figures() noexcept;

  void on_event(const VenueEvent& event) noexcept override;
  void on_session(schema::VenueSession session) noexcept override;

 private:
  // Between prepare() and transmit(): the place of a new order, of an order to be cancelled, or of a replacement and
  // of what it replaces.
  struct Prepared {
    schema::IntentAction action = schema::IntentAction::NONE;
    OrderPlace place = NO_PLACE;
    OrderPlace replaced = NO_PLACE;
    std::uint64_t gate_ns = 0;
    bool marks_short = false;  // what is replaced, by the same packet
  };

  // order_desk.cpp: what we send
  void prepare_new(const schema::OrderIntent& intent, Sender sender, const OrderTimes& times) noexcept;
  void prepare_replace(const schema::OrderIntent& intent, const OrderTimes& times) noexcept;
  schema::RefusalReason transmit_order(std::uint64_t send_ns, schema::OrderUpdate& out) noexcept;
  schema::RefusalReason transmit_cancel(const schema::OrderIntent& intent, std::uint64_t send_ns,
                                        schema::OrderUpdate& out) noexcept;
  [[nodiscard]] OpenOrder order_of(const schema::OrderIntent& intent, Sender sender, const OrderTimes& times,
                                   AccountPlace account) const noexcept;
  OrderPlace add(const OpenOrder& order) noexcept;
  void part(OrderPlace place) noexcept;
  void remove(OrderPlace place) noexcept;
  SendResult cancel_on_wire(OrderPlace place, std::uint64_t now_ns) noexcept;
  void want_cancel(OrderPlace place, std::uint64_t now_ns) noexcept;
  void retry_refused_cancels(std::uint64_t now_ns) noexcept;
  unsigned send_due_cancels(std::uint64_t now_ns) noexcept;

  // desk_events.cpp: what the venue says
  void accepted(const VenueEvent& event) noexcept;
  void replaced(const VenueEvent& event) noexcept;
  void canceled(const VenueEvent& event) noexcept;
  void executed(const VenueEvent& event) noexcept;
  void broken(const VenueEvent& event) noexcept;
  void rejected(const VenueEvent& event) noexcept;
  void cancel_answered(const VenueEvent& event, schema::UpdateKind kind) noexcept;
  void changed(const VenueEvent& event, schema::UpdateKind kind) noexcept;
  OrderPlace adopt(const VenueEvent& event, std::uint64_t filled) noexcept;
  [[nodiscard]] OrderPlace place_of(const VenueEvent& event) noexcept;
  [[nodiscard]] bool from_here(const OrderOrigin& origin) const noexcept;
  void never_arrived(OrderPlace place) noexcept;
  void end(OrderPlace place, schema::UpdateKind kind, const VenueEvent& event) noexcept;
  void drop_replacement(OrderPlace place) noexcept;
  schema::OrderUpdate take_off_replacement(OrderPlace place) noexcept;

  // desk_session.cpp: what a session's end and a replay mean for what is open
  void break_off() noexcept;
  void settle() noexcept;
  void settle_order(OrderPlace place) noexcept;
  void tell_inheritance() noexcept;

  // Both: the sums follow each change of an order.
  template <class Change>
  void change(OrderPlace place, Change apply) noexcept;
  [[nodiscard]] std::uint64_t exposure(OrderPlace place) const noexcept;
  [[nodiscard]] bool unanswered(const OpenOrder& order) const noexcept {
    return !order.accepted || order.replacing || order.cancel_sent || order.partner != NO_PLACE;
  }
  void recount(bool before, bool after) noexcept { unacknowledged_ += (after ? 1u : 0u) - (before ? 1u : 0u); }
  [[nodiscard]] schema::OrderState state_of(const OpenOrder& order) const noexcept;

  // desk_updates.cpp: what we tell
  [[nodiscard]] schema::OrderUpdate update_of(OrderPlace place, schema::UpdateKind kind) const noexcept;
  void tell(OrderPlace place, schema::UpdateKind kind, const VenueEvent& event) noexcept;
  void tell(OrderPlace place, schema::UpdateKind kind, schema::IntentAction action) noexcept;
  static void fill_in(schema::OrderUpdate& update, const VenueEvent& event) noexcept;
  void publish(schema::OrderUpdate& update, OrderPlace place) noexcept;
  void publish_gone(schema::OrderUpdate& update, OrderPlace place, AccountPlace account) noexcept;
  void tell_position(AccountPlace place) noexcept;
  void tell_session(schema::VenueSession session) noexcept;

  Region& state_;
  RingWriter<schema::OrderUpdate>& updates_;
  DeskStats& stats_;
  Clock clock_;
  std::unique_ptr<Venue> venue_;
  Accounts accounts_;
  OpenOrders table_;
  FillLog fills_;
  MessageBucket bucket_;
  std::uint64_t intents_generation_ = 0;
  std::array<std::uint64_t, QUEUES_REMEMBERED> queue_tags_{};  // of the last queues that this gateway was attached to
  std::size_t queues_ = 0;
  std::uint64_t orders_sent_ = 0;
  std::uint64_t cancels_sent_ = 0;
  std::uint32_t next_token_ = 1;
  std::uint32_t unacknowledged_ = 0;
  std::uint32_t cancels_due_ = 0;
  bool cancels_refused_ = false;  // some that were wanted
  std::uint64_t refused_due_ns_ = 0;
  std::uint32_t cancel_cursor_ = 0;
  Prepared prepared_;
  OrderPlace last_sent_ = NO_PLACE;
  bool settled_ = false;    // UP was reached since the start, or since the session broke
  bool inherited_ = false;  // UP was reached since the start
  // Somebody else trades on this account, or a fill or break belongs to nothing we know: positions are not to be
  // trusted. Until the next start, which reads the venue's stream from its beginning.
  bool lost_track_ = false;
};

}  // namespace hft::feedd
