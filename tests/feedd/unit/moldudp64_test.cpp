#include "protocol/moldudp64.hpp"

#include <gtest/gtest.h>

#include "feed_bytes.hpp"

namespace hft::feedd {
namespace {

using test::from_hex;

// Session "FEED000001", sequence 258, two messages: "AB" and one byte 0x7f.
constexpr std::string_view GOLDEN =
    "46454544303030303031"
    "0000000000000102"
    "0002"
    "00024142"
    "00017f";

TEST(MoldPacket, splits_golden_bytes_into_messages) {
  const auto bytes = from_hex(GOLDEN);
  MoldPacket packet;
  ASSERT_EQ(MalformedPacket::NONE, packet.parse(bytes));
  EXPECT_EQ(test::session_named("FEED000001"), packet.session());
  EXPECT_EQ(258u, packet.sequence());
  ASSERT_EQ(2u, packet.messages());
  EXPECT_EQ(from_hex("4142"), test::Buffer(packet.message(0).begin(), packet.message(0).end()));
  EXPECT_EQ(from_hex("7f"), test::Buffer(packet.message(1).begin(), packet.message(1).end()));
}

TEST(MoldPacket, every_cut_of_a_packet_is_malformed) {
  const auto bytes = from_hex(GOLDEN);
  MoldPacket packet;
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const auto reason = packet.parse(Bytes(bytes).first(length));
    const auto expected = length < 20   ? MalformedPacket::SHORT_HEADER
                          : length < 22 ? MalformedPacket::BLOCK_LENGTH_CUT
                          : length < 24 ? MalformedPacket::BLOCK_CUT
                          : length < 26 ? MalformedPacket::BLOCK_LENGTH_CUT
                                        : MalformedPacket::BLOCK_CUT;
    EXPECT_EQ(expected, reason) << length;
  }
}

TEST(MoldPacket, bytes_beyond_the_announced_blocks_are_malformed) {
  auto bytes = from_hex(GOLDEN);
  bytes.push_back(std::byte{0});
  MoldPacket packet;
  EXPECT_EQ(MalformedPacket::TRAILING_BYTES, packet.parse(bytes));
}

TEST(MoldPacket, a_message_of_zero_bytes_is_a_message) {
  MoldPacket packet;
  const auto bytes = test::packet(test::session_named("S"), 1, {{}, {std::byte{1}}}, 2);
  ASSERT_EQ(MalformedPacket::NONE, packet.parse(bytes));
  EXPECT_EQ(2u, packet.messages());
  EXPECT_TRUE(packet.message(0).empty());
}

TEST(MoldPacket, end_of_session_is_not_65535_messages) {
  MoldPacket packet;
  const auto bytes = test::packet(test::session_named("S"), 9, {}, MOLD_END_OF_SESSION);
  ASSERT_EQ(MalformedPacket::NONE, packet.parse(bytes));
  EXPECT_TRUE(packet.end_of_session());
  EXPECT_EQ(0u, packet.messages());
}

TEST(MoldPacket, sequences_that_can_not_be_are_malformed) {
  MoldPacket packet;
  const auto session = test::session_named("S");
  EXPECT_EQ(MalformedPacket::SEQUENCE_ZERO, packet.parse(test::packet(session, 0, {}, 0)));
  EXPECT_EQ(MalformedPacket::NONE, packet.parse(test::packet(session, ~0ull, {}, 0)));
  EXPECT_EQ(MalformedPacket::SEQUENCE_OVERFLOW, packet.parse(test::packet(session, ~0ull, {{}}, 1)));
}

TEST(MoldPacket, a_datagram_full_of_empty_messages_is_split) {
  const std::uint16_t count = (65535 - 20) / 2;
  test::Buffer bytes = test::packet(test::session_named("S"), 1, {}, count);
  bytes.resize(20 + 2 * count);
  MoldPacket packet;
  EXPECT_EQ(MalformedPacket::NONE, packet.parse(bytes));
  EXPECT_EQ(count, packet.messages());
  bytes.resize(65536);
  EXPECT_EQ(MalformedPacket::OVERSIZE, packet.parse(bytes));
}

TEST(RetransmissionRequest, is_encoded_as_a_header) {
  const RetransmissionRequest request{test::session_named("FEED000001"), 258, 64};
  EXPECT_EQ(from_hex("46454544303030303031"
                     "0000000000000102"
                     "0040"),
            test::bytes_of(encode(request)));
}

}  // namespace
}  // namespace hft::feedd
