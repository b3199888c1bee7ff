#include "gateway/venue/ouch_events.hpp"

#include <gtest/gtest.h>

#include "ouch_bytes.hpp"

namespace hft::feedd {
namespace {

using test::Buffer;
using test::golden;
using Kind = VenueEvent::Kind;

constexpr std::uint64_t MIDNIGHT_NS = 1'700'000'000'000'000'000;

OuchMessage decode(Bytes message) {
  OuchMessage out;
  out.event.token = 4711;  // of an earlier one: nothing of it may stay
  out.unknown_code = out.appendage_cut = true;
  decode_ouch(message, MIDNIGHT_NS, out);
  return out;
}

std::string_view text(const auto& field) { return {field.data(), field.size()}; }

void expect_order(const VenueEvent& event, std::uint32_t token, std::uint64_t venue_order_id) {
  EXPECT_EQ(event.token, token);
  EXPECT_EQ(event.quantity, 100u);
  EXPECT_EQ(event.price, 1'502'500u);
  EXPECT_EQ(text(event.symbol), "AAPL    ");
  EXPECT_EQ(event.venue_order_id, venue_order_id);
  EXPECT_EQ(event.exchange_ts_ns, MIDNIGHT_NS + test::GOLDEN_TIME_NS);
}

TEST(OuchEvents, AcceptedTellsTheOrderAsTheVenueHasIt) {
  const OuchMessage message = decode(golden('A'));
  ASSERT_EQ(message.meaning, OuchMeaning::EVENT);
  EXPECT_EQ(message.event.kind, Kind::ACCEPTED);
  expect_order(message.event, 9, 77);
  EXPECT_EQ(message.event.side, schema::Side::BUY);
  EXPECT_EQ(message.event.time_in_force, schema::TimeInForce::DAY);
  EXPECT_TRUE(message.event.live);
  EXPECT_EQ(text(message.event.client_id), "K7            ");
  EXPECT_FALSE(message.unknown_code);
  EXPECT_FALSE(message.appendage_cut);
}

TEST(OuchEvents, AcceptedMayBeDeadAlready) {
  const OuchMessage message = decode(golden('A', 1));
  EXPECT_FALSE(message.event.live);
  EXPECT_EQ(message.event.time_in_force, schema::TimeInForce::IOC);
  EXPECT_FALSE(message.appendage_cut);
}

TEST(OuchEvents, ReplacedNamesBothOrders) {
  const OuchMessage message = decode(golden('U'));
  EXPECT_EQ(message.event.kind, Kind::REPLACED);
  expect_order(message.event, 10, 78);
  EXPECT_EQ(message.event.replaced_token, 9u);
  EXPECT_EQ(message.event.side, schema::Side::SELL);
  EXPECT_EQ(message.event.time_in_force, schema::TimeInForce::DAY);
  EXPECT_EQ(text(message.event.client_id), "K8            ");
}

TEST(OuchEvents, CanceledTellsWhatWasTakenOff) {
  const OuchMessage message = decode(golden('C'));
  EXPECT_EQ(message.event.kind, Kind::CANCELED);
  EXPECT_EQ(message.event.token, 9u);
  EXPECT_EQ(message.event.quantity, 40u);
  EXPECT_EQ(message.event.reason, 'U');
}

TEST(OuchEvents, ASelfMatchIsACancelInBothLengths) {
  for (const int nth : {0, 1}) {
    const Buffer bytes = golden('D', nth);
    EXPECT_EQ(bytes.size(), 31u + static_cast<unsigned>(nth));
    const OuchMessage message = decode(bytes);
    EXPECT_EQ(message.event.kind, Kind::CANCELED);
    EXPECT_EQ(message.event.quantity, 40u);
    EXPECT_EQ(message.event.reason, 'Q');
    EXPECT_EQ(message.event.price, 0u);  // nothing was traded
  }
}

TEST(OuchEvents, ExecutedTellsTheFill) {
  const OuchMessage message = decode(golden('E'));
  EXPECT_EQ(message.event.kind, Kind::EXECUTED);
  EXPECT_EQ(message.event.token, 9u);
  EXPECT_EQ(message.event.quantity, 60u);
  EXPECT_EQ(message.event.price, 1'502'400u);
  EXPECT_EQ(message.event.match_number, 5555u);
  EXPECT_EQ(message.event.liquidity, 'A');
}

TEST(OuchEvents, BrokenNamesTheMatch) {
  const OuchMessage message = decode(golden('B'));
  EXPECT_EQ(message.event.kind, Kind::BROKEN);
  EXPECT_EQ(message.event.match_number, 5555u);
  EXPECT_EQ(message.event.reason, 'C');
  EXPECT_EQ(text(message.event.client_id), "K7            ");
}

TEST(OuchEvents, EveryRejectCodeIsPassedThrough) {
  Buffer bytes = golden('J');
  for (unsigned code = 0; code <= 0xFFFF; ++code) {
    bytes[13] = static_cast<std::byte>(code >> 8);
    bytes[14] = static_cast<std::byte>(code);
    const OuchMessage message = decode(bytes);
    ASSERT_EQ(message.event.kind, Kind::REJECTED);
    ASSERT_EQ(message.event.reason, code);
    ASSERT_EQ(message.event.token, 9u);
    ASSERT_EQ(text(message.event.client_id), "K7            ");
  }
}

TEST(OuchEvents, CancelPendingAndCancelRejectAreToldApart) {
  EXPECT_EQ(decode(golden('P')).event.kind, Kind::CANCEL_PENDING);
  EXPECT_EQ(decode(golden('I')).event.kind, Kind::CANCEL_REJECTED);
  EXPECT_EQ(decode(golden('P')).event.token, 9u);
  EXPECT_EQ(decode(golden('I')).event.token, 9u);
}

TEST(OuchEvents, PriorityModifiedAndRestatedTellWhatChanged) {
  const VenueEvent priority = decode(golden('T')).event;
  EXPECT_EQ(priority.kind, Kind::REPRIORITIZED);
  EXPECT_EQ(priority.price, 1'502'400u);
  EXPECT_EQ(priority.venue_order_id, 79u);
  const VenueEvent modified = decode(golden('M')).event;
  EXPECT_EQ(modified.kind, Kind::MODIFIED);
  EXPECT_EQ(modified.side, schema::Side::SELL);
  EXPECT_EQ(modified.quantity, 60u);
  for (const int nth : {0, 1}) {
    const VenueEvent restated = decode(golden('R', nth)).event;
    EXPECT_EQ(restated.kind, Kind::RESTATED);
    EXPECT_EQ(restated.reason, 'R');
  }
}

TEST(OuchEvents, QueryRepliesAndSystemEventsAreNoEvents) {
  const OuchMessage reply = decode(golden('Q'));
  EXPECT_EQ(reply.meaning, OuchMeaning::NEXT_TOKEN);
  EXPECT_EQ(reply.event.token, 11u);
  EXPECT_EQ(decode(golden('S')).meaning, OuchMeaning::NOTICE);
}

TEST(OuchEvents, EveryTruncationIsShortOrACutAppendage) {
  for (const test::GoldenMessage& whole : test::GOLDEN_MESSAGES) {
    const Buffer bytes = test::from_hex(whole.hex);
    const std::size_t fixed = ouch50::MESSAGE_BYTES[static_cast<std::uint8_t>(whole.type)];
    EXPECT_FALSE(decode(bytes).appendage_cut) << whole.hex;
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      const Buffer cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));  // its own end, for ASan
      const OuchMessage message = decode(cut);
      EXPECT_EQ(message.meaning == OuchMeaning::SHORT, length < fixed) << whole.hex << " at " << length;
      EXPECT_EQ(message.appendage_cut, length >= fixed && whole.type != 'D') << whole.hex << " at " << length;
    }
  }
}

TEST(OuchEvents, UnknownTypesAreNamedAsSuch) {
  for (unsigned type = 0; type < 256; ++type) {
    if (ouch50::MESSAGE_BYTES[type] != 0) continue;
    EXPECT_EQ(decode(Buffer(80, static_cast<std::byte>(type))).meaning, OuchMeaning::UNKNOWN_TYPE) << type;
  }
}

TEST(OuchEvents, UnknownCodesAreToldAndBecomeTheCarefulValue) {
  for (unsigned code = 0; code < 256; ++code) {
    const char c = static_cast<char>(code);
    Buffer bytes = golden('A');
    bytes[13] = static_cast<std::byte>(code);
    const bool side = c == 'B' || c == 'S' || c == 'T' || c == 'E';
    EXPECT_EQ(decode(bytes).unknown_code, !side) << code;
    EXPECT_EQ(decode(bytes).event.side == schema::Side::NONE, !side) << code;
    bytes = golden('A');
    bytes[34] = static_cast<std::byte>(code);
    const bool lifetime = std::string_view("0356E").find(c) != std::string_view::npos;
    EXPECT_EQ(decode(bytes).unknown_code, !lifetime) << code;
    EXPECT_EQ(decode(bytes).event.time_in_force == schema::TimeInForce::NONE, !lifetime) << code;
    bytes = golden('A');
    bytes[47] = static_cast<std::byte>(code);
    EXPECT_EQ(decode(bytes).unknown_code, c != 'L' && c != 'D') << code;
    EXPECT_EQ(decode(bytes).event.live, c != 'D') << code;
  }
}

}  // namespace
}  // namespace hft::feedd
