// Progress of hot loops in shared memory: each loop counts its own rounds, so that nothing but the loop itself can
// look alive. The heartbeat helper and watchd read the same words.
//
//   region | header | … | LoopProgress 0 | LoopProgress 1 | …
#pragma once
#include <cstddef>
#include <cstdint>

#include "feedd/region.hpp"

namespace hft {

static_assert(sizeof(schema::LoopProgress) == 128);

class ProgressWriter {
 public:
  ProgressWriter() = default;
  // `progress` must be writable and outlive the writer.
  ProgressWriter(Region& progress, std::size_t loop) noexcept
      : words_(reinterpret_cast<std::uint64_t*>(progress.records()) + loop * WORDS) {}

  // After each round, by the loop itself: totals so far, and what is still waiting.
  void round(std::uint64_t consumed, std::uint64_t produced, std::uint64_t lag_records) noexcept {
    store(CONSUMED, consumed);
    store(PRODUCED, produced);
    store(LAG, lag_records);
    // Pairs with ProgressView: whoever sees this round sees what it did.
    control_word(words_[ITERATIONS])
        .store(control_word(words_[ITERATIONS]).load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  // A round that looked and found nothing.
  void idle_round() noexcept {
    control_word(words_[ITERATIONS])
        .store(control_word(words_[ITERATIONS]).load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  void enter(schema::LoopState state, std::uint64_t now_ns) noexcept {
    store(STATE_TS_NS, now_ns);
    control_word(words_[STATE]).store(static_cast<std::uint64_t>(state), std::memory_order_release);
  }
  void set_thread_id(std::uint64_t thread_id) noexcept { store(THREAD_ID, thread_id); }

  enum Word : std::size_t { ITERATIONS, CONSUMED, PRODUCED, LAG, STATE, STATE_TS_NS, THREAD_ID };
  static constexpr std::size_t WORDS = sizeof(schema::LoopProgress) / sizeof(std::uint64_t);

 private:
  void store(Word word, std::uint64_t value) noexcept {
    control_word(words_[word]).store(value, std::memory_order_relaxed);
  }

  std::uint64_t* words_ = nullptr;
};

class ProgressView {
 public:
  ProgressView() = default;
  ProgressView(const Region& progress, std::size_t loop) noexcept
      : words_(reinterpret_cast<const std::uint64_t*>(progress.records()) + loop * ProgressWriter::WORDS) {}

  [[nodiscard]] std::uint64_t word(ProgressWriter::Word word) const noexcept {
    return control_word(words_[word]).load(std::memory_order_acquire);  // pairs with ProgressWriter's stores
  }

 private:
  const std::uint64_t* words_ = nullptr;
};

}  // namespace hft
