// The agent with a venue: what the last look before the wire sees, and the look after it.
#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <utility>

#include "feedd/board.hpp"
#include "gateway_fixture.hpp"
#include "order_desk_fixture.hpp"

namespace hft::feedd {
namespace {

// UP with the first poll; `on_encoded` and `on_sent` run right after what they are named for.
class InterruptedVenue final : public Venue {
 public:
  unsigned poll(std::uint64_t, VenueListener& listener) noexcept override {
    if (!std::exchange(up_, true)) listener.on_session(session());
    return 0;
  }
  [[nodiscard]] schema::VenueSession session() const noexcept override {
    return up_ ? schema::VenueSession::UP : schema::VenueSession::DOWN;
  }
  [[nodiscard]] std::uint32_t next_token() const noexcept override { return 1; }
  void encode(const VenueOrder& order) noexcept override { encoded(order.token); }
  void encode(const VenueReplace& order) noexcept override { encoded(order.token); }
  SendResult transmit(std::uint64_t) noexcept override {
    sent.push_back(encoded_);
    if (on_sent) on_sent();
    return SendResult::SENT;
  }
  SendResult cancel(std::uint32_t token, std::uint64_t) noexcept override {
    cancelled.push_back(token);
    return SendResult::SENT;
  }
  void log_off(std::uint64_t, VenueListener&) noexcept override {}
  void log_on() noexcept override {}

  std::function<void()> on_encoded, on_sent;
  std::vector<std::uint32_t> sent, cancelled;

 private:
  void encoded(std::uint32_t token) {
    encoded_ = token;
    if (on_encoded) on_encoded();
  }

  bool up_ = false;
  std::uint32_t encoded_ = 0;
};

class GatewayLastLookTest : public GatewayTest {
 protected:
  static constexpr std::uint32_t ACME = 3;  // as GatewayTest::intent has it

  GatewayLastLookTest() {
    RiskLimits& limits = config_.risk.limits;
    config_.risk.symbols = {"ACME"};
    limits.order_quantity_max = limits.position_max = 1'000;
    limits.order_notional_max = limits.gross_notional_max = limits.loss_max = UINT64_MAX / 4;
    limits.open_orders_max = limits.unacknowledged_max = 10;
    limits.price_collar_bps = 1'000;
    limits.messages_per_s = limits.message_burst = 1'000'000;
    limits.book_age_ns_max = limits.intent_age_ns_max = 1'000'000'000'000;
    StatsRegistry registry;
    desk_stats_.declare(registry);
    desk_stats_region_ = registry.create(options(schema::RegionKind::STATS, 1, 0, "desk.stats"));
    quote();
    auto venue = std::make_unique<InterruptedVenue>();
    venue_ = venue.get();
    OrderParts parts{config_, positions_, orders_, board_, feed_look_, desk_stats_, std::move(venue)};
    agent_.emplace(state_, updates_, IntentLimits{100, MARKET_GENERATION}, stats_, inbox_, &ManualClock::read, &parts);
    EXPECT_EQ(PeerRegion::Change::ATTACHED, attach());
    agent_->orders()->set_limits(limits_);
    agent_->orders()->desk().name_account(agent_->orders()->desk().accounts().by_symbol(venue_symbol("ACME")), ACME);
    const std::uint64_t token = fence_token(EPOCH, state_.generation(), intents_.generation());
    fence_writer_.open(EPOCH, token, ManualClock::now_ns + LEASE_NS);
    agent_->do_work();
  }

  void quote() {
    schema::BoardEntry entry;
    std::memcpy(entry.mutable_symbol()->Data(), "ACME", 4);
    entry.mutate_instrument_id(ACME);
    entry.mutate_trade_state(schema::TradeState::TRADING);
    entry.mutate_validity(schema::BookValidity::VALID);
    entry.mutate_bid_levels(1);
    entry.mutate_ask_levels(1);
    entry.mutable_bids()->GetMutablePointer(0)->mutate_price(9'900);
    entry.mutable_asks()->GetMutablePointer(0)->mutate_price(10'100);
    BoardWriter(board_).write(ACME, entry);
  }
  void shut() { fence_writer_.close(static_cast<std::uint64_t>(schema::CloseReason::OPERATOR), ManualClock::now_ns); }
  schema::OrderUpdate answer_to_order() {
    IntentProducer producer(intents_, state());
    EXPECT_EQ(PushResult::PUSHED, producer.push(intent(1)));
    agent_->do_work();
    schema::OrderUpdate answer;
    while (const auto update = next_update()) {
      if (update->intent_id() == 1 && update->action() == schema::IntentAction::NEW) answer = *update;
    }
    return answer;
  }

  Region make(schema::RegionKind kind, std::uint64_t capacity, std::size_t bytes, const char* name) {
    return Region::create(options(kind, capacity, static_cast<std::uint32_t>(bytes), name));
  }

  Config config_;
  DeskStats desk_stats_;
  FeedLook feed_look_{ManualClock::now_ns, schema::MarketPhase::REGULAR};
  Region desk_stats_region_;
  Region positions_ = make(schema::RegionKind::GATEWAY_POSITIONS, 16, sizeof(schema::GatewayPosition), "positions");
  Region orders_ = make(schema::RegionKind::GATEWAY_ORDERS, 16, sizeof(schema::GatewayOrder), "orders");
  Region board_ = make(schema::RegionKind::MARKET_BOARD, 16, sizeof(schema::BoardEntry), "board");
  Region limits_ = Region::adopt(options(schema::RegionKind::LIMITS, 1, sizeof(schema::Limits), "limits"));
  Region intents_ = make_intents(), fence_ = adopt_fence(), veto_ = adopt_veto();
  FenceWriter fence_writer_{fence_};
  InterruptedVenue* venue_ = nullptr;
};

TEST_F(GatewayLastLookTest, an_open_fence_lets_the_order_onto_the_wire) {
  EXPECT_EQ(schema::UpdateKind::SENT, answer_to_order().kind());
  EXPECT_EQ(1u, venue_->sent.size());
}

TEST_F(GatewayLastLookTest, what_was_sent_is_in_the_figures_before_the_venue_says_a_word) {
  answer_to_order();
  EXPECT_EQ(1u, state().orders_sent());
  EXPECT_EQ(1u, state().open_orders());
  EXPECT_EQ(1u, state().unacknowledged());
}

TEST_F(GatewayLastLookTest, a_fence_that_is_shut_while_the_order_is_encoded_stops_it) {
  venue_->on_encoded = [this] { shut(); };
  const schema::OrderUpdate told = answer_to_order();
  EXPECT_EQ(schema::UpdateKind::REFUSED, told.kind());
  EXPECT_EQ(schema::RefusalReason::FENCE_CLOSED, told.reason());
  EXPECT_TRUE(venue_->sent.empty());
  EXPECT_TRUE(agent_->orders()->desk().nothing_open());
  agent_->do_work();
  EXPECT_EQ(EPOCH, state().drained());
  EXPECT_EQ(0u, state().sent_in_window());
}

TEST_F(GatewayLastLookTest, a_lease_that_runs_out_while_it_is_encoded_stops_it) {
  venue_->on_encoded = [] { ManualClock::now_ns += LEASE_NS; };
  EXPECT_EQ(schema::UpdateKind::REFUSED, answer_to_order().kind());
  EXPECT_TRUE(venue_->sent.empty());
}

TEST_F(GatewayLastLookTest, an_instrument_that_is_paused_while_it_is_encoded_stops_it) {
  venue_->on_encoded = [this] { fence_writer_.pause_instrument(ACME, true); };
  EXPECT_EQ(schema::RefusalReason::PAUSED, answer_to_order().reason());
  EXPECT_TRUE(venue_->sent.empty());
}

TEST_F(GatewayLastLookTest, a_fence_that_is_shut_while_it_is_sent_cancels_it_at_once) {
  venue_->on_sent = [this] { shut(); };
  const schema::OrderUpdate told = answer_to_order();
  EXPECT_EQ(1u, told.in_window());
  ASSERT_EQ(1u, venue_->sent.size());
  EXPECT_EQ(venue_->sent, venue_->cancelled);
  EXPECT_EQ(1u, state().sent_in_window());
  EXPECT_EQ(0u, state().sent_after_close());
}

}  // namespace
}  // namespace hft::feedd
