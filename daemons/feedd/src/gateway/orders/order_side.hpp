// Everything that a gateway with a venue has beyond one without: the desk, the gate's keeper, and what watchd asks.
#pragma once
#include <cstdint>
#include <memory>

#include "feedd/commands.hpp"
#include "gateway/fence_watch.hpp"
#include "gateway/orders/order_desk.hpp"
#include "gateway/orders/position_closer.hpp"
#include "gateway/risk/gate_keeper.hpp"

namespace hft::feedd {

// What it is made of; regions, stats and `feed` outlive it.
struct OrderParts {
  const Config& config;
  Region& positions;  // gateway.positions
  Region& orders;     // gateway.orders
  const Region& board;
  const FeedLook& feed;
  DeskStats& stats;
  std::unique_ptr<Venue> venue;
};

// A line of the start-of-day file.
struct StartPosition {
  std::string symbol;
  std::int64_t position = 0;
  std::int64_t price = 0;
};

class OrderSide {
 public:
  static constexpr std::uint64_t LEAVE_NS = 1'000'000'000;

  OrderSide(OrderParts& parts, Region& state, RingWriter<schema::OrderUpdate>& updates, Clock clock);

  // Moves the venue's packets and obeys fence and commands; returns how much it did. `seen` was just looked at.
  unsigned work(const FenceSnapshot& seen, std::uint64_t close_reason, std::uint64_t now_ns) noexcept;

  // The daemon ends: cancels what is open, waits for it up to LEAVE_NS, and leaves the venue.
  void leave() noexcept;

  // From NO_SESSION on.
  [[nodiscard]] schema::RefusalReason refusal(const schema::OrderIntent& intent, std::uint64_t now_ns) noexcept;
  [[nodiscard]] OrderDesk& desk() noexcept { return desk_; }
  [[nodiscard]] GateKeeper& keeper() noexcept { return keeper_; }
  [[nodiscard]] PositionCloser& closer() noexcept { return closer_; }

  void attach(std::uint64_t intents_generation) noexcept;
  void set_limits(const Region& limits) noexcept { keeper_.set_limits(limits); }
  void set_commands(const Region& commands) noexcept { commands_.set_region(commands); }
  void start_with(const StartPosition& start);

 private:
  void obey_fence(bool shut, std::uint64_t close_reason, std::uint64_t now_ns) noexcept;
  void tell_shut(bool shut, std::uint64_t now_ns) noexcept;
  void obey_commands(std::uint64_t now_ns) noexcept;
  void tell_closed() noexcept;
  void tell_limits() noexcept;

  Region& state_;
  RingWriter<schema::OrderUpdate>& updates_;
  Clock clock_;
  OrderDesk desk_;
  GateKeeper keeper_;
  PositionCloser closer_;
  CommandsView commands_;
  std::uint64_t last_intent_id_ = 0;  // of the queue that is attached
  std::uint64_t last_order_id_ = 0;
  std::uint64_t next_cancel_all_ns_ = 0;
  std::uint64_t ticket_ = 0;       // of the last command, until it is obeyed
  std::uint64_t closed_told_ = 0;  // flatten_done, as it was stored last
  bool shut_ = true;               // at birth nothing may go out
  std::uint64_t limits_told_ = 0;  // what GatewayState is born with
  bool logged_off_ = false;
};

}  // namespace hft::feedd
