#include "gateway/late_sends.hpp"

#include "shared_memory.hpp"

namespace hft::feedd {
namespace {

class LateSendsTest : public SharedMemoryTest {
 protected:
  static constexpr std::uint64_t EPOCH = 5;

  LateSendsTest()
      : region_(Region::create(options(schema::RegionKind::FENCE, 1, sizeof(schema::Fence), "fence"))),
        writer_(region_),
        view_(region_) {}

  void open(std::uint64_t epoch) { writer_.open(epoch, 77, 1'000); }
  void close() { writer_.close(static_cast<std::uint64_t>(schema::CloseReason::OPERATOR), 1); }
  [[nodiscard]] bool check() { return late_.check(view_); }

  Region region_;
  FenceWriter writer_;
  FenceView view_;
  LateSends late_;
};

TEST_F(LateSendsTest, what_is_sent_while_it_is_open_is_not_late) {
  open(EPOCH);
  EXPECT_FALSE(check());
  late_.sent(EPOCH, monotonic_ns());
  EXPECT_FALSE(check());
  close();
  EXPECT_FALSE(check());
  EXPECT_EQ(0u, late_.count());
}

TEST_F(LateSendsTest, each_order_whose_last_look_began_after_the_closing_counts_once) {
  open(EPOCH);
  EXPECT_FALSE(check());
  close();
  for (std::uint64_t sent = 1; sent <= 3; ++sent) {
    late_.sent(EPOCH, view_.shut_ts_ns() + sent);
    EXPECT_TRUE(check());
    EXPECT_FALSE(check());
    EXPECT_EQ(sent, late_.count());
  }
}

TEST_F(LateSendsTest, also_when_the_stamp_is_seen_later_than_the_send) {
  open(EPOCH);
  EXPECT_FALSE(check());
  late_.sent(EPOCH, UINT64_MAX);
  EXPECT_FALSE(check());
  close();
  EXPECT_TRUE(check());
}

TEST_F(LateSendsTest, a_look_that_began_before_the_closing_is_the_window) {
  open(EPOCH);
  EXPECT_FALSE(check());
  close();
  late_.sent(EPOCH, view_.shut_ts_ns());
  EXPECT_FALSE(check());
}

TEST_F(LateSendsTest, the_stamp_of_an_earlier_epoch_says_nothing_of_a_later_one) {
  open(EPOCH);
  EXPECT_FALSE(check());
  close();
  EXPECT_FALSE(check());
  open(EPOCH + 1);
  EXPECT_FALSE(check());
  late_.sent(EPOCH + 1, UINT64_MAX);
  EXPECT_FALSE(check());
  close();
  EXPECT_TRUE(check());
}

}  // namespace
}  // namespace hft::feedd
