// The desk with a venue that does what a test says, and an independent count of what must be open and held.
#pragma once
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "gateway/orders/order_desk.hpp"
#include "runtime/stats_view.hpp"
#include "shared_memory.hpp"

namespace hft::feedd {

// What was sent is written down; `result` is what sending answers.
class ScriptedVenue final : public Venue {
 public:
  struct Message {
    enum class Kind : std::uint8_t { ENTER, REPLACE, CANCEL } kind;
    std::uint32_t token;
    std::uint32_t replaced_token;
    std::uint64_t quantity;
  };

  unsigned poll(std::uint64_t, VenueListener&) noexcept override { return 0; }
  [[nodiscard]] schema::VenueSession session() const noexcept override { return state; }
  [[nodiscard]] std::uint32_t next_token() const noexcept override { return token; }
  void encode(const VenueOrder& order) noexcept override {
    last_order = order;
    encoded_ = {Message::Kind::ENTER, order.token, 0, order.quantity};
  }
  void encode(const VenueReplace& order) noexcept override {
    last_replace = order;
    encoded_ = {Message::Kind::REPLACE, order.token, order.replaced_token, order.chain_quantity};
  }
  SendResult transmit(std::uint64_t) noexcept override { return note(encoded_); }
  SendResult cancel(std::uint32_t cancelled, std::uint64_t) noexcept override {
    return note({Message::Kind::CANCEL, cancelled, 0, 0});
  }
  void log_off(std::uint64_t, VenueListener& listener) noexcept override {
    state = schema::VenueSession::LOGGED_OFF;
    listener.on_session(state);
  }
  void log_on() noexcept override { ++log_ons; }

  [[nodiscard]] std::size_t cancels() const {
    std::size_t count = 0;
    for (const Message& message : sent) count += message.kind == Message::Kind::CANCEL;
    return count;
  }

  schema::VenueSession state = schema::VenueSession::DOWN;
  SendResult result = SendResult::SENT;
  std::uint32_t token = 1;
  unsigned log_ons = 0;
  std::vector<Message> sent;
  VenueOrder last_order;
  VenueReplace last_replace;

 private:
  Message encoded_{};

  SendResult note(const Message& message) {
    if (result == SendResult::SENT) sent.push_back(message);
    return result;
  }
};

struct DeskClock {
  static inline std::uint64_t now_ns = 0;
  static std::uint64_t read() noexcept { return now_ns; }
};

class OrderDeskTest : public SharedMemoryTest {
 protected:
  static constexpr std::uint64_t QUEUE = 0x1234567890ABCDEFull;
  static constexpr std::uint32_t PLACES = 64;
  static constexpr std::uint32_t ACME = 7;  // instrument id

  OrderDeskTest() {
    DeskClock::now_ns = 1'000'000'000;
    config_.risk.symbols = {"ACME", "OTHER"};
    config_.risk.limits.messages_per_s = 1'000'000;
    config_.risk.limits.message_burst = 1'000'000;
    make_desk();
  }

  // As a restarted gateway: everything is new, the venue goes on.
  void make_desk() {
    StatsRegistry registry;
    stats_ = {};
    stats_.declare(registry);
    stats_region_ = registry.create(options(schema::RegionKind::STATS, 1, 0, "stats"));
    state_ = make(schema::RegionKind::GATEWAY_STATE, 1, sizeof(schema::GatewayState), "state");
    updates_ = make(schema::RegionKind::UPDATES_RING, 4096, sizeof(schema::OrderUpdate), "updates");
    positions_ = make(schema::RegionKind::GATEWAY_POSITIONS, 16, sizeof(schema::GatewayPosition), "positions");
    orders_ = make(schema::RegionKind::GATEWAY_ORDERS, PLACES, sizeof(schema::GatewayOrder), "orders");
    writer_.emplace(updates_);
    auto venue = std::make_unique<ScriptedVenue>();
    venue_ = venue.get();
    desk_.emplace(DeskRegions{state_, positions_, orders_}, *writer_, config_, std::move(venue), stats_,
                  &DeskClock::read);
    reader_ = RingReader(updates_, 0);
  }
  Region make(schema::RegionKind kind, std::uint64_t capacity, std::size_t bytes, const char* name) {
    return Region::create(options(kind, capacity, static_cast<std::uint32_t>(bytes), name));
  }

  void come_up() {
    venue_->state = schema::VenueSession::UP;
    desk_->on_session(venue_->state);
  }
  void break_session() {
    venue_->state = schema::VenueSession::DOWN;
    desk_->on_session(venue_->state);
  }
  // UP, the queue attached, ACME named.
  void begin() {
    come_up();
    desk_->attach(QUEUE);
    desk_->name_account(desk_->accounts().by_symbol(venue_symbol("ACME")), ACME);
    drain();
  }

  schema::OrderIntent intent(schema::IntentAction action, std::uint64_t order_id, std::uint64_t replaced = 0) {
    schema::OrderIntent made;
    made.mutate_intent_id(++last_intent_id_);
    made.mutate_instrument_id(ACME);
    made.mutate_action(action);
    made.mutate_side(schema::Side::BUY);
    made.mutate_time_in_force(schema::TimeInForce::DAY);
    made.mutate_price(100'0000);
    made.mutate_quantity(100);
    made.mutate_order_id(order_id);
    made.mutate_replaced_order_id(replaced);
    return made;
  }

  // As the agent does it.
  schema::RefusalReason send(const schema::OrderIntent& intent) {
    if (const auto reason = desk_->refers_well(intent); reason != schema::RefusalReason::NONE) return reason;
    schema::OrderUpdate update;
    auto reason = desk_->prepare(intent, Sender::QUEUE, {});
    if (reason == schema::RefusalReason::NONE) reason = desk_->transmit(intent, DeskClock::now_ns, update);
    if (reason == schema::RefusalReason::NONE) desk_->answer(update, intent, DeskClock::now_ns);
    return reason;
  }
  std::uint32_t send_new(std::uint64_t order_id) {
    EXPECT_EQ(schema::RefusalReason::NONE, send(intent(schema::IntentAction::NEW, order_id)));
    return venue_->sent.back().token;
  }

  static VenueEvent event(VenueEvent::Kind kind, std::uint32_t token, std::uint32_t quantity = 0) {
    VenueEvent made;
    made.kind = kind;
    made.token = token;
    made.quantity = quantity;
    made.price = 100'0000;
    made.side = schema::Side::BUY;
    made.symbol = venue_symbol("ACME");
    made.match_number = 1000 + token;
    return made;
  }
  void accept(std::uint32_t token, std::uint32_t quantity = 100) {
    desk_->on_event(event(VenueEvent::Kind::ACCEPTED, token, quantity));
  }
  std::uint32_t send_live(std::uint64_t order_id) {
    const std::uint32_t token = send_new(order_id);
    accept(token);
    drain();
    return token;
  }

  std::vector<schema::OrderUpdate> drain() {
    std::vector<schema::OrderUpdate> out;
    for (Grant grant = reader_.poll(1); grant.count == 1; grant = reader_.poll(1)) {
      schema::OrderUpdate update;
      EXPECT_TRUE(read_slot(reader_.slot_of(grant.first_sequence), grant.first_sequence, update));
      reader_.advance(1);
      out.push_back(update);
    }
    return out;
  }
  std::vector<schema::UpdateKind> kinds() {
    std::vector<schema::UpdateKind> out;
    for (const schema::OrderUpdate& update : drain()) out.push_back(update.kind());
    return out;
  }

  const Account& acme() { return desk_->accounts().at(desk_->accounts().by_symbol(venue_symbol("ACME"))); }
  const schema::GatewayState& state() const { return *reinterpret_cast<const schema::GatewayState*>(state_.records()); }
  const schema::GatewayOrder& published(OrderPlace place) const {
    return reinterpret_cast<const schema::GatewayOrder*>(orders_.records())[place];
  }
  const schema::GatewayPosition& position() const {
    return reinterpret_cast<const schema::GatewayPosition*>(positions_.records())[ACME];
  }

  // Every sum against a count over the table, and every published entry against its order.
  void expect_sums() {
    std::uint64_t buys = 0, sells = 0;
    std::uint32_t open = 0, waiting = 0;
    for (OrderPlace place = 0; place < desk_->table().places(); ++place) {
      const OpenOrder& order = desk_->table().at(place);
      EXPECT_EQ(order.in_use() ? order.state : schema::OrderState::NONE, published(place).state());
      EXPECT_EQ(order.in_use() ? order.leaves : 0, published(place).leaves_quantity());
      if (!order.in_use()) continue;
      ++open;
      waiting += !order.accepted || order.replacing || order.cancel_sent || order.partner != NO_PLACE;
      EXPECT_EQ(place, desk_->table().by_token(order.token));
      std::uint64_t worst = order.leaves;
      if (order.partner != NO_PLACE) {
        EXPECT_EQ(place, desk_->table().at(order.partner).partner);
        worst = order.replacing ? 0 : std::max(order.leaves, desk_->table().at(order.partner).leaves);
      }
      (order.buys() ? buys : sells) += worst;
    }
    EXPECT_EQ(open, desk_->table().open_orders());
    EXPECT_EQ(waiting, desk_->unacknowledged());
    std::uint64_t account_buys = 0, account_sells = 0;
    for (AccountPlace place = 0; place < desk_->accounts().size(); ++place) {
      account_buys += desk_->accounts().at(place).open_buy_quantity;
      account_sells += desk_->accounts().at(place).open_sell_quantity;
    }
    EXPECT_EQ(buys, account_buys);
    EXPECT_EQ(sells, account_sells);
    if (acme().instrument_id != 0) {
      EXPECT_EQ(acme().position, position().position());
      EXPECT_EQ(acme().open_buy_quantity, position().open_buy_quantity());
      EXPECT_EQ(acme().open_sell_quantity, position().open_sell_quantity());
    }
  }

  Config config_;
  DeskStats stats_;
  Region stats_region_, state_, updates_, positions_, orders_;
  std::optional<RingWriter<schema::OrderUpdate>> writer_;
  ScriptedVenue* venue_ = nullptr;
  std::optional<OrderDesk> desk_;
  RingReader reader_;
  std::uint64_t last_intent_id_ = 0;
};

}  // namespace hft::feedd
