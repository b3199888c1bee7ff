// Commands: what a person asks of the gateway, short of a kill. watchd writes the page, the gateway obeys.
//
//   cancel_all (odd while being written, + 2 with each request) | scope | subject | close positions
//
// One request at a time is on the page, so one may be overwritten before the gateway looked. The count tells: whoever
// missed one cancels all, and so does whoever reads a scope that this build does not know. Positions are closed only
// by a request that was read whole.
#pragma once
#include <cstddef>
#include <cstdint>

#include "feedd/region.hpp"
#include "feedd/slot.hpp"

namespace hft {

namespace commands_detail {
enum Word : std::size_t { CANCEL_ALL = 0, SCOPE = 1, SUBJECT = 2, CLOSE_POSITIONS = 3 };
static_assert(sizeof(schema::Commands) == 16 * sizeof(std::uint64_t));
}  // namespace commands_detail

struct CancelRequest {
  std::uint64_t ticket = 0;  // 0 = nothing is asked; else what GatewayState.cancel_all_done says once it is obeyed
  schema::CommandScope scope = schema::CommandScope::ALL;
  std::uint64_t subject = 0;  // instrument_id or strategy_id
  // And then close the positions of the scope (ALL or INSTRUMENT): GatewayState.flatten_done says when that is over.
  bool close_positions = false;

  [[nodiscard]] explicit operator bool() const noexcept { return ticket != 0; }
};

// The gateway's end. It outlives its pages: what was obeyed on one is not obeyed again when it is mapped anew.
class CommandsView {
 public:
  // `commands` must outlive its use here; an empty region asks for nothing. What was asked before the first page came
  // was asked of an earlier feedd: it is not obeyed, and never said to be.
  void set_region(const Region& commands) noexcept {
    words_ = commands ? reinterpret_cast<const std::uint64_t*>(commands.records()) : nullptr;
    if (words_ == nullptr) return;
    const std::uint64_t count = count_now() & ~1ull;  // a request that is just being made is one to come
    if (!met_ || count < seen_) seen_ = count;        // fewer than seen: another page, of another boot
    met_ = true;
  }

  // The request that came since the last call, each once; `ticket` 0 = none. One load when there is none.
  [[nodiscard]] CancelRequest take() noexcept {
    if (words_ == nullptr) return {};
    const std::uint64_t whole = count_now() & ~1ull;
    if (whole == seen_) return {};
    const std::uint64_t scope = load(commands_detail::SCOPE);
    const std::uint64_t subject = load(commands_detail::SUBJECT);
    const bool closes = load(commands_detail::CLOSE_POSITIONS) == 1;
    std::atomic_thread_fence(std::memory_order_acquire);  // pairs with the release fence in CommandsWriter::cancel
    // Otherwise the next request is being written over this one, and its writer may die before it is whole.
    const bool still = load(commands_detail::CANCEL_ALL) == whole;
    const bool one = whole - seen_ == 2;
    const bool all = scope == static_cast<std::uint64_t>(schema::CommandScope::ALL);
    const bool named = scope == static_cast<std::uint64_t>(schema::CommandScope::INSTRUMENT) ||
                       scope == static_cast<std::uint64_t>(schema::CommandScope::STRATEGY);
    seen_ = whole;
    if (!(still && one && named)) return {whole, schema::CommandScope::ALL, 0, still && one && all && closes};
    return {whole, static_cast<schema::CommandScope>(scope), subject, closes};
  }

 private:
  // Pairs with the last store in CommandsWriter::cancel: whoever sees a request sees its scope.
  [[nodiscard]] std::uint64_t count_now() const noexcept {
    return control_word(words_[commands_detail::CANCEL_ALL]).load(std::memory_order_acquire);
  }
  [[nodiscard]] std::uint64_t load(std::size_t index) const noexcept {
    return control_word(words_[index]).load(std::memory_order_relaxed);
  }

  const std::uint64_t* words_ = nullptr;
  std::uint64_t seen_ = 0;
  bool met_ = false;
};

// watchd's end. One object per page, under watchd's lock.
class CommandsWriter {
 public:
  // `commands` must be writable and outlive the writer.
  explicit CommandsWriter(Region& commands) noexcept : words_(reinterpret_cast<std::uint64_t*>(commands.records())) {}

  // Returns the ticket: obeyed once GatewayState.cancel_all_done is that or more.
  std::uint64_t cancel(schema::CommandScope scope, std::uint64_t subject, bool close_positions = false) noexcept {
    auto count_word = control_word(words_[commands_detail::CANCEL_ALL]);
    const std::uint64_t count = count_word.load(std::memory_order_relaxed) | 1;  // own word: no partner
    count_word.store(count, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);  // pairs with the acquire fence in CommandsView::take
    control_word(words_[commands_detail::SCOPE]).store(static_cast<std::uint64_t>(scope), std::memory_order_relaxed);
    control_word(words_[commands_detail::SUBJECT]).store(subject, std::memory_order_relaxed);
    control_word(words_[commands_detail::CLOSE_POSITIONS]).store(close_positions ? 1 : 0, std::memory_order_relaxed);
    count_word.store(count + 1, std::memory_order_release);  // pairs with CommandsView::count_now
    return count + 1;
  }

 private:
  std::uint64_t* words_;
};

}  // namespace hft
