#include "runtime/peer_region.hpp"

#include "shared_memory.hpp"

namespace hft::feedd {
namespace {

using Change = PeerRegion::Change;

constexpr PeerShape FENCE{schema::RegionKind::FENCE, sizeof(schema::Fence), 1, 1, true};
constexpr PeerShape INTENTS{schema::RegionKind::INTENTS_RING, sizeof(schema::OrderIntent), 16, 65536};

// What a hot thread does with its mailbox.
class PeerRegionTest : public SharedMemoryTest {
 protected:
  ~PeerRegionTest() override { delete held_; }

  Change follow(PeerRegion& peer) {
    const Change change = peer.follow();
    if (mailbox_.pending()) held_ = mailbox_.take(held_);
    return change;
  }
  [[nodiscard]] bool holds(const Region& region) const {
    return held_ != nullptr && *held_ && held_->generation() == region.generation();
  }
  Region adopt_fence() { return Region::adopt(options(FENCE.kind, 1, FENCE.record_bytes, "fence")); }
  Region create(const PeerShape& shape, const char* name) {
    return Region::create(options(shape.kind, shape.records_min, shape.record_bytes, name));
  }

  Handover<Region> mailbox_;
  Region* held_ = nullptr;
};

TEST_F(PeerRegionTest, a_region_that_is_not_there_yet_is_attached_when_it_comes) {
  PeerRegion peer(directory_ / "fence", FENCE, mailbox_);
  EXPECT_EQ(Change::NONE, follow(peer));
  const Region fence = adopt_fence();
  EXPECT_EQ(Change::ATTACHED, follow(peer));
  EXPECT_TRUE(holds(fence));
  EXPECT_EQ(Change::NONE, follow(peer));
}

TEST_F(PeerRegionTest, an_adopted_region_stays_attached_over_its_writer_s_lives) {
  PeerRegion peer(directory_ / "fence", FENCE, mailbox_);
  {
    const Region first_life = adopt_fence();
    EXPECT_EQ(Change::ATTACHED, follow(peer));
  }
  const Region second_life = adopt_fence();
  EXPECT_EQ(Change::NONE, follow(peer));
  EXPECT_TRUE(holds(second_life));
}

TEST_F(PeerRegionTest, one_that_its_writer_retired_is_let_go_and_comes_back_when_it_is_live_again) {
  PeerRegion peer(directory_ / "fence", FENCE, mailbox_);
  Region fence = adopt_fence();
  follow(peer);
  fence.retire();
  EXPECT_EQ(Change::DETACHED, follow(peer));
  EXPECT_FALSE(holds(fence));
  EXPECT_EQ(Change::NONE, follow(peer));
  const Region again = adopt_fence();
  EXPECT_EQ(Change::ATTACHED, follow(peer));
  EXPECT_TRUE(holds(again));
}

TEST_F(PeerRegionTest, one_that_is_found_retired_is_attached_as_soon_as_it_is_adopted) {
  PeerRegion peer(directory_ / "fence", FENCE, mailbox_);
  adopt_fence().retire();
  EXPECT_EQ(Change::NONE, follow(peer));
  const Region fence = adopt_fence();
  EXPECT_EQ(Change::ATTACHED, follow(peer));
  EXPECT_TRUE(holds(fence));
}

TEST_F(PeerRegionTest, a_directory_that_was_made_anew_is_followed) {
  std::filesystem::create_directory(directory_ / "watchd");
  const auto make = [&] { return Region::adopt(options(FENCE.kind, 1, FENCE.record_bytes, "watchd/fence")); };
  PeerRegion peer(directory_ / "watchd/fence", FENCE, mailbox_);
  Region before = make();
  EXPECT_EQ(Change::ATTACHED, follow(peer));
  std::filesystem::remove_all(directory_ / "watchd");
  std::filesystem::create_directory(directory_ / "watchd");
  const Region after = make();
  EXPECT_EQ(Change::ATTACHED, follow(peer));
  EXPECT_TRUE(holds(after));
  std::filesystem::remove_all(directory_ / "watchd");
  EXPECT_EQ(Change::DETACHED, follow(peer));
  EXPECT_FALSE(holds(after));
}

TEST_F(PeerRegionTest, a_retired_queue_is_not_opened_again_until_another_one_has_its_name) {
  PeerRegion peer(directory_ / "intents.ring", INTENTS, mailbox_);
  Region first = create(INTENTS, "intents.ring");
  EXPECT_EQ(Change::ATTACHED, follow(peer));
  first.retire();
  EXPECT_EQ(Change::DETACHED, follow(peer));
  control_word(reinterpret_cast<std::uint64_t*>(first.base())[2])
      .store(static_cast<std::uint64_t>(schema::RegionState::LIVE));  // no queue does that
  EXPECT_EQ(Change::NONE, follow(peer));
  const Region second = create(INTENTS, "intents.ring");
  EXPECT_EQ(Change::ATTACHED, follow(peer));
  EXPECT_TRUE(holds(second));
}

TEST_F(PeerRegionTest, something_else_in_its_place_ends_the_attachment_and_is_refused_once) {
  PeerRegion peer(directory_ / "fence", FENCE, mailbox_);
  const Region fence = adopt_fence();
  follow(peer);
  const Region other = create(INTENTS, "other");
  std::filesystem::rename(directory_ / "other", directory_ / "fence");
  EXPECT_EQ(Change::REFUSED, follow(peer));
  EXPECT_NE(std::string::npos, peer.problem().find("holds INTENTS_RING, expected FENCE"));
  EXPECT_FALSE(holds(fence));
  EXPECT_EQ(Change::NONE, follow(peer));
}

}  // namespace
}  // namespace hft::feedd
