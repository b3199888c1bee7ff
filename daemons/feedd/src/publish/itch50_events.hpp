// Bodies of publish/normalizer.hpp: the ITCH types that leave the books alone, and what they put into their events.
#pragma once
#include <cstring>

#include "publish/normalizer.hpp"

namespace hft::feedd {

namespace normalizer_detail {

constexpr schema::Side side_of(char code) noexcept {
  return code == 'B' ? schema::Side::BUY : code == 'S' ? schema::Side::SELL : schema::Side::NONE;
}

constexpr schema::TradeState trade_state_of(char code) noexcept {
  switch (code) {
    case 'T': return schema::TradeState::TRADING;
    case 'Q': return schema::TradeState::QUOTATION_ONLY;
    case 'P': return schema::TradeState::PAUSED;
    case 'H': return schema::TradeState::HALTED;
    default: return schema::TradeState::UNKNOWN;
  }
}

constexpr schema::MarketPhase phase_after(char event_code) noexcept {
  switch (event_code) {
    case 'O':  // start of messages
    case 'E':  // end of system hours
    case 'C':  // end of messages
      return schema::MarketPhase::CLOSED;
    case 'S':  // start of system hours
    case 'M':  // end of market hours
      return schema::MarketPhase::EXTENDED;
    case 'Q':  // start of market hours
      return schema::MarketPhase::REGULAR;
    default: return schema::MarketPhase::UNKNOWN;
  }
}

// The four characters in memory order.
inline std::uint64_t word_of(const itch50::Mpid& mpid) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, mpid.raw.data(), mpid.raw.size());
  return word;
}

constexpr char THIS_MARKET = 'Q';  // market code of Nasdaq itself in operational halts

}  // namespace normalizer_detail

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::dispatch(const Context& context, Bytes message) {
  // Nine of ten messages of a session are these four: branches foresee them better than the switch's one jump does.
  if (context.type == 'A') return on_add(context, view_as<itch50::AddOrder>(message), nullptr);
  if (context.type == 'D') return on_type(context, view_as<itch50::OrderDelete>(message));
  if (context.type == 'U') return on_type(context, view_as<itch50::OrderReplace>(message));
  if (context.type == 'E') return on_type(context, view_as<itch50::OrderExecuted>(message));
  switch (context.type) {
    case 'X': return on_type(context, view_as<itch50::OrderCancel>(message));
    case 'F': {
      const auto& attributed = view_as<itch50::AddOrderAttributed>(message);
      return on_add(context, attributed.order, &attributed.attribution);
    }
    case 'C': return on_type(context, view_as<itch50::OrderExecutedPriced>(message));
    case 'P': return on_type(context, view_as<itch50::Trade>(message));
    case 'I': return on_type(context, view_as<itch50::Imbalance>(message));
    case 'Q': return on_type(context, view_as<itch50::CrossTrade>(message));
    case 'B': return on_type(context, view_as<itch50::BrokenTrade>(message));
    case 'S': return on_type(context, view_as<itch50::SystemEvent>(message));
    case 'R': return on_type(context, view_as<itch50::StockDirectory>(message));
    case 'H': return on_type(context, view_as<itch50::TradingAction>(message));
    case 'Y': return on_type(context, view_as<itch50::RegSho>(message));
    case 'L': return on_type(context, view_as<itch50::ParticipantPosition>(message));
    case 'V': return on_type(context, view_as<itch50::MwcbLevels>(message));
    case 'W': return on_type(context, view_as<itch50::MwcbStatus>(message));
    case 'K': return on_type(context, view_as<itch50::IpoQuoting>(message));
    case 'J': return on_type(context, view_as<itch50::AuctionCollar>(message));
    case 'h': return on_type(context, view_as<itch50::OperationalHalt>(message));
    case 'N': return on_type(context, view_as<itch50::RetailInterest>(message));
    case 'O': return on_type(context, view_as<itch50::PriceDiscovery>(message));
    default: __builtin_unreachable();  // itch50::check() accepts these types only
  }
}

// A feed joined mid-session names its instruments in the orders only.
template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::name(const Context& context, const itch50::Stock& stock) {
  if (!context.listed || context.instrument.named) [[likely]]
    return;
  instruments_.name(context.id, stock.text());
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::count_trade(const Context& context, std::int64_t price, std::uint64_t quantity) {
  if (!context.listed || quantity == 0) return;
  auto& detail = instruments_.detail(context.id);
  detail.volume += quantity;
  if (price != 0) {  // else of an order that nobody knows
    detail.last_trade_quantity = quantity;
    detail.last_trade_price = price;
  }
  changed(context);
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::update_trade_state(const Context& context) {
  const auto& detail = instruments_.detail(context.id);
  context.instrument.trade_state = detail.operationally_halted ? schema::TradeState::HALTED : detail.listed_state;
  changed(context);
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::on_type(const Context& context, const itch50::SystemEvent& message) {
  phase_ = normalizer_detail::phase_after(message.event_code);
  publish(context, schema::EventKind::SESSION, {.code = message.event_code});
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::on_type(const Context& context, const itch50::StockDirectory& message) {
  const std::uint32_t round_lot = message.round_lot.value();
  if (context.listed) {
    instruments_.name(context.id, message.stock.text());
    instruments_.detail(context.id).round_lot = round_lot;
    instruments_.detail(context.id).market_category = message.market_category;
    changed(context);
  }
  publish(context, schema::EventKind::DIRECTORY, {.code = message.market_category, .quantity = round_lot});
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::on_type(const Context& context, const itch50::TradingAction& message) {
  if (context.listed) {
    name(context, message.stock);
    instruments_.detail(context.id).listed_state = normalizer_detail::trade_state_of(message.trading_state);
    update_trade_state(context);
  }
  publish(context, schema::EventKind::TRADING_STATE, {.code = message.trading_state});
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::on_type(const Context& context, const itch50::OperationalHalt& message) {
  name(context, message.stock);
  if (context.listed && message.market_code == normalizer_detail::THIS_MARKET) {
    instruments_.detail(context.id).operationally_halted = message.action == 'H';
    update_trade_state(context);
  }
  publish(context, schema::EventKind::OPERATIONAL_HALT,
          {.code = message.action, .match_number = static_cast<std::uint8_t>(message.market_code)});
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::on_type(const Context& context, const itch50::RegSho& message) {
  name(context, message.stock);
  publish(context, schema::EventKind::SHORT_SALE, {.code = message.action});
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::on_type(const Context& context, const itch50::ParticipantPosition& message) {
  name(context, message.stock);
  publish(context, schema::EventKind::PARTICIPANT,
          {.code = message.state, .order_reference = normalizer_detail::word_of(message.mpid)});
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::on_type(const Context& context, const itch50::MwcbLevels& message) {
  publish(context, schema::EventKind::MWCB_LEVELS,
          {.price = static_cast<std::int64_t>(message.level_1_e8.value()),
           .order_reference = message.level_2_e8.value(),
           .replaced_order_reference = message.level_3_e8.value()});
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::on_type(const Context& context, const itch50::MwcbStatus& message) {
  publish(context, schema::EventKind::MWCB_STATUS, {.code = message.breached_level});
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::on_type(const Context& context, const itch50::IpoQuoting& message) {
  name(context, message.stock);
  publish(context, schema::EventKind::IPO_QUOTING,
          {.code = message.release_qualifier,
           .price = message.price_e4.value(),
           .quantity = message.release_time_s.value()});
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::on_type(const Context& context, const itch50::AuctionCollar& message) {
  name(context, message.stock);
  publish(context, schema::EventKind::AUCTION_COLLAR,
          {.price = message.reference_price_e4.value(),
           .quantity = message.extension.value(),
           .order_reference = message.upper_price_e4.value(),
           .replaced_order_reference = message.lower_price_e4.value()});
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::on_type(const Context& context, const itch50::Trade& message) {
  name(context, message.stock);
  const std::int64_t price = message.price_e4.value();
  const std::uint64_t shares = message.shares.value();
  count_trade(context, price, shares);
  publish(context, schema::EventKind::TRADE,
          {.side = normalizer_detail::side_of(message.side),
           .code = 'P',
           .price = price,
           .quantity = shares,
           .order_reference = message.order_reference.value(),
           .match_number = message.match_number.value()});
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::on_type(const Context& context, const itch50::CrossTrade& message) {
  name(context, message.stock);
  const std::int64_t price = message.price_e4.value();
  const std::uint64_t shares = message.shares.value();
  count_trade(context, price, shares);
  publish(
      context, schema::EventKind::CROSS,
      {.code = message.cross_type, .price = price, .quantity = shares, .match_number = message.match_number.value()});
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::on_type(const Context& context, const itch50::BrokenTrade& message) {
  publish(context, schema::EventKind::BROKEN_TRADE, {.code = 'B', .match_number = message.match_number.value()});
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::on_type(const Context& context, const itch50::Imbalance& message) {
  name(context, message.stock);
  publish(context, schema::EventKind::IMBALANCE,
          {.side = normalizer_detail::side_of(message.direction),
           .code = message.cross_type,
           .price = message.reference_price_e4.value(),
           .quantity = message.imbalance_shares.value(),
           .order_reference = message.near_price_e4.value(),
           .replaced_order_reference = message.far_price_e4.value(),
           .match_number = message.paired_shares.value()});
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::on_type(const Context& context, const itch50::RetailInterest& message) {
  name(context, message.stock);
  publish(context, schema::EventKind::RETAIL_INTEREST, {.code = message.interest});
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::on_type(const Context& context, const itch50::PriceDiscovery& message) {
  name(context, message.stock);
  publish(context, schema::EventKind::PRICE_DISCOVERY,
          {.code = message.eligibility,
           .price = message.near_price_e4.value(),
           .quantity = message.near_time_ns.value(),
           .order_reference = message.minimum_price_e4.value(),
           .replaced_order_reference = message.maximum_price_e4.value()});
}

}  // namespace hft::feedd
