#include "runtime/toml.hpp"

#include <gtest/gtest.h>

namespace hft::feedd {
namespace {

using Kind = TomlNode::Kind;

const TomlNode& at(const TomlNode& table, const std::string& name) { return table.table.at(name); }

std::string refusal(std::string_view text) {
  try {
    (void)parse_toml(text);
  } catch (const TomlError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(TomlTest, sections_and_dotted_keys_make_tables) {
  const TomlNode root = parse_toml("a.b = 1\n[c]\nd = 2\n[c.e]\n\"f g\" = 3\n");
  EXPECT_EQ(1, at(at(root, "a"), "b").integer);
  EXPECT_EQ(2, at(at(root, "c"), "d").integer);
  EXPECT_EQ(3, at(at(at(root, "c"), "e"), "f g").integer);
}

TEST(TomlTest, a_section_may_follow_its_own_sub_section) {
  const TomlNode root = parse_toml("[a.b]\nx = 1\n[a]\ny = 2\n");
  EXPECT_EQ(2, at(at(root, "a"), "y").integer);
}

TEST(TomlTest, integers_are_read_in_every_base) {
  const TomlNode root = parse_toml("a = +1_000\nb = -7\nc = 0xFF\nd = 0o17\ne = 0b101\n");
  EXPECT_EQ(1000, at(root, "a").integer);
  EXPECT_EQ(-7, at(root, "b").integer);
  EXPECT_EQ(255, at(root, "c").integer);
  EXPECT_EQ(15, at(root, "d").integer);
  EXPECT_EQ(5, at(root, "e").integer);
}

TEST(TomlTest, every_value_has_its_kind) {
  const TomlNode root = parse_toml("a = 1.5\nb = true\nc = 2019-12-30\nd = []\ne = ''\nf = nan\ng = 1e3\n");
  EXPECT_EQ(Kind::FLOAT, at(root, "a").kind);
  EXPECT_EQ(Kind::BOOLEAN, at(root, "b").kind);
  EXPECT_EQ(Kind::DATE, at(root, "c").kind);
  EXPECT_EQ(Kind::ARRAY, at(root, "d").kind);
  EXPECT_EQ(Kind::STRING, at(root, "e").kind);
  EXPECT_EQ(Kind::FLOAT, at(root, "f").kind);
  EXPECT_EQ(Kind::FLOAT, at(root, "g").kind);
}

TEST(TomlTest, strings_keep_or_resolve_their_escapes) {
  const TomlNode root = parse_toml("a = \"q\\\"\\\\\\n\\u00A7\\U0001F600\"\nb = 'c:\\n'\nc = \"\xC2\xA7\"\n");
  EXPECT_EQ("q\"\\\n\xC2\xA7\xF0\x9F\x98\x80", at(root, "a").text);
  EXPECT_EQ("c:\\n", at(root, "b").text);
  EXPECT_EQ("\xC2\xA7", at(root, "c").text);
}

TEST(TomlTest, an_array_may_span_lines_with_comments_and_a_last_comma) {
  const TomlNode root = parse_toml("a = [ # one\r\n  1, # two\n\n  [2],\n]\n");
  ASSERT_EQ(2u, at(root, "a").array.size());
  EXPECT_EQ(2, at(root, "a").array[1].array[0].integer);
}

TEST(TomlTest, an_array_of_tables_is_an_array) {
  const TomlNode root = parse_toml("[[a]]\nx = 1\n[a.b]\ny = 2\n[[a]]\nx = 3\n");
  ASSERT_EQ(2u, at(root, "a").array.size());
  EXPECT_EQ(2, at(at(at(root, "a").array[0], "b"), "y").integer);
  EXPECT_EQ(3, at(at(root, "a").array[1], "x").integer);
}

TEST(TomlTest, a_refusal_names_line_and_column) {
  EXPECT_EQ("line 2, column 5: expected a value", refusal("a = 1\nb = \n"));
  EXPECT_EQ("line 1, column 7: expected the end of the line", refusal("a = 1 b"));
}

TEST(TomlTest, nothing_may_be_there_twice) {
  EXPECT_NE("accepted", refusal("a = 1\na = 2"));
  EXPECT_NE("accepted", refusal("[a]\n[a]"));
  EXPECT_NE("accepted", refusal("a = 1\n[a]"));
  EXPECT_NE("accepted", refusal("a.b = 1\n[a]"));
  EXPECT_NE("accepted", refusal("a = [1]\n[[a]]"));
  EXPECT_NE("accepted", refusal("[a]\n[[a]]"));
}

TEST(TomlTest, malformed_text_is_refused) {
  for (const std::string_view text : {"[a",
                                      "[]",
                                      "[a.]",
                                      "[[a]",
                                      "a",
                                      "a =",
                                      "= 1",
                                      "a = [1",
                                      "a = [1 2]",
                                      "a = [,]",
                                      "a = \"x",
                                      "a = 'x\n'",
                                      "a = \"\\q\"",
                                      "a = \"\\u12\"",
                                      "a = \"\\uD800\"",
                                      "a = 01",
                                      "a = 1_",
                                      "a = 0x",
                                      "a = 9223372036854775808",
                                      "a = tru",
                                      "a = 1.",
                                      "a = .5",
                                      "a = {}",
                                      "a = \"\"\"x\"\"\"",
                                      "a = 1 \xC2\xA7",
                                      "\xCC\xAA",
                                      "[&",
                                      "a = [}",
                                      "a = \"\xC0\x80\"",
                                      "a = \"\xED\xA0\x80\"",
                                      "a = \"\xF5\x80\x80\x80\"",
                                      "# \x01",
                                      "a = 1\rb = 2"}) {
    EXPECT_NE("accepted", refusal(text)) << text;
  }
}

TEST(TomlTest, arrays_within_arrays_have_a_limit) {
  EXPECT_NE("accepted", refusal("a = " + std::string(100'000, '[')));
}

}  // namespace
}  // namespace hft::feedd
