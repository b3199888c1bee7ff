#include "protocol/itch50.hpp"

#include <gtest/gtest.h>

#include "feed_bytes.hpp"

namespace hft::feedd::itch50 {
namespace {

using test::from_hex;

// type, stock locate 0x0102, tracking number 0x0304, timestamp 0x0a0b0c0d0e0f.
#define PREFIX \
  "01020304"   \
  "0a0b0c0d0e0f"

TEST(Itch50, the_prefix_is_big_endian_at_its_offsets) {
  const auto bytes = from_hex("53" PREFIX "4f");
  const auto& message = view_as<SystemEvent>(bytes);
  EXPECT_EQ('S', message.prefix.type);
  EXPECT_EQ(0x0102, message.prefix.stock_locate.value());
  EXPECT_EQ(0x0304, message.prefix.tracking_number.value());
  EXPECT_EQ(0x0a0b0c0d0e0full, message.prefix.timestamp_ns.value());
  EXPECT_EQ('O', message.event_code);
}

TEST(Itch50, reads_a_golden_stock_directory) {
  const auto bytes = from_hex("52" PREFIX
                              "4141504c20202020"
                              "51"
                              "4e"
                              "00000064"
                              "59"
                              "43"
                              "5a20"
                              "50"
                              "4e"
                              "59"
                              "31"
                              "4e"
                              "00000003"
                              "49");
  ASSERT_EQ(MalformedMessage::NONE, check(bytes));
  const auto& message = view_as<StockDirectory>(bytes);
  EXPECT_EQ("AAPL", message.stock.text());
  EXPECT_EQ('Q', message.market_category);
  EXPECT_EQ(100u, message.round_lot.value());
  EXPECT_EQ("Z", message.issue_sub_type.text());
  EXPECT_EQ('Y', message.ipo_flag);
  EXPECT_EQ(3u, message.etp_leverage.value());
  EXPECT_EQ('I', message.inverse);
}

TEST(Itch50, reads_a_golden_attributed_add) {
  const auto bytes = from_hex("46" PREFIX
                              "0000000100000002"
                              "53"
                              "000003e8"
                              "4d53465420202020"
                              "0016e360"
                              "4e534451");
  ASSERT_EQ(MalformedMessage::NONE, check(bytes));
  const auto& message = view_as<AddOrderAttributed>(bytes);
  EXPECT_EQ(0x100000002ull, message.order.order_reference.value());
  EXPECT_EQ('S', message.order.side);
  EXPECT_EQ(1000u, message.order.shares.value());
  EXPECT_EQ("MSFT", message.order.stock.text());
  EXPECT_EQ(1500000u, message.order.price_e4.value());
  EXPECT_EQ("NSDQ", message.attribution.text());
}

TEST(Itch50, reads_a_golden_priced_execution) {
  const auto bytes = from_hex("43" PREFIX
                              "0000000000000005"
                              "00000064"
                              "0000000000000007"
                              "4e"
                              "000186a0");
  ASSERT_EQ(MalformedMessage::NONE, check(bytes));
  const auto& message = view_as<OrderExecutedPriced>(bytes);
  EXPECT_EQ(5u, message.execution.order_reference.value());
  EXPECT_EQ(100u, message.execution.executed_shares.value());
  EXPECT_EQ(7u, message.execution.match_number.value());
  EXPECT_EQ('N', message.printable);
  EXPECT_EQ(100000u, message.price_e4.value());
}

TEST(Itch50, reads_a_golden_imbalance) {
  const auto bytes = from_hex("49" PREFIX
                              "0000000000000010"
                              "0000000000000020"
                              "42"
                              "4141504c20202020"
                              "00000001"
                              "00000002"
                              "00000003"
                              "4f"
                              "4c");
  ASSERT_EQ(MalformedMessage::NONE, check(bytes));
  const auto& message = view_as<Imbalance>(bytes);
  EXPECT_EQ(16u, message.paired_shares.value());
  EXPECT_EQ(32u, message.imbalance_shares.value());
  EXPECT_EQ('B', message.direction);
  EXPECT_EQ(1u, message.far_price_e4.value());
  EXPECT_EQ(2u, message.near_price_e4.value());
  EXPECT_EQ(3u, message.reference_price_e4.value());
  EXPECT_EQ('O', message.cross_type);
  EXPECT_EQ('L', message.price_variation);
}

TEST(Itch50, reads_a_golden_price_discovery) {
  const auto bytes = from_hex("4f" PREFIX
                              "4141504c20202020"
                              "59"
                              "00000001"
                              "00000002"
                              "00000003"
                              "0000000000000004"
                              "00000005"
                              "00000006");
  ASSERT_EQ(MalformedMessage::NONE, check(bytes));
  const auto& message = view_as<PriceDiscovery>(bytes);
  EXPECT_EQ('Y', message.eligibility);
  EXPECT_EQ(1u, message.minimum_price_e4.value());
  EXPECT_EQ(2u, message.maximum_price_e4.value());
  EXPECT_EQ(3u, message.near_price_e4.value());
  EXPECT_EQ(4u, message.near_time_ns.value());
  EXPECT_EQ(6u, message.upper_collar_e4.value());
}

TEST(Itch50, every_known_type_is_accepted_at_its_length_and_at_no_other) {
  for (const char type : MESSAGE_TYPES) {
    const std::size_t length = MESSAGE_BYTES[static_cast<std::uint8_t>(type)];
    test::Buffer bytes(length + 1, std::byte{0});
    bytes[0] = static_cast<std::byte>(type);
    EXPECT_EQ(MalformedMessage::NONE, check(Bytes(bytes).first(length))) << type;
    EXPECT_EQ(MalformedMessage::TOO_LONG, check(bytes)) << type;
    EXPECT_EQ(MalformedMessage::TOO_SHORT, check(Bytes(bytes).first(length - 1))) << type;
    EXPECT_EQ(MalformedMessage::TOO_SHORT, check(Bytes(bytes).first(1))) << type;
  }
}

TEST(Itch50, a_type_outside_the_specification_is_unknown_at_any_length) {
  for (int type = 0; type < 256; ++type) {
    if (MESSAGE_TYPES.find(static_cast<char>(type)) != std::string_view::npos) continue;
    const test::Buffer bytes(36, static_cast<std::byte>(type));
    EXPECT_EQ(MalformedMessage::UNKNOWN_TYPE, check(bytes)) << type;
    EXPECT_EQ(MalformedMessage::UNKNOWN_TYPE, check(Bytes(bytes).first(1))) << type;
  }
}

TEST(Itch50, no_bytes_are_no_message) { EXPECT_EQ(MalformedMessage::EMPTY, check({})); }

TEST(Itch50, padding_is_cut_from_text_on_the_right_only) {
  EXPECT_EQ(" A B", (Ascii<8>{{' ', 'A', ' ', 'B', ' ', ' ', ' ', ' '}}.text()));
  EXPECT_EQ("", (Ascii<2>{{' ', ' '}}.text()));
}

}  // namespace
}  // namespace hft::feedd::itch50
