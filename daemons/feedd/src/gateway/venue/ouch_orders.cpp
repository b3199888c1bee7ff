#include "gateway/venue/ouch_orders.hpp"

namespace hft::feedd {
namespace {

constexpr char DAY = '0';
constexpr char IMMEDIATE_OR_CANCEL = '3';
constexpr char VISIBLE = 'Y';
constexpr char NO = 'N';
constexpr char CONTINUOUS_MARKET = 'N';
constexpr std::string_view POST_ONLY = "P";

constexpr char BUY = 'B', SELL = 'S', SELL_SHORT = 'T';

char side_code(const VenueOrder& order) noexcept {
  if (order.side == schema::Side::BUY) return BUY;
  return order.short_sale ? SELL_SHORT : SELL;
}

char lifetime_code(schema::TimeInForce time) noexcept {
  return time == schema::TimeInForce::IOC ? IMMEDIATE_OR_CANCEL : DAY;
}

template <class Packet>
Bytes bytes_of(const Packet& packet, std::size_t bytes = sizeof(Packet)) noexcept {
  return {reinterpret_cast<const std::byte*>(&packet), bytes};
}

template <class Packet>
void head_plain(Packet& packet) noexcept {
  packet.header = soup::header_of(soup::UNSEQUENCED, sizeof packet.message);
}

// The post-only element behind what of the appendage is there already, then both lengths, then the packet.
template <class Packet>
Bytes finish(Packet& packet, std::size_t appendage_bytes, bool post_only) noexcept {
  if (post_only) {
    ouch50::AppendageWriter writer(std::span(packet.appendage).subspan(appendage_bytes));
    writer.add(ouch50::tag::POST_ONLY, POST_ONLY);
    appendage_bytes += writer.bytes();
  }
  packet.message.appendage_bytes.set(static_cast<std::uint16_t>(appendage_bytes));
  packet.header = soup::header_of(soup::UNSEQUENCED, sizeof packet.message + appendage_bytes);
  return bytes_of(packet, sizeof packet.header + sizeof packet.message + appendage_bytes);
}

}  // namespace

OuchOrders::OuchOrders(const GatewayConfig& config) noexcept {
  static_assert(alignof(decltype(enter_)) == 1 && sizeof enter_ == 3 + 47 + 9 && sizeof requote_ == 13 + 3 + 40 + 3);
  static_assert(sizeof cancel_ == 12 && sizeof requote_.modify == 13 && sizeof query_ == 4);
  enter_.message.display = VISIBLE;
  enter_.message.capacity = static_cast<char>(config.trades_as);
  enter_.message.intermarket_sweep = NO;
  enter_.message.cross_type = CONTINUOUS_MARKET;
  if (!config.firm.empty()) {
    ouch50::AppendageWriter writer(enter_.appendage);
    writer.add(ouch50::tag::FIRM, config.firm);
    firm_bytes_ = writer.bytes();
  }
  requote_.replace.message.display = VISIBLE;
  requote_.replace.message.intermarket_sweep = NO;
  head_plain(cancel_);
  head_plain(requote_.modify);
  requote_.modify.message.side = SELL_SHORT;
  head_plain(query_);
}

Bytes OuchOrders::enter(const VenueOrder& order) noexcept {
  ouch50::EnterOrder& message = enter_.message;
  message.user_ref.set(order.token);
  message.side = side_code(order);
  message.quantity.set(order.quantity);
  message.symbol.raw = order.symbol;
  message.price_e4.set(order.price);
  message.time_in_force = lifetime_code(order.time_in_force);
  message.client_order_id.raw = order.client_id;
  return finish(enter_, firm_bytes_, order.post_only);
}

Bytes OuchOrders::replace(const VenueReplace& replace) noexcept {
  ouch50::ReplaceOrder& message = requote_.replace.message;
  message.original_user_ref.set(replace.replaced_token);
  message.user_ref.set(replace.token);
  message.quantity.set(replace.chain_quantity);
  message.price_e4.set(replace.price);
  message.time_in_force = lifetime_code(replace.time_in_force);
  message.client_order_id.raw = replace.client_id;
  const Bytes alone = finish(requote_.replace, 0, replace.post_only);
  if (replace.mark_short_quantity == 0) return alone;
  requote_.modify.message.user_ref.set(replace.replaced_token);
  requote_.modify.message.quantity.set(replace.mark_short_quantity);
  return {reinterpret_cast<const std::byte*>(&requote_), sizeof requote_.modify + alone.size()};
}

Bytes OuchOrders::cancel(std::uint32_t token, std::uint32_t chain_quantity) noexcept {
  cancel_.message.user_ref.set(token);
  cancel_.message.quantity.set(chain_quantity);
  return bytes_of(cancel_);
}

Bytes OuchOrders::account_query() const noexcept { return bytes_of(query_); }

}  // namespace hft::feedd
