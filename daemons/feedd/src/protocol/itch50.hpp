// Nasdaq TotalView-ITCH 5.0 (specification of 19 Feb 2026): the wire layout of all 23 message types, once.
//
//   | type 1 | stock locate 2 | tracking number 2 | timestamp 6 | … |   big-endian, no padding
//
// Timestamps are nanoseconds since New York midnight. Prices have 4 implied decimals, the MWCB levels 8.
// Code bytes (states, categories, cross types …) are passed through: the venue adds values without notice.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/wire.hpp"

namespace hft::feedd::itch50 {

struct Prefix {
  char type;
  U16be stock_locate;
  U16be tracking_number;
  U48be timestamp_ns;
};
static_assert(sizeof(Prefix) == 11 && offsetof(Prefix, timestamp_ns) == 5);

using Stock = Ascii<8>;
using Mpid = Ascii<4>;

struct SystemEvent {  // S
  Prefix prefix;
  char event_code;
};
static_assert(sizeof(SystemEvent) == 12 && offsetof(SystemEvent, event_code) == 11);

struct StockDirectory {  // R
  Prefix prefix;
  Stock stock;
  char market_category;
  char financial_status;
  U32be round_lot;
  char round_lots_only;
  char issue_classification;
  Ascii<2> issue_sub_type;
  char authenticity;
  char short_sale_threshold;
  char ipo_flag;
  char luld_tier;
  char etp_flag;
  U32be etp_leverage;
  char inverse;
};
static_assert(sizeof(StockDirectory) == 39 && offsetof(StockDirectory, market_category) == 19);
static_assert(offsetof(StockDirectory, round_lot) == 21 && offsetof(StockDirectory, etp_leverage) == 34);

struct TradingAction {  // H
  Prefix prefix;
  Stock stock;
  char trading_state;
  char reserved;
  Ascii<4> reason;
};
static_assert(sizeof(TradingAction) == 25 && offsetof(TradingAction, trading_state) == 19);

struct RegSho {  // Y
  Prefix prefix;
  Stock stock;
  char action;
};
static_assert(sizeof(RegSho) == 20 && offsetof(RegSho, action) == 19);

struct ParticipantPosition {  // L
  Prefix prefix;
  Mpid mpid;
  Stock stock;
  char primary_market_maker;
  char market_maker_mode;
  char state;
};
static_assert(sizeof(ParticipantPosition) == 26 && offsetof(ParticipantPosition, stock) == 15);
static_assert(offsetof(ParticipantPosition, state) == 25);

struct MwcbLevels {  // V
  Prefix prefix;
  U64be level_1_e8;
  U64be level_2_e8;
  U64be level_3_e8;
};
static_assert(sizeof(MwcbLevels) == 35 && offsetof(MwcbLevels, level_3_e8) == 27);

struct MwcbStatus {  // W
  Prefix prefix;
  char breached_level;
};
static_assert(sizeof(MwcbStatus) == 12 && offsetof(MwcbStatus, breached_level) == 11);

struct IpoQuoting {  // K
  Prefix prefix;
  Stock stock;
  U32be release_time_s;
  char release_qualifier;
  U32be price_e4;
};
static_assert(sizeof(IpoQuoting) == 28 && offsetof(IpoQuoting, release_qualifier) == 23);

struct AuctionCollar {  // J
  Prefix prefix;
  Stock stock;
  U32be reference_price_e4;
  U32be upper_price_e4;
  U32be lower_price_e4;
  U32be extension;
};
static_assert(sizeof(AuctionCollar) == 35 && offsetof(AuctionCollar, extension) == 31);

struct OperationalHalt {  // h
  Prefix prefix;
  Stock stock;
  char market_code;
  char action;
};
static_assert(sizeof(OperationalHalt) == 21 && offsetof(OperationalHalt, action) == 20);

struct AddOrder {  // A
  Prefix prefix;
  U64be order_reference;
  char side;
  U32be shares;
  Stock stock;
  U32be price_e4;
};
static_assert(sizeof(AddOrder) == 36 && offsetof(AddOrder, order_reference) == 11);
static_assert(offsetof(AddOrder, shares) == 20 && offsetof(AddOrder, price_e4) == 32);

struct AddOrderAttributed {  // F
  AddOrder order;
  Mpid attribution;
};
static_assert(sizeof(AddOrderAttributed) == 40 && offsetof(AddOrderAttributed, attribution) == 36);

struct OrderExecuted {  // E
  Prefix prefix;
  U64be order_reference;
  U32be executed_shares;
  U64be match_number;
};
static_assert(sizeof(OrderExecuted) == 31 && offsetof(OrderExecuted, match_number) == 23);

struct OrderExecutedPriced {  // C
  OrderExecuted execution;
  char printable;
  U32be price_e4;
};
static_assert(sizeof(OrderExecutedPriced) == 36 && offsetof(OrderExecutedPriced, price_e4) == 32);

struct OrderCancel {  // X
  Prefix prefix;
  U64be order_reference;
  U32be canceled_shares;
};
static_assert(sizeof(OrderCancel) == 23 && offsetof(OrderCancel, canceled_shares) == 19);

struct OrderDelete {  // D
  Prefix prefix;
  U64be order_reference;
};
static_assert(sizeof(OrderDelete) == 19 && offsetof(OrderDelete, order_reference) == 11);

struct OrderReplace {  // U
  Prefix prefix;
  U64be original_reference;
  U64be new_reference;
  U32be shares;
  U32be price_e4;
};
static_assert(sizeof(OrderReplace) == 35 && offsetof(OrderReplace, new_reference) == 19);
static_assert(offsetof(OrderReplace, price_e4) == 31);

struct Trade {  // P
  Prefix prefix;
  U64be order_reference;
  char side;
  U32be shares;
  Stock stock;
  U32be price_e4;
  U64be match_number;
};
static_assert(sizeof(Trade) == 44 && offsetof(Trade, match_number) == 36);

struct CrossTrade {  // Q
  Prefix prefix;
  U64be shares;
  Stock stock;
  U32be price_e4;
  U64be match_number;
  char cross_type;
};
static_assert(sizeof(CrossTrade) == 40 && offsetof(CrossTrade, price_e4) == 27);
static_assert(offsetof(CrossTrade, cross_type) == 39);

struct BrokenTrade {  // B
  Prefix prefix;
  U64be match_number;
};
static_assert(sizeof(BrokenTrade) == 19 && offsetof(BrokenTrade, match_number) == 11);

struct Imbalance {  // I
  Prefix prefix;
  U64be paired_shares;
  U64be imbalance_shares;
  char direction;
  Stock stock;
  U32be far_price_e4;
  U32be near_price_e4;
  U32be reference_price_e4;
  char cross_type;
  char price_variation;
};
static_assert(sizeof(Imbalance) == 50 && offsetof(Imbalance, stock) == 28);
static_assert(offsetof(Imbalance, reference_price_e4) == 44 && offsetof(Imbalance, cross_type) == 48);

struct RetailInterest {  // N
  Prefix prefix;
  Stock stock;
  char interest;
};
static_assert(sizeof(RetailInterest) == 20 && offsetof(RetailInterest, interest) == 19);

struct PriceDiscovery {  // O
  Prefix prefix;
  Stock stock;
  char eligibility;
  U32be minimum_price_e4;
  U32be maximum_price_e4;
  U32be near_price_e4;
  U64be near_time_ns;
  U32be lower_collar_e4;
  U32be upper_collar_e4;
};
static_assert(sizeof(PriceDiscovery) == 48 && offsetof(PriceDiscovery, near_time_ns) == 32);
static_assert(offsetof(PriceDiscovery, upper_collar_e4) == 44);

inline constexpr std::size_t MESSAGE_BYTES_MAX = sizeof(Imbalance);
inline constexpr std::string_view MESSAGE_TYPES = "SRHYLVWKJhAFECXDUPQBINO";
static_assert(MESSAGE_TYPES.size() == 23);

// Length of each message type, 0 for an unknown one.
inline constexpr std::array<std::uint8_t, 256> MESSAGE_BYTES = [] {
  std::array<std::uint8_t, 256> bytes{};
  bytes['S'] = sizeof(SystemEvent);
  bytes['R'] = sizeof(StockDirectory);
  bytes['H'] = sizeof(TradingAction);
  bytes['Y'] = sizeof(RegSho);
  bytes['L'] = sizeof(ParticipantPosition);
  bytes['V'] = sizeof(MwcbLevels);
  bytes['W'] = sizeof(MwcbStatus);
  bytes['K'] = sizeof(IpoQuoting);
  bytes['J'] = sizeof(AuctionCollar);
  bytes['h'] = sizeof(OperationalHalt);
  bytes['A'] = sizeof(AddOrder);
  bytes['F'] = sizeof(AddOrderAttributed);
  bytes['E'] = sizeof(OrderExecuted);
  bytes['C'] = sizeof(OrderExecutedPriced);
  bytes['X'] = sizeof(OrderCancel);
  bytes['D'] = sizeof(OrderDelete);
  bytes['U'] = sizeof(OrderReplace);
  bytes['P'] = sizeof(Trade);
  bytes['Q'] = sizeof(CrossTrade);
  bytes['B'] = sizeof(BrokenTrade);
  bytes['I'] = sizeof(Imbalance);
  bytes['N'] = sizeof(RetailInterest);
  bytes['O'] = sizeof(PriceDiscovery);
  return bytes;
}();

// Why a message was skipped. Its framing tells where the next one starts.
enum class MalformedMessage : std::uint8_t { NONE, EMPTY, UNKNOWN_TYPE, TOO_SHORT, TOO_LONG };
inline constexpr std::size_t MALFORMED_MESSAGE_REASONS = 5;
[[nodiscard]] constexpr std::string_view name_of(MalformedMessage reason) noexcept {
  constexpr std::array<std::string_view, MALFORMED_MESSAGE_REASONS> NAMES = {"none", "empty", "unknown_type",
                                                                             "too_short", "too_long"};
  return NAMES[static_cast<std::size_t>(reason)];
}

// type → size for the type → available: on NONE the whole struct of its type may be read.
[[nodiscard]] inline MalformedMessage check(Bytes message) noexcept {
  if (message.empty()) return MalformedMessage::EMPTY;
  const std::size_t expected_bytes = MESSAGE_BYTES[static_cast<std::uint8_t>(message[0])];
  if (message.size() == expected_bytes) [[likely]]
    return MalformedMessage::NONE;
  if (expected_bytes == 0) return MalformedMessage::UNKNOWN_TYPE;
  return message.size() < expected_bytes ? MalformedMessage::TOO_SHORT : MalformedMessage::TOO_LONG;
}

// True for the types that change a displayed book.
[[nodiscard]] constexpr bool changes_book(char type) noexcept {
  return std::string_view("AFECXDU").find(type) != std::string_view::npos;
}

// True for those that say whether an instrument trades.
[[nodiscard]] constexpr bool changes_trading(char type) noexcept { return type == 'H' || type == 'h'; }

}  // namespace hft::feedd::itch50
