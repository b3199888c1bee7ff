#include "runtime/log.hpp"

#include <gtest/gtest.h>

namespace hft::feedd {
namespace {

TEST(LogTest, quotes_backslashes_and_control_characters_are_escaped) {
  EXPECT_EQ("\"a\\\"b\\\\c\\u000a\\u0000\"", json_string(std::string_view("a\"b\\c\n\0", 7)));
}

TEST(LogTest, a_line_is_one_json_object_in_one_write) {
  ::testing::internal::CaptureStderr();
  LogLine(LogLevel::WARNING, "happened").field("count", 3).field("ok", true).field("path", "/x");
  const std::string line = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ("{\"timestamp\":\"", line.substr(0, 14));
  EXPECT_NE(std::string::npos, line.find("\"level\":\"warning\",\"daemon\":\"feedd\",\"event\":\"happened\","
                                         "\"count\":3,\"ok\":true,\"path\":\"/x\"}\n"));
}

}  // namespace
}  // namespace hft::feedd
