#include "protocol/ouch50.hpp"

#include <gtest/gtest.h>

#include "feed_bytes.hpp"

namespace hft::feedd::ouch50 {
namespace {

using test::Buffer;
using test::from_hex;

TEST(Ouch50, EveryTypeIsKnownByItsLengthAndNoOther) {
  for (unsigned type = 0; type < 256; ++type) {
    const bool known = MESSAGE_TYPES.find(static_cast<char>(type)) != std::string_view::npos;
    EXPECT_EQ(MESSAGE_BYTES[type] != 0, known) << type;
    const Buffer lone{static_cast<std::byte>(type)};
    EXPECT_EQ(check(lone), known ? MessageCheck::SHORT : MessageCheck::UNKNOWN_TYPE) << type;
  }
  EXPECT_EQ(check({}), MessageCheck::SHORT);
}

TEST(Ouch50, AMessageOneByteShortIsShortAndOneLongerIsGood) {
  for (const char type : MESSAGE_TYPES) {
    const std::size_t bytes = MESSAGE_BYTES[static_cast<std::uint8_t>(type)];
    Buffer message(bytes + 1);
    message[0] = static_cast<std::byte>(type);
    EXPECT_EQ(check(Bytes(message).first(bytes - 1)), MessageCheck::SHORT) << type;
    EXPECT_EQ(check(Bytes(message).first(bytes)), MessageCheck::GOOD) << type;
    EXPECT_EQ(check(message), MessageCheck::GOOD) << type;
  }
}

// A restated message with that tail, whose length the first argument says.
Buffer restated(std::uint16_t appendage_bytes, std::string_view tail_hex) {
  Buffer message = from_hex("5200001f1aced9f07b0000000952");
  message.push_back(static_cast<std::byte>(appendage_bytes >> 8));
  message.push_back(static_cast<std::byte>(appendage_bytes));
  const Buffer tail = from_hex(tail_hex);
  message.insert(message.end(), tail.begin(), tail.end());
  return message;
}

TEST(OuchAppendage, IsWalkedElementByElement) {
  const Buffer message = restated(9, "05024c494d45021230");
  Appendage appendage(message, sizeof(Restated));
  Appendage::Element element;
  ASSERT_TRUE(appendage.next(element));
  EXPECT_EQ(element.tag, tag::FIRM);
  EXPECT_EQ(Buffer(element.value.begin(), element.value.end()), from_hex("4c494d45"));
  ASSERT_TRUE(appendage.next(element));
  EXPECT_EQ(element.tag, 18);
  EXPECT_EQ(element.value.size(), 1u);
  EXPECT_FALSE(appendage.next(element));
  EXPECT_FALSE(appendage.malformed());
  EXPECT_TRUE(appendage_is_whole(message));
}

TEST(OuchAppendage, OfNoBytesIsWhole) {
  EXPECT_TRUE(appendage_is_whole(restated(0, "")));
  EXPECT_TRUE(appendage_is_whole(restated(0, "ffff")));  // what lies behind it is not its own
}

TEST(OuchAppendage, ATagWithoutAValueIsAnElement) {
  const Buffer message = restated(2, "0112");
  Appendage appendage(message, sizeof(Restated));
  Appendage::Element element;
  ASSERT_TRUE(appendage.next(element));
  EXPECT_EQ(element.tag, 18);
  EXPECT_TRUE(element.value.empty());
}

TEST(OuchAppendage, StopsAtWhatIsNotWhole) {
  EXPECT_FALSE(appendage_is_whole(restated(1, "00")));            // an element of no bytes would never end
  EXPECT_FALSE(appendage_is_whole(restated(4, "02123000")));      // behind a good one
  EXPECT_FALSE(appendage_is_whole(restated(3, "051230")));        // longer than the tail
  EXPECT_FALSE(appendage_is_whole(restated(1, "01")));            // no tag
  EXPECT_FALSE(appendage_is_whole(restated(7, "05024c494d45")));  // longer than the message
  EXPECT_FALSE(appendage_is_whole(restated(0xFFFF, "021230")));
}

TEST(OuchAppendage, WhatDoesNotFitIsNotWritten) {
  std::array<std::byte, 8> space{};
  AppendageWriter writer(space);
  writer.add(tag::FIRM, "LIME");
  EXPECT_EQ(writer.bytes(), 6u);
  writer.add(tag::POST_ONLY, "P");
  EXPECT_EQ(writer.bytes(), 6u);
  writer.add(tag::POST_ONLY, "");
  EXPECT_EQ(Buffer(space.begin(), space.end()), from_hex("05024c494d45010c"));
}

}  // namespace
}  // namespace hft::feedd::ouch50
