#include "runtime/positions_file.hpp"

#include <gtest/gtest.h>

namespace hft::feedd {
namespace {

std::string refusal(std::string_view text) {
  try {
    (void)parse_positions(text);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(PositionsFile, lines_become_positions_with_prices_in_price_units) {
  const auto positions = parse_positions("symbol,quantity,price\r\n# held over night\n\nAAPL,-300,12.5\nMSFT,7,0.0001");
  ASSERT_EQ(2u, positions.size());
  EXPECT_EQ("AAPL", positions[0].symbol);
  EXPECT_EQ(-300, positions[0].position);
  EXPECT_EQ(125'000, positions[0].price);
  EXPECT_EQ(7, positions[1].position);
  EXPECT_EQ(1, positions[1].price);
}

TEST(PositionsFile, without_a_file_nothing_is_held) {
  EXPECT_TRUE(read_positions("").empty());
  EXPECT_TRUE(parse_positions("").empty());
}

TEST(PositionsFile, what_is_no_position_is_refused_by_its_line) {
  for (const char* line : {"AAPL", "AAPL,1", ",1,1", "LONGSYMBOL,1,1", "AAPL,1.5,1", "AAPL,+1,1", "AAPL,2000000000,1",
                           "AAPL,1,", "AAPL,1,0", "AAPL,1,-1", "AAPL,1,1.23456", "AAPL,1,1.", "AAPL,1,.5",
                           "AAPL,1,1.-5", "AAPL,1,200000", "AAPL,1,1,1"}) {
    EXPECT_NE(std::string::npos, refusal(std::string("MSFT,1,1\n") + line).find("line 2")) << line;
  }
  EXPECT_NE(std::string::npos, refusal("AAPL,1,1\nAAPL,2,1\n").find("named twice"));
}

TEST(PositionsFile, a_file_that_is_not_there_is_named) {
  try {
    (void)read_positions("/nowhere/positions.csv");
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_EQ("feedd.gateway.positions_file", error.key());
    EXPECT_NE(std::string::npos, std::string(error.what()).find("/nowhere/positions.csv"));
  }
}

}  // namespace
}  // namespace hft::feedd
