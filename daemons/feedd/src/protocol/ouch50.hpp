// OUCH 5.0 (specification of May 2023): the wire layout of every message in both directions, once.
//
// Big-endian, no padding. Orders are named by UserRefNum, which grows strictly for the day. Prices have 4 implied
// decimals, timestamps are nanoseconds since New York midnight. Code bytes (sides, reasons, states …) are passed
// through: the venue adds values without notice. Some messages end in an appendage, see Appendage below.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/wire.hpp"

namespace hft::feedd::ouch50 {

using Symbol = Ascii<8>;
using ClientOrderId = Ascii<14>;

// Client to venue, in unsequenced packets.

struct EnterOrder {
  char type = 'O';
  U32be user_ref;
  char side;
  U32be quantity;
  Symbol symbol;
  U64be price_e4;
  char time_in_force;
  char display;
  char capacity;
  char intermarket_sweep;
  char cross_type;
  ClientOrderId client_order_id;
  U16be appendage_bytes;
};
static_assert(sizeof(EnterOrder) == 47 && offsetof(EnterOrder, symbol) == 10);
static_assert(offsetof(EnterOrder, price_e4) == 18 && offsetof(EnterOrder, client_order_id) == 31);

struct ReplaceOrder {
  char type = 'U';
  U32be original_user_ref;
  U32be user_ref;
  U32be quantity;  // of the chain, executed shares included
  U64be price_e4;
  char time_in_force;
  char display;
  char intermarket_sweep;
  ClientOrderId client_order_id;
  U16be appendage_bytes;
};
static_assert(sizeof(ReplaceOrder) == 40 && offsetof(ReplaceOrder, price_e4) == 13);
static_assert(offsetof(ReplaceOrder, client_order_id) == 24);

struct CancelOrder {
  char type = 'X';
  U32be user_ref;
  U32be quantity;  // new total, executed shares included; 0 = all of it
};
static_assert(sizeof(CancelOrder) == 9 && offsetof(CancelOrder, quantity) == 5);

struct ModifyOrder {
  char type = 'M';
  U32be user_ref;
  char side;  // only S to E, S to T, E to T
  U32be quantity;
};
static_assert(sizeof(ModifyOrder) == 10 && offsetof(ModifyOrder, quantity) == 6);

struct AccountQuery {
  char type = 'Q';
};
static_assert(sizeof(AccountQuery) == 1);

// Venue to client, in sequenced packets.

struct Prefix {
  char type;
  U64be timestamp_ns;
};
static_assert(sizeof(Prefix) == 9);

struct SystemEvent {  // S
  Prefix prefix;
  char event_code;
};
static_assert(sizeof(SystemEvent) == 10);

struct Accepted {  // A
  Prefix prefix;
  U32be user_ref;
  char side;
  U32be quantity;
  Symbol symbol;
  U64be price_e4;
  char time_in_force;
  char display;
  U64be order_reference;
  char capacity;
  char intermarket_sweep;
  char cross_type;
  char state;
  ClientOrderId client_order_id;
  U16be appendage_bytes;
};
static_assert(sizeof(Accepted) == 64 && offsetof(Accepted, price_e4) == 26);
static_assert(offsetof(Accepted, order_reference) == 36 && offsetof(Accepted, client_order_id) == 48);

struct Replaced {  // U
  Prefix prefix;
  U32be original_user_ref;
  U32be user_ref;
  char side;
  U32be quantity;  // now open
  Symbol symbol;
  U64be price_e4;
  char time_in_force;
  char display;
  U64be order_reference;
  char capacity;
  char intermarket_sweep;
  char cross_type;
  char state;
  ClientOrderId client_order_id;
  U16be appendage_bytes;
};
static_assert(sizeof(Replaced) == 68 && offsetof(Replaced, price_e4) == 30);
static_assert(offsetof(Replaced, order_reference) == 40 && offsetof(Replaced, client_order_id) == 52);

struct Canceled {  // C
  Prefix prefix;
  U32be user_ref;
  U32be quantity;  // taken off
  char reason;
};
static_assert(sizeof(Canceled) == 18 && offsetof(Canceled, reason) == 17);

struct SelfMatchCanceled {  // D; since 2023 a strategy byte follows
  Canceled canceled;
  U32be quantity_prevented;
  U64be price_e4;
  char liquidity;
};
static_assert(sizeof(SelfMatchCanceled) == 31 && offsetof(SelfMatchCanceled, price_e4) == 22);

struct Executed {  // E
  Prefix prefix;
  U32be user_ref;
  U32be quantity;  // of this fill
  U64be price_e4;
  char liquidity;
  U64be match_number;
  U16be appendage_bytes;
};
static_assert(sizeof(Executed) == 36 && offsetof(Executed, match_number) == 26);

struct BrokenTrade {  // B
  Prefix prefix;
  U32be user_ref;
  U64be match_number;
  char reason;
  ClientOrderId client_order_id;
};
static_assert(sizeof(BrokenTrade) == 36 && offsetof(BrokenTrade, client_order_id) == 22);

struct Rejected {  // J
  Prefix prefix;
  U32be user_ref;
  U16be reason;
  ClientOrderId client_order_id;
};
static_assert(sizeof(Rejected) == 29 && offsetof(Rejected, client_order_id) == 15);

struct CancelPending {  // P
  Prefix prefix;
  U32be user_ref;
};
using CancelRejected = CancelPending;  // I
static_assert(sizeof(CancelPending) == 13);

struct PriorityUpdate {  // T
  Prefix prefix;
  U32be user_ref;
  U64be price_e4;
  char display;
  U64be order_reference;
};
static_assert(sizeof(PriorityUpdate) == 30 && offsetof(PriorityUpdate, order_reference) == 22);

struct Modified {  // M
  Prefix prefix;
  U32be user_ref;
  char side;
  U32be quantity;  // now open
};
static_assert(sizeof(Modified) == 18 && offsetof(Modified, quantity) == 14);

struct Restated {  // R
  Prefix prefix;
  U32be user_ref;
  char reason;
  U16be appendage_bytes;
};
static_assert(sizeof(Restated) == 16 && offsetof(Restated, appendage_bytes) == 14);

struct AccountQueryReply {  // Q
  Prefix prefix;
  U32be next_user_ref;
};
static_assert(sizeof(AccountQueryReply) == 13);

// Of what the venue sends.
inline constexpr std::string_view MESSAGE_TYPES = "SAUCDEBJPITMRQ";
inline constexpr std::size_t MESSAGE_BYTES_MAX = sizeof(Replaced);  // without appendage

// Fixed length of each message type, 0 for an unknown one. Longer ones are taken: revisions add at the end.
inline constexpr std::array<std::uint8_t, 256> MESSAGE_BYTES = [] {
  std::array<std::uint8_t, 256> bytes{};
  bytes['S'] = sizeof(SystemEvent);
  bytes['A'] = sizeof(Accepted);
  bytes['U'] = sizeof(Replaced);
  bytes['C'] = sizeof(Canceled);
  bytes['D'] = sizeof(SelfMatchCanceled);
  bytes['E'] = sizeof(Executed);
  bytes['B'] = sizeof(BrokenTrade);
  bytes['J'] = sizeof(Rejected);
  bytes['P'] = sizeof(CancelPending);
  bytes['I'] = sizeof(CancelRejected);
  bytes['T'] = sizeof(PriorityUpdate);
  bytes['M'] = sizeof(Modified);
  bytes['R'] = sizeof(Restated);
  bytes['Q'] = sizeof(AccountQueryReply);
  return bytes;
}();

enum class MessageCheck : std::uint8_t {
  GOOD,
  UNKNOWN_TYPE,  // to be skipped
  SHORT          // empty, or shorter than its type
};
[[nodiscard]] inline MessageCheck check(Bytes message) noexcept {
  if (message.empty()) return MessageCheck::SHORT;
  const std::size_t bytes = MESSAGE_BYTES[static_cast<std::uint8_t>(message[0])];
  if (bytes == 0) return MessageCheck::UNKNOWN_TYPE;
  return message.size() < bytes ? MessageCheck::SHORT : MessageCheck::GOOD;
}

// The variable tail of a message: { length 1 | tag 1 | value length-1 } …; a length counts its tag and value.
namespace tag {
inline constexpr std::uint8_t FIRM = 2;
inline constexpr std::uint8_t POST_ONLY = 12;
}  // namespace tag

class Appendage {
 public:
  struct Element {
    std::uint8_t tag = 0;
    Bytes value;
  };

  // The tail of `message`, whose fixed part of `fixed_bytes` ends in the tail's length. The caller has checked that
  // the fixed part is there.
  Appendage(Bytes message, std::size_t fixed_bytes) noexcept;

  // False at the end, and at the first element that is not whole: the rest is not read.
  [[nodiscard]] bool next(Element& out) noexcept;
  // An element, or the tail itself, was cut or empty.
  [[nodiscard]] bool malformed() const noexcept { return malformed_; }

 private:
  Bytes left_;
  bool malformed_ = false;
};

// The whole tail of a well-formed message (check() said GOOD) holds together; true for types without one.
[[nodiscard]] bool appendage_is_whole(Bytes message) noexcept;

// Writes elements behind each other; what does not fit is left out, and bytes() says so by its length.
class AppendageWriter {
 public:
  explicit AppendageWriter(std::span<std::byte> space) noexcept : space_(space) {}

  void add(std::uint8_t tag, std::string_view value) noexcept;
  [[nodiscard]] std::size_t bytes() const noexcept { return used_; }

 private:
  std::span<std::byte> space_;
  std::size_t used_ = 0;
};

}  // namespace hft::feedd::ouch50
