#include "gateway/venue/ouch_events.hpp"

namespace hft::feedd {
namespace {

using Kind = VenueEvent::Kind;

schema::Side side_of(char code, bool& unknown) noexcept {
  switch (code) {
    case 'B': return schema::Side::BUY;
    case 'S':
    case 'T':
    case 'E': return schema::Side::SELL;
    default: unknown = true; return schema::Side::NONE;
  }
}

bool short_of(char code) noexcept { return code == 'T' || code == 'E'; }

schema::TimeInForce lifetime_of(char code, bool& unknown) noexcept {
  switch (code) {
    case '0':
    case '5':
    case '6':
    case 'E': return schema::TimeInForce::DAY;
    case '3': return schema::TimeInForce::IOC;
    default: unknown = true; return schema::TimeInForce::NONE;
  }
}

bool live_of(char code, bool& unknown) noexcept {
  if (code != 'L' && code != 'D') unknown = true;
  return code != 'D';
}

std::uint16_t code_of(char code) noexcept { return static_cast<std::uint8_t>(code); }

// What `Accepted` and `Replaced` have under the same names.
template <class Wire>
void describe(const Wire& wire, OuchMessage& out) noexcept {
  out.event.token = wire.user_ref.value();
  out.event.side = side_of(wire.side, out.unknown_code);
  out.event.short_sale = short_of(wire.side);
  out.event.quantity = wire.quantity.value();
  out.event.symbol = wire.symbol.raw;
  out.event.price = wire.price_e4.value();
  out.event.time_in_force = lifetime_of(wire.time_in_force, out.unknown_code);
  out.event.venue_order_id = wire.order_reference.value();
  out.event.live = live_of(wire.state, out.unknown_code);
  out.event.client_id = wire.client_order_id.raw;
}

void read(const ouch50::Accepted& wire, OuchMessage& out) noexcept {
  out.event.kind = Kind::ACCEPTED;
  describe(wire, out);
}

void read(const ouch50::Replaced& wire, OuchMessage& out) noexcept {
  out.event.kind = Kind::REPLACED;
  out.event.replaced_token = wire.original_user_ref.value();
  describe(wire, out);
}

void read(const ouch50::Canceled& wire, OuchMessage& out) noexcept {
  out.event.kind = Kind::CANCELED;
  out.event.token = wire.user_ref.value();
  out.event.quantity = wire.quantity.value();
  out.event.reason = code_of(wire.reason);
}

void read(const ouch50::SelfMatchCanceled& wire, OuchMessage& out) noexcept { read(wire.canceled, out); }

void read(const ouch50::Executed& wire, OuchMessage& out) noexcept {
  out.event.kind = Kind::EXECUTED;
  out.event.token = wire.user_ref.value();
  out.event.quantity = wire.quantity.value();
  out.event.price = wire.price_e4.value();
  out.event.match_number = wire.match_number.value();
  out.event.liquidity = static_cast<std::uint8_t>(wire.liquidity);
}

void read(const ouch50::BrokenTrade& wire, OuchMessage& out) noexcept {
  out.event.kind = Kind::BROKEN;
  out.event.token = wire.user_ref.value();
  out.event.match_number = wire.match_number.value();
  out.event.reason = code_of(wire.reason);
  out.event.client_id = wire.client_order_id.raw;
}

void read(const ouch50::Rejected& wire, OuchMessage& out) noexcept {
  out.event.kind = Kind::REJECTED;
  out.event.token = wire.user_ref.value();
  out.event.reason = wire.reason.value();
  out.event.client_id = wire.client_order_id.raw;
}

void read(const ouch50::CancelPending& wire, OuchMessage& out) noexcept {
  out.event.kind = wire.prefix.type == 'P' ? Kind::CANCEL_PENDING : Kind::CANCEL_REJECTED;
  out.event.token = wire.user_ref.value();
}

void read(const ouch50::PriorityUpdate& wire, OuchMessage& out) noexcept {
  out.event.kind = Kind::REPRIORITIZED;
  out.event.token = wire.user_ref.value();
  out.event.price = wire.price_e4.value();
  out.event.venue_order_id = wire.order_reference.value();
}

void read(const ouch50::Modified& wire, OuchMessage& out) noexcept {
  out.event.kind = Kind::MODIFIED;
  out.event.token = wire.user_ref.value();
  out.event.side = side_of(wire.side, out.unknown_code);
  out.event.short_sale = short_of(wire.side);
  out.event.quantity = wire.quantity.value();
}

void read(const ouch50::Restated& wire, OuchMessage& out) noexcept {
  out.event.kind = Kind::RESTATED;
  out.event.token = wire.user_ref.value();
  out.event.reason = code_of(wire.reason);
}

// A good message of a known type.
void read(Bytes message, OuchMessage& out) noexcept {
  out.meaning = OuchMeaning::EVENT;
  switch (static_cast<char>(message[0])) {
    case 'A': return read(view_as<ouch50::Accepted>(message), out);
    case 'U': return read(view_as<ouch50::Replaced>(message), out);
    case 'C': return read(view_as<ouch50::Canceled>(message), out);
    case 'D': return read(view_as<ouch50::SelfMatchCanceled>(message), out);
    case 'E': return read(view_as<ouch50::Executed>(message), out);
    case 'B': return read(view_as<ouch50::BrokenTrade>(message), out);
    case 'J': return read(view_as<ouch50::Rejected>(message), out);
    case 'P':
    case 'I': return read(view_as<ouch50::CancelPending>(message), out);
    case 'T': return read(view_as<ouch50::PriorityUpdate>(message), out);
    case 'M': return read(view_as<ouch50::Modified>(message), out);
    case 'R': return read(view_as<ouch50::Restated>(message), out);
    case 'Q':
      out.meaning = OuchMeaning::NEXT_TOKEN;
      out.event.token = view_as<ouch50::AccountQueryReply>(message).next_user_ref.value();
      return;
    default: out.meaning = OuchMeaning::NOTICE; return;
  }
}

}  // namespace

void decode_ouch(Bytes message, std::uint64_t midnight_utc_ns, OuchMessage& out) noexcept {
  out = OuchMessage{};
  switch (ouch50::check(message)) {
    case ouch50::MessageCheck::SHORT: return;
    case ouch50::MessageCheck::UNKNOWN_TYPE: out.meaning = OuchMeaning::UNKNOWN_TYPE; return;
    case ouch50::MessageCheck::GOOD: break;
  }
  read(message, out);
  out.event.exchange_ts_ns = midnight_utc_ns + view_as<ouch50::Prefix>(message).timestamp_ns.value();
  out.appendage_cut = !ouch50::appendage_is_whole(message);
}

}  // namespace hft::feedd
