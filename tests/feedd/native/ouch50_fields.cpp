// Prints what the codec makes of SoupBinTCP packets on standard input, "name hexadecimal" a line, for
// test_ouch50_captures.py: each field as it stands on the wire, then what OuchOrders makes of the same order.
#include <cstdio>
#include <iostream>
#include <iterator>
#include <string>

#include "gateway/venue/ouch_events.hpp"
#include "gateway/venue/ouch_orders.hpp"

namespace {

using namespace hft::feedd;
namespace ouch = hft::feedd::ouch50;

void print(const char* name, Bytes bytes) {
  std::printf("%s ", name);
  for (const std::byte byte : bytes) std::printf("%02x", static_cast<unsigned>(byte));
  std::printf("\n");
}

template <class Field>
void print(const char* name, const Field& field) {
  print(name, Bytes{reinterpret_cast<const std::byte*>(&field), sizeof field});
}

void print_appendage(Bytes message, std::size_t fixed_bytes) {
  ouch::Appendage appendage(message, fixed_bytes);
  ouch::Appendage::Element element;
  while (appendage.next(element)) print(element.tag == ouch::tag::FIRM ? "firm" : "bboweightindicator", element.value);
}

template <class Order>
void print_order(const Order& wire) {
  print("userrefnum", wire.user_ref);
  print("side", wire.side);
  print("quantity", wire.quantity);
  print("symbol", wire.symbol);
  print("price", wire.price_e4);
  print("timeinforce", wire.time_in_force);
  print("display", wire.display);
  print("capacity", wire.capacity);
  print("intermarketsweepeligibility", wire.intermarket_sweep);
  print("crosstype", wire.cross_type);
  print("clordid", wire.client_order_id);
  print("appendagelength", wire.appendage_bytes);
}

void entered(Bytes message) {
  const auto& wire = view_as<ouch::EnterOrder>(message);
  print_order(wire);
  print_appendage(message, sizeof wire);
  GatewayConfig config;
  config.firm = "LIME";
  config.trades_as = TradesAs::AGENCY;
  OuchOrders orders(config);
  VenueOrder order;
  order.token = wire.user_ref.value();
  order.side = hft::schema::Side::SELL;
  order.time_in_force = hft::schema::TimeInForce::DAY;
  order.quantity = wire.quantity.value();
  order.price = wire.price_e4.value();
  order.symbol = wire.symbol.raw;
  order.client_id = wire.client_order_id.raw;
  print("encoded", orders.enter(order));
}

void canceled(Bytes message) {
  const auto& wire = view_as<ouch::CancelOrder>(message);
  print("userrefnum", wire.user_ref);
  print("quantity", wire.quantity);
  OuchOrders orders(GatewayConfig{});
  print("encoded", orders.cancel(wire.user_ref.value(), wire.quantity.value()));
}

void from_venue(Bytes message) {
  OuchMessage decoded;
  decode_ouch(message, 0, decoded);
  if (decoded.meaning != OuchMeaning::EVENT) return;
  print("timestamp", view_as<ouch::Prefix>(message).timestamp_ns);
  if (decoded.event.kind == VenueEvent::Kind::ACCEPTED) {
    const auto& wire = view_as<ouch::Accepted>(message);
    print_order(wire);
    print("orderreferencenumber", wire.order_reference);
    print("orderstate", wire.state);
    print_appendage(message, sizeof wire);
  } else if (decoded.event.kind == VenueEvent::Kind::CANCELED) {
    const auto& wire = view_as<ouch::Canceled>(message);
    print("userrefnum", wire.user_ref);
    print("quantity", wire.quantity);
    print("cancelorderreason", wire.reason);
  }
  std::printf("token %u\nquantity_decoded %u\nprice_e4 %llu\n", decoded.event.token, decoded.event.quantity,
              static_cast<unsigned long long>(decoded.event.price));
}

}  // namespace

int main() {
  const std::string input{std::istreambuf_iterator<char>(std::cin), {}};
  soup::Framer framer(soup::PACKET_BYTES_MAX);
  if (input.size() > framer.space().size()) return 1;
  std::memcpy(framer.space().data(), input.data(), input.size());
  framer.filled(input.size());
  soup::Packet packet;
  soup::Framer::Next next;
  while ((next = framer.next(packet)) == soup::Framer::Next::PACKET) {
    print("packettype", packet.type);
    const char type = packet.payload.empty() ? '\0' : static_cast<char>(packet.payload[0]);
    if (packet.type == soup::SEQUENCED) from_venue(packet.payload);
    if (packet.type == soup::UNSEQUENCED && type == 'O') entered(packet.payload);
    if (packet.type == soup::UNSEQUENCED && type == 'X') canceled(packet.payload);
  }
  return next == soup::Framer::Next::INCOMPLETE && framer.pending_bytes() == 0 ? 0 : 1;
}
