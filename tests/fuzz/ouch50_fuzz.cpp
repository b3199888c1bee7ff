// OUCH 5.0 in both directions.
//
// Input: operations. From the venue: any bytes as a message. Held to:
//   - a message is an event only when it is whole; what is read comes from where the specification says
//   - the appendage is walked to its end or to the first element that is not whole, and no farther
// To the venue: any order. Held to:
//   - a decoder that knows nothing of the encoder reads the same order out of the packet, and nothing is left over
//   - nothing of an order stays in the buffer for the next one
#include <cstring>
#include <string>
#include <vector>

#include "gateway/venue/ouch_events.hpp"
#include "gateway/venue/ouch_orders.hpp"
#include "input.hpp"

namespace {

using namespace hft::feedd;
using hft::fuzz::Input;
using hft::fuzz::require;
namespace schema = hft::schema;

constexpr std::uint64_t MIDNIGHT_NS = 1'000'000'000'000;

std::uint64_t number(Bytes bytes, std::size_t offset, std::size_t length) {
  std::uint64_t value = 0;
  for (const std::byte byte : bytes.subspan(offset, length)) value = value << 8 | static_cast<std::uint8_t>(byte);
  return value;
}
bool same(Bytes bytes, std::size_t offset, const auto& field) {
  return std::memcmp(bytes.subspan(offset, field.size()).data(), field.data(), field.size()) == 0;
}

// The specification's table of what the venue sends: fixed length, and where the appendage's length is, or 0.
struct Shape {
  std::size_t bytes;
  std::size_t appendage;
};
Shape shape_of(char type) {
  switch (type) {
    case 'S': return {10, 0};
    case 'A': return {64, 62};
    case 'U': return {68, 66};
    case 'C': return {18, 0};
    case 'D': return {31, 0};
    case 'E': return {36, 34};
    case 'B': return {36, 0};
    case 'J': return {29, 0};
    case 'P':
    case 'I':
    case 'Q': return {13, 0};
    case 'T': return {30, 0};
    case 'M': return {18, 0};
    case 'R': return {16, 14};
    default: return {0, 0};
  }
}

bool tail_is_whole(Bytes message, const Shape& shape) {
  if (shape.appendage == 0) return true;
  std::size_t left = number(message, shape.appendage, 2);
  std::size_t at = shape.bytes;
  if (at + left > message.size()) return false;
  while (left != 0) {
    const std::size_t element = 1 + number(message, at, 1);
    if (element == 1 || element > left) return false;
    at += element;
    left -= element;
  }
  return true;
}

void judge_order(Bytes message, const VenueEvent& event, std::size_t at) {
  require(event.quantity == number(message, at + 1, 4) && event.price == number(message, at + 13, 8));
  require(same(message, at + 5, event.symbol) && event.venue_order_id == number(message, at + 23, 8));
  require(event.live == (static_cast<char>(message[at + 34]) != 'D') && same(message, at + 35, event.client_id));
}

void judge_event(Bytes message, const VenueEvent& event) {
  const char type = static_cast<char>(message[0]);
  require(event.exchange_ts_ns == MIDNIGHT_NS + number(message, 1, 8));
  require(event.token == number(message, type == 'U' ? 13 : 9, 4));
  switch (type) {
    case 'A': return judge_order(message, event, 13);
    case 'U': require(event.replaced_token == number(message, 9, 4)); return judge_order(message, event, 17);
    case 'C':
    case 'D': return require(event.quantity == number(message, 13, 4) && event.reason == number(message, 17, 1));
    case 'E':
      require(event.quantity == number(message, 13, 4) && event.price == number(message, 17, 8));
      return require(event.liquidity == number(message, 25, 1) && event.match_number == number(message, 26, 8));
    case 'B': return require(event.match_number == number(message, 13, 8) && same(message, 22, event.client_id));
    case 'J': return require(event.reason == number(message, 13, 2) && same(message, 15, event.client_id));
    case 'T': return require(event.price == number(message, 13, 8) && event.venue_order_id == number(message, 22, 8));
    case 'M': return require(event.quantity == number(message, 14, 4));
    case 'R': return require(event.reason == number(message, 13, 1));
    default: return require(type == 'P' || type == 'I');
  }
}

void from_venue(Bytes message) {
  OuchMessage decoded;
  decode_ouch(message, MIDNIGHT_NS, decoded);
  const char type = message.empty() ? '\0' : static_cast<char>(message[0]);
  const Shape shape = shape_of(type);
  if (message.empty()) return require(decoded.meaning == OuchMeaning::SHORT);
  if (shape.bytes == 0) return require(decoded.meaning == OuchMeaning::UNKNOWN_TYPE);
  if (message.size() < shape.bytes) return require(decoded.meaning == OuchMeaning::SHORT);
  require(decoded.appendage_cut == !tail_is_whole(message, shape));
  if (type == 'S') return require(decoded.meaning == OuchMeaning::NOTICE);
  if (type == 'Q') {
    return require(decoded.meaning == OuchMeaning::NEXT_TOKEN && decoded.event.token == number(message, 9, 4));
  }
  require(decoded.meaning == OuchMeaning::EVENT);
  judge_event(message, decoded.event);
}

// Inside its packet, whose framing is judged here.
Bytes message_of(Bytes packet, char type, std::size_t fixed_bytes) {
  require(packet.size() >= 3 + fixed_bytes && number(packet, 0, 2) == packet.size() - 2);
  require(static_cast<char>(packet[2]) == 'U' && static_cast<char>(packet[3]) == type);
  return packet.subspan(3);
}

struct Run {
  Run(Input& given, bool with_firm) : input(given), firm(with_firm ? "LIME" : "") {}

  static GatewayConfig config_with(const std::string& firm) {
    GatewayConfig config;
    config.firm = firm;
    return config;
  }

  void fill(auto& field) {
    field.fill(' ');
    const auto bytes = input.bytes(field.size());
    if (!bytes.empty()) std::memcpy(field.data(), bytes.data(), bytes.size());
  }

  void judge_tail(Bytes message, std::size_t fixed_bytes, bool names_firm, bool post_only) {
    std::vector<std::byte> expected;
    const auto append = [&](const char* text, std::size_t bytes) {
      for (std::size_t i = 0; i < bytes; ++i) expected.push_back(static_cast<std::byte>(text[i]));
    };
    if (names_firm) append("\x05\x02LIME", 6);
    if (post_only) append("\x02\x0cP", 3);
    require(number(message, fixed_bytes - 2, 2) == expected.size() && message.size() == fixed_bytes + expected.size());
    require(expected.empty() || std::memcmp(message.data() + fixed_bytes, expected.data(), expected.size()) == 0);
  }

  void enter() {
    VenueOrder order;
    order.token = input.take<std::uint32_t>();
    order.side = input.below(2) != 0 ? schema::Side::BUY : schema::Side::SELL;
    order.time_in_force = input.below(2) != 0 ? schema::TimeInForce::DAY : schema::TimeInForce::IOC;
    order.post_only = input.below(2) != 0;
    order.quantity = input.take<std::uint32_t>();
    order.price = input.take<std::uint64_t>();
    fill(order.symbol);
    fill(order.client_id);
    const Bytes message = message_of(orders.enter(order), 'O', 47);
    require(number(message, 1, 4) == order.token && number(message, 6, 4) == order.quantity);
    require(static_cast<char>(message[5]) == (order.side == schema::Side::BUY ? 'B' : 'S'));
    require(same(message, 10, order.symbol) && number(message, 18, 8) == order.price);
    require(same(message, 26, std::string(order.time_in_force == schema::TimeInForce::DAY ? "0YPNN" : "3YPNN")));
    require(same(message, 31, order.client_id));
    judge_tail(message, 47, !firm.empty(), order.post_only);
  }

  void replace() {
    VenueReplace order;
    order.replaced_token = input.take<std::uint32_t>();
    order.token = input.take<std::uint32_t>();
    order.time_in_force = input.below(2) != 0 ? schema::TimeInForce::DAY : schema::TimeInForce::IOC;
    order.post_only = input.below(2) != 0;
    order.chain_quantity = input.take<std::uint32_t>();
    order.price = input.take<std::uint64_t>();
    fill(order.client_id);
    order.mark_short_quantity = input.take<std::uint32_t>();
    Bytes packet = orders.replace(order);
    if (order.mark_short_quantity != 0) {
      const Bytes modified = message_of(packet.first(13), 'M', 10);
      require(modified.size() == 10 && number(modified, 1, 4) == order.replaced_token);
      require(static_cast<char>(modified[5]) == 'T' && number(modified, 6, 4) == order.mark_short_quantity);
      packet = packet.subspan(13);
    }
    const Bytes message = message_of(packet, 'U', 40);
    require(number(message, 1, 4) == order.replaced_token && number(message, 5, 4) == order.token);
    require(number(message, 9, 4) == order.chain_quantity && number(message, 13, 8) == order.price);
    require(same(message, 21, std::string(order.time_in_force == schema::TimeInForce::DAY ? "0YN" : "3YN")));
    require(same(message, 24, order.client_id));
    judge_tail(message, 40, false, order.post_only);
  }

  void cancel() {
    const auto token = input.take<std::uint32_t>();
    const auto quantity = input.take<std::uint32_t>();
    const Bytes canceled = message_of(orders.cancel(token, quantity), 'X', 9);
    require(canceled.size() == 9 && number(canceled, 1, 4) == token && number(canceled, 5, 4) == quantity);
    require(message_of(orders.account_query(), 'Q', 1).size() == 1);
  }

  // A message of a known type, whole or not, with any fields and tail.
  void likely_message() {
    const char type = ouch50::MESSAGE_TYPES[input.below(ouch50::MESSAGE_TYPES.size())];
    const Shape shape = shape_of(type);
    std::vector<std::byte> message(shape.bytes);
    const auto fields = input.bytes(shape.bytes - 1);
    if (!fields.empty()) std::memcpy(message.data() + 1, fields.data(), fields.size());
    message[0] = static_cast<std::byte>(type);
    const auto tail = input.bytes(input.below(24));
    message.insert(message.end(), tail.begin(), tail.end());
    if (shape.appendage != 0) {
      message[shape.appendage] = std::byte{0};
      message[shape.appendage + 1] = static_cast<std::byte>(tail.size() + (input.below(8) == 0 ? 1 : 0));
    }
    if (input.below(8) == 0) message.resize(input.below(static_cast<std::uint32_t>(message.size())) + 1);
    from_venue(message);
  }

  void operation() {
    switch (input.below(6)) {
      case 0: return from_venue(input.bytes(input.below(100)));
      case 1: return enter();
      case 2: return replace();
      case 3: return cancel();
      default: return likely_message();
    }
  }

  Input& input;
  std::string firm;
  OuchOrders orders{config_with(firm)};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  Run run(input, input.below(2) != 0);
  while (!input.empty()) run.operation();
  return 0;
}
