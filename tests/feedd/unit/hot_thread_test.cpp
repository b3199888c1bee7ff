#include "runtime/hot_thread.hpp"

#include <atomic>

#include "shared_memory.hpp"

namespace hft::feedd {
namespace {

using schema::LoopState;

// Counts its rounds, and says what state the progress words had while it worked.
class ScriptedAgent {
 public:
  explicit ScriptedAgent(const ProgressView& progress) : progress_(progress) {}

  unsigned do_work() noexcept {
    state_while_working = progress_.word(ProgressWriter::STATE);
    rounds_begun.fetch_add(1);
    return 1;
  }
  void stop() noexcept { state_while_stopping = progress_.word(ProgressWriter::STATE); }
  [[nodiscard]] LoopTotals totals() const noexcept {
    const std::uint64_t rounds = rounds_begun.load();
    return {10 * rounds, 20 * rounds, 7};
  }

  std::atomic<std::uint64_t> rounds_begun{0};
  std::atomic<std::uint64_t> state_while_working{0};
  std::uint64_t state_while_stopping = 0;

 private:
  ProgressView progress_;
};

class HotThreadTest : public SharedMemoryTest {
 protected:
  [[nodiscard]] std::uint64_t word(ProgressWriter::Word which) const { return view_.word(which); }
  static std::uint64_t value(LoopState state) { return static_cast<std::uint64_t>(state); }

  Region progress_ = Region::create(options(schema::RegionKind::PROGRESS, 2, sizeof(schema::LoopProgress), "progress"));
  ProgressView view_{progress_, 1};
  ScriptedAgent agent_{view_};
  std::uint64_t rounds_counted_ = 0;
  HotThread thread_{"under-test", agent_, Idle::BACKOFF, Counter(&rounds_counted_), ProgressWriter(progress_, 1)};
};

TEST_F(HotThreadTest, it_warms_up_until_it_may_go) {
  EXPECT_EQ(value(LoopState::WARMUP), word(ProgressWriter::STATE));
  EXPECT_GT(word(ProgressWriter::STATE_TS_NS), 0u);
  EXPECT_EQ(static_cast<std::uint64_t>(thread_.thread_id()), word(ProgressWriter::THREAD_ID));
  EXPECT_EQ(0u, word(ProgressWriter::ITERATIONS));
}

TEST_F(HotThreadTest, its_progress_is_what_the_agent_says_round_by_round) {
  thread_.go();
  while (word(ProgressWriter::ITERATIONS) < 100) std::this_thread::yield();
  EXPECT_EQ(value(LoopState::READY), agent_.state_while_working.load());
  thread_.finish();
  const std::uint64_t rounds = agent_.rounds_begun.load();
  EXPECT_EQ(rounds, rounds_counted_);
  EXPECT_EQ(rounds + 1, word(ProgressWriter::ITERATIONS));  // the stop counts as one
  EXPECT_EQ(10 * rounds, word(ProgressWriter::CONSUMED));
  EXPECT_EQ(20 * rounds, word(ProgressWriter::PRODUCED));
  EXPECT_EQ(7u, word(ProgressWriter::LAG));
}

TEST_F(HotThreadTest, it_drains_while_the_agent_stops_and_ends_stopped) {
  thread_.go();
  thread_.finish();
  EXPECT_EQ(value(LoopState::DRAINING), agent_.state_while_stopping);
  EXPECT_EQ(value(LoopState::STOPPED), word(ProgressWriter::STATE));
}

TEST_F(HotThreadTest, one_that_never_went_was_never_ready) {
  thread_.finish();
  EXPECT_EQ(0u, agent_.rounds_begun.load());
  EXPECT_EQ(value(LoopState::STOPPED), word(ProgressWriter::STATE));
}

}  // namespace
}  // namespace hft::feedd
