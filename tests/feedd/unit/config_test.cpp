#include "runtime/config.hpp"

#include <gtest/gtest.h>

namespace hft::feedd {
namespace {

std::string key_refused(std::string_view text) {
  try {
    (void)parse_config(text);
  } catch (const ConfigError& error) {
    return error.key();
  }
  return "accepted";
}

TEST(ConfigTest, what_is_not_said_has_its_default) {
  const Config config = parse_config("[feedd.feed]\nline_a = \"233.54.12.111:26477\"\n");
  EXPECT_EQ("/dev/hugepages/hft", config.run.directory);
  EXPECT_TRUE(config.run.require_huge_pages);
  EXPECT_EQ(NOT_PINNED, config.cores.market);
  EXPECT_EQ(1u << 20, config.capacity.market_ring_records);
  EXPECT_FALSE(config.feed.line_b.has_value());
  EXPECT_FALSE(config.feed.trading_date.has_value());
}

TEST(ConfigTest, durations_become_nanoseconds) {
  const Config config = parse_config(
      "[feedd.feed]\nline_a = \"10.0.0.1:1\"\ngap_timeout_ms = 7\nsilence_alarm_ms = 10\ntick_interval_us = 11\n");
  EXPECT_EQ(7'000'000u, config.feed.gap_timeout_ns);
  EXPECT_EQ(10'000'000u, config.feed.silence_alarm_ns);
  EXPECT_EQ(11'000u, config.feed.tick_interval_ns);
}

TEST(ConfigTest, an_address_is_read_into_network_order) {
  const Config config = parse_config("[feedd.feed]\nline_a = \"233.54.12.111:26477\"\n");
  EXPECT_EQ("233.54.12.111:26477", config.feed.line_a.text());
  EXPECT_TRUE(config.feed.line_a.is_multicast());
  EXPECT_EQ(htons(26477), config.feed.line_a.socket_address().sin_port);
}

TEST(ConfigTest, the_problem_is_named_by_the_keys_full_path) {
  try {
    (void)parse_config("[feedd.feed]\nline_a = \"233.54.12.111\"\n");
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_STREQ("feedd.feed.line_a: \"233.54.12.111\" is not address:port", error.what());
  }
}

TEST(ConfigTest, an_unknown_key_is_refused_wherever_it_is) {
  const std::string feed = "[feedd.feed]\nline_a = \"10.0.0.1:1\"\n";
  EXPECT_EQ("feedd.feed.lineb", key_refused(feed + "lineb = \"\"\n"));
  EXPECT_EQ("feedd.extra", key_refused(feed + "[feedd.extra]\n"));
  EXPECT_EQ("watched", key_refused(feed + "[watched]\n"));
}

TEST(ConfigTest, the_keys_of_braind_are_not_feedds_business) {
  EXPECT_EQ("accepted", key_refused("[feedd.feed]\nline_a = \"10.0.0.1:1\"\n[braind]\nanything = 1\n"));
}

TEST(ConfigTest, an_empty_file_lacks_the_line) { EXPECT_EQ("feedd.feed.line_a", key_refused("")); }

TEST(ConfigTest, text_that_is_not_toml_is_refused_as_a_whole) { EXPECT_EQ("", key_refused("[feedd.feed\n")); }

}  // namespace
}  // namespace hft::feedd
