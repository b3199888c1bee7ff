// The fence: the one page that lets orders flow. watchd writes it, the gateway and braind read it.
//
//   token | lease deadline | epoch, reason, closed at, pause all | paused strategies | paused instruments
//
// Everything unknown is closed: no page, a zero token, a token made for others, a lapsed lease. The token is bound
// to epoch, feedd generation (gateway.state's) and intents generation, so a restarted feedd or a queue that
// watchd has not seen does not inherit it. Renewing the lease never touches the token.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "feedd/clock.hpp"
#include "feedd/region.hpp"

namespace hft {

// Never 0. Each step is a bijection of one word (SplitMix64's finalizer), so that a change of any one argument
// changes the token, save for the single value that would be 0.
constexpr std::uint64_t fence_token(std::uint64_t epoch, std::uint64_t feedd_generation,
                                    std::uint64_t intents_generation) noexcept {
  constexpr auto mix = [](std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
  };
  const std::uint64_t token = mix(mix(mix(epoch) ^ feedd_generation) ^ intents_generation);
  return token == 0 ? 1 : token;
}

inline constexpr std::uint32_t FENCE_STRATEGIES = 16 * 64;
inline constexpr std::uint32_t FENCE_INSTRUMENTS = 1024 * 64;

namespace fence_detail {
enum Word : std::size_t {
  TOKEN = 0,
  LEASE = 16,
  EPOCH = 32,
  REASON = 33,
  CLOSED_TS_NS = 34,
  PAUSED_ALL = 35,
  SHUT_TS_NS = 36,
  PAUSED_STRATEGIES = 48,
  PAUSED_INSTRUMENTS = 64,
};
static_assert(sizeof(schema::Fence) == (PAUSED_INSTRUMENTS + 1024) * sizeof(std::uint64_t));
}  // namespace fence_detail

class FenceView {
 public:
  FenceView() = default;
  // `fence` must outlive the view; an empty region is a closed fence.
  explicit FenceView(const Region& fence) noexcept
      : words_(fence ? reinterpret_cast<const std::uint64_t*>(fence.records()) : nullptr) {}

  [[nodiscard]] bool attached() const noexcept { return words_ != nullptr; }
  // Pairs with the release store in FenceWriter::open: whoever sees a token sees its epoch and its lease.
  [[nodiscard]] std::uint64_t token() const noexcept { return word(fence_detail::TOKEN); }
  [[nodiscard]] std::uint64_t lease_deadline_ns() const noexcept { return word(fence_detail::LEASE); }
  [[nodiscard]] std::uint64_t epoch() const noexcept { return word(fence_detail::EPOCH); }
  [[nodiscard]] std::uint64_t closed_ts_ns() const noexcept { return word(fence_detail::CLOSED_TS_NS); }
  [[nodiscard]] std::uint64_t shut_ts_ns() const noexcept { return word(fence_detail::SHUT_TS_NS); }
  [[nodiscard]] std::uint64_t reason() const noexcept { return word(fence_detail::REASON); }
  // Without a page everything is paused; an id that has no bit is.
  [[nodiscard]] bool paused(std::uint32_t instrument_id, std::uint32_t strategy_id) const noexcept {
    if (!attached() || instrument_id >= FENCE_INSTRUMENTS || strategy_id >= FENCE_STRATEGIES) return true;
    return word(fence_detail::PAUSED_ALL) != 0 || bit(fence_detail::PAUSED_STRATEGIES, strategy_id) ||
           bit(fence_detail::PAUSED_INSTRUMENTS, instrument_id);
  }

 private:
  [[nodiscard]] std::uint64_t word(std::size_t index) const noexcept {
    return words_ == nullptr ? 0 : control_word(words_[index]).load(std::memory_order_acquire);
  }
  [[nodiscard]] bool bit(std::size_t first, std::uint32_t index) const noexcept {
    return ((word(first + index / 64) >> (index % 64)) & 1u) != 0;
  }

  const std::uint64_t* words_ = nullptr;
};

// watchd's end. One object per fence, under watchd's lock.
class FenceWriter {
 public:
  // `fence` must be writable and outlive the writer.
  explicit FenceWriter(Region& fence) noexcept : words_(reinterpret_cast<std::uint64_t*>(fence.records())) {}

  // Idempotent: closing again keeps reason and time of the closing that did it.
  void close(std::uint64_t reason, std::uint64_t now_ns) noexcept {
    if (load(fence_detail::TOKEN) == 0) return;
    store(fence_detail::CLOSED_TS_NS, now_ns);
    store(fence_detail::TOKEN, 0);  // pairs with the acquire load in FenceView::token
    // What the gateway says of itself is read after this. Pairs with the fence in the gateway's FenceWatch::look: a
    // gateway that did not see this closing has said `fence_open`, and `drained` of this epoch no more.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    store(fence_detail::SHUT_TS_NS, monotonic_ns());
    store(fence_detail::REASON, reason);
    store(fence_detail::LEASE, 0);
  }
  // Of a fence that is closed already: what a later watchd of this boot must know although the disk did not take it.
  void set_reason(std::uint64_t reason) noexcept { store(fence_detail::REASON, reason); }
  // Only the arming of a new epoch opens.
  void open(std::uint64_t epoch, std::uint64_t token, std::uint64_t lease_deadline_ns) noexcept {
    store(fence_detail::EPOCH, epoch);
    store(fence_detail::LEASE, lease_deadline_ns);
    store(fence_detail::TOKEN, token);  // pairs with the acquire load in FenceView::token
  }
  void renew(std::uint64_t lease_deadline_ns) noexcept { store(fence_detail::LEASE, lease_deadline_ns); }

  void pause_all(bool paused) noexcept { store(fence_detail::PAUSED_ALL, paused); }
  // False for an id that has no bit.
  bool pause_strategy(std::uint32_t strategy_id, bool paused) noexcept {
    return strategy_id < FENCE_STRATEGIES && set_bit(fence_detail::PAUSED_STRATEGIES, strategy_id, paused);
  }
  bool pause_instrument(std::uint32_t instrument_id, bool paused) noexcept {
    return instrument_id < FENCE_INSTRUMENTS && set_bit(fence_detail::PAUSED_INSTRUMENTS, instrument_id, paused);
  }

 private:
  [[nodiscard]] std::uint64_t load(std::size_t index) const noexcept {
    return control_word(words_[index]).load(std::memory_order_relaxed);  // own words: no partner
  }
  void store(std::size_t index, std::uint64_t value) noexcept {
    control_word(words_[index]).store(value, std::memory_order_release);  // pairs with FenceView::word
  }
  bool set_bit(std::size_t first, std::uint32_t index, bool value) noexcept {
    const std::uint64_t mask = 1ull << (index % 64);
    const std::uint64_t was = load(first + index / 64);
    store(first + index / 64, value ? was | mask : was & ~mask);
    return true;
  }

  std::uint64_t* words_;
};

}  // namespace hft
