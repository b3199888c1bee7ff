#include "protocol/soupbintcp.hpp"

#include <gtest/gtest.h>

#include <string>

#include "feed_bytes.hpp"

namespace hft::feedd::soup {
namespace {

using test::Buffer;
using test::bytes_of;
using test::from_hex;

Buffer text_bytes(std::string_view text) {
  Buffer bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

void feed(Framer& framer, Bytes bytes) {
  const auto space = framer.space();
  ASSERT_GE(space.size(), bytes.size());
  std::memcpy(space.data(), bytes.data(), bytes.size());
  framer.filled(bytes.size());
}

std::string text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

TEST(SoupLogin, LooksAsIn30And40) {
  LoginRequest login = login_request({"HFT001", "secret"});
  ask_for(login, "DAY1", 17);
  EXPECT_EQ(bytes_of(login), from_hex("002f4c48465430303173656372657420202020202020202020444159312020202020202020202020"
                                      "202020202020203137"));
}

TEST(SoupLogin, Of41SaysWhenToTakeUsForGone) {
  const LoginRequest41 login = login_request_41({"HFT1", "secret"}, 15'000);
  EXPECT_EQ(bytes_of(login), from_hex("00344c48465431202073656372657420202020202020202020202020202020202020202020202020"
                                      "2020202020202020313135303030"));
  EXPECT_EQ(std::string_view(login_request_41({"A", "B"}, 1'000'000).heartbeat_timeout_ms.raw.data(), 5), "99999");
}

TEST(SoupLogin, FieldsHoldAsMuchAsTheyCan) {
  LoginRequest login = login_request({"ABCDEF", "0123456789"});
  ask_for(login, "ABCDEFGHIJ", UINT64_MAX);
  EXPECT_EQ(text_of(bytes_of(login)).substr(3), "ABCDEF0123456789ABCDEFGHIJ18446744073709551615");
}

TEST(SoupLogin, AnAnswerIsReadWhicheverSideItsPaddingIsOn) {
  const Buffer right_bytes = text_bytes("      DAY1                  17");
  const auto right = decode_accepted(right_bytes);
  ASSERT_TRUE(right);
  EXPECT_EQ(right->session, "DAY1");
  EXPECT_EQ(right->sequence, 17u);
  const Buffer left_bytes = text_bytes("DAY1      17                  ");
  const auto left = decode_accepted(left_bytes);
  ASSERT_TRUE(left);
  EXPECT_EQ(left->session, "DAY1");
  EXPECT_EQ(left->sequence, 17u);
}

TEST(SoupLogin, AnAnswerThatSaysNothingUsableIsNone) {
  for (const char* payload : {"          "
                              "                  17",
                              "      DAY1"
                              "                    ",
                              "      DAY1"
                              "                   0",
                              "      DAY1"
                              "                 1 7",
                              "      DAY1"
                              "                  -1",
                              "      DAY1"
                              "99999999999999999999",
                              "      DAY1"
                              "                 0x1"}) {
    ASSERT_EQ(std::string_view(payload).size(), 30u);
    EXPECT_FALSE(decode_accepted(text_bytes(payload))) << payload;
  }
  const Buffer whole = text_bytes("      DAY1                  17");
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) EXPECT_FALSE(decode_accepted(Bytes(whole).first(bytes)));
}

TEST(SoupFramer, CutsPacketsOutOfOneRead) {
  Framer framer(64);
  feed(framer, from_hex("0001480003534142"
                        "00022b7a"));
  Packet packet;
  ASSERT_EQ(framer.next(packet), Framer::Next::PACKET);
  EXPECT_EQ(packet.type, SERVER_HEARTBEAT);
  EXPECT_TRUE(packet.payload.empty());
  ASSERT_EQ(framer.next(packet), Framer::Next::PACKET);
  EXPECT_EQ(packet.type, SEQUENCED);
  EXPECT_EQ(text_of(packet.payload), "AB");
  ASSERT_EQ(framer.next(packet), Framer::Next::PACKET);
  EXPECT_EQ(packet.type, DEBUG);
  EXPECT_EQ(framer.next(packet), Framer::Next::INCOMPLETE);
  EXPECT_EQ(framer.pending_bytes(), 0u);
}

TEST(SoupFramer, WaitsForEachByteOfAPacket) {
  Framer framer(16);
  const Buffer bytes = from_hex(
      "000553414243440001"
      "48");
  Packet packet;
  for (std::size_t at = 0; at < 6; ++at) {
    feed(framer, Bytes(bytes).subspan(at, 1));
    ASSERT_EQ(framer.next(packet), Framer::Next::INCOMPLETE) << at;
  }
  feed(framer, Bytes(bytes).subspan(6, 1));
  ASSERT_EQ(framer.next(packet), Framer::Next::PACKET);
  EXPECT_EQ(text_of(packet.payload), "ABCD");
}

TEST(SoupFramer, GoesOnForAsLongAsTheStreamInASmallBuffer) {
  Framer framer(24);
  Buffer stream;
  for (int i = 0; i < 500; ++i) {
    Buffer packet(static_cast<std::size_t>(3 + i % 21), static_cast<std::byte>(i));
    packet[0] = std::byte{0};
    packet[1] = static_cast<std::byte>(packet.size() - 2);
    packet[2] = std::byte{'S'};
    stream.insert(stream.end(), packet.begin(), packet.end());
  }
  std::size_t at = 0;
  int expected = 0;
  Packet packet;
  while (at < stream.size()) {
    const std::size_t bytes = std::min({framer.space().size(), stream.size() - at, std::size_t{7}});
    ASSERT_NE(bytes, 0u);
    feed(framer, Bytes(stream).subspan(at, bytes));
    at += bytes;
    while (framer.next(packet) == Framer::Next::PACKET) {
      ASSERT_EQ(packet.payload.size(), static_cast<std::size_t>(expected % 21));
      for (const std::byte byte : packet.payload) ASSERT_EQ(byte, static_cast<std::byte>(expected));
      ++expected;
    }
  }
  EXPECT_EQ(expected, 500);
}

TEST(SoupFramer, RefusesWhatCanNotBeFollowed) {
  Packet packet;
  Framer zero(16);
  feed(zero, from_hex("0000"));
  EXPECT_EQ(zero.next(packet), Framer::Next::ZERO_LENGTH);
  Framer full(16);
  feed(full, from_hex("000e5341424344"
                      "45464748494a4b4c4d"));
  EXPECT_EQ(full.next(packet), Framer::Next::PACKET);
  Framer over(16);
  feed(over, from_hex("000f53"));
  EXPECT_EQ(over.next(packet), Framer::Next::OVERSIZE);
}

TEST(SoupFramer, HoldsTheLongestPacketThereIs) {
  Framer framer(PACKET_BYTES_MAX);
  Buffer longest(PACKET_BYTES_MAX, std::byte{'x'});
  longest[0] = longest[1] = std::byte{0xFF};
  feed(framer, longest);
  Packet packet;
  ASSERT_EQ(framer.next(packet), Framer::Next::PACKET);
  EXPECT_EQ(packet.payload.size(), 65'534u);
}

}  // namespace
}  // namespace hft::feedd::soup
