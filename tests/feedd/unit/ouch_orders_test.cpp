#include "gateway/venue/ouch_orders.hpp"

#include <gtest/gtest.h>

#include "feed_bytes.hpp"

namespace hft::feedd {
namespace {

using test::Buffer;
using test::from_hex;

Buffer copy(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

ClientId client_id(std::string_view text) {
  ClientId id;
  soup::set_left(id, text);
  return id;
}

VenueOrder order() {
  VenueOrder made;
  made.token = 0x01020304;
  made.side = schema::Side::BUY;
  made.time_in_force = schema::TimeInForce::DAY;
  made.quantity = 100;
  made.price = 1'502'500;
  made.symbol = {'A', 'A', 'P', 'L', ' ', ' ', ' ', ' '};
  made.client_id = client_id("K7");
  return made;
}

VenueReplace replacement() {
  VenueReplace made;
  made.replaced_token = 0x01020304;
  made.token = 0x01020305;
  made.time_in_force = schema::TimeInForce::IOC;
  made.chain_quantity = 250;
  made.price = 1'499'900;
  made.client_id = client_id("K8");
  return made;
}

GatewayConfig with_firm(std::string firm) {
  GatewayConfig config;
  config.firm = std::move(firm);
  return config;
}

TEST(OuchOrders, AnOrderIsOnePacket) {
  OuchOrders orders(with_firm(""));
  EXPECT_EQ(copy(orders.enter(order())),
            from_hex("0030554f0102030442000000644141504c20202020000000000016ed243059504e4e4b3720202020202020202020202"
                     "00000"));
}

TEST(OuchOrders, ASellSaysWhetherItIsShort) {
  constexpr std::size_t SIDE = 3 + 5;
  OuchOrders orders(with_firm(""));
  VenueOrder sell = order();
  sell.side = schema::Side::SELL;
  EXPECT_EQ('S', static_cast<char>(copy(orders.enter(sell))[SIDE]));
  sell.short_sale = true;
  EXPECT_EQ('T', static_cast<char>(copy(orders.enter(sell))[SIDE]));
  EXPECT_EQ('B', static_cast<char>(copy(orders.enter(order()))[SIDE]));
}

TEST(OuchOrders, FirmAndPostOnlyAreItsAppendage) {
  OuchOrders orders(with_firm("LIME"));
  VenueOrder post_only = order();
  post_only.post_only = true;
  EXPECT_EQ(copy(orders.enter(post_only)),
            from_hex("0039554f0102030442000000644141504c20202020000000000016ed243059504e4e4b3720202020202020202020202"
                     "0000905024c494d45020c50"));
}

TEST(OuchOrders, NothingOfAnOrderStaysForTheNext) {
  OuchOrders orders(with_firm("LIME"));
  const Buffer plain = copy(orders.enter(order()));
  VenueOrder other = order();
  other.post_only = true;
  other.side = schema::Side::SELL;
  other.time_in_force = schema::TimeInForce::IOC;
  other.quantity = 999'999;
  other.price = 1'999'999'900;
  other.symbol.fill('Z');
  other.client_id.fill('Z');
  const Buffer different = copy(orders.enter(other));
  EXPECT_EQ(different.size(), plain.size() + 3);
  EXPECT_EQ(static_cast<char>(different[3 + 5]), 'S');
  EXPECT_EQ(static_cast<char>(different[3 + 26]), '3');
  EXPECT_EQ(copy(orders.enter(order())), plain);
}

TEST(OuchOrders, CapacityIsTheConfiguredOne) {
  GatewayConfig config;
  for (const TradesAs trades_as : {TradesAs::PRINCIPAL, TradesAs::AGENCY, TradesAs::RISKLESS_PRINCIPAL}) {
    config.trades_as = trades_as;
    OuchOrders orders(config);
    EXPECT_EQ(static_cast<char>(orders.enter(order())[3 + 28]), static_cast<char>(trades_as));
  }
}

TEST(OuchOrders, AReplaceIsOnePacket) {
  OuchOrders orders(with_firm("LIME"));
  EXPECT_EQ(copy(orders.replace(replacement())),
            from_hex("002955550102030401020305000000fa000000000016e2fc33594e4b382020202020202020202020200000"));
  VenueReplace post_only = replacement();
  post_only.post_only = true;
  EXPECT_EQ(copy(orders.replace(post_only)),
            from_hex("002c55550102030401020305000000fa000000000016e2fc33594e4b382020202020202020202020200003020c50"));
}

TEST(OuchOrders, AReplaceThatMarksShortFollowsAModifyOfWhatItReplaces) {
  OuchOrders orders(with_firm("LIME"));
  const Buffer plain = copy(orders.replace(replacement()));
  VenueReplace marking = replacement();
  marking.mark_short_quantity = 50;
  const Buffer both = copy(orders.replace(marking));
  EXPECT_EQ(Buffer(both.begin(), both.begin() + 13), from_hex("000b554d010203045400000032"));
  EXPECT_EQ(Buffer(both.begin() + 13, both.end()), plain);
  EXPECT_EQ(copy(orders.replace(replacement())), plain);
}

TEST(OuchOrders, CancelAndQueryAreOnePacketEach) {
  OuchOrders orders(with_firm(""));
  EXPECT_EQ(copy(orders.cancel(7, 0)), from_hex("000a55580000000700000000"));
  EXPECT_EQ(copy(orders.account_query()), from_hex("00025551"));
}

}  // namespace
}  // namespace hft::feedd
