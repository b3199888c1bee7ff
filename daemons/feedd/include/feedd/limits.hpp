// Limits: what watchd tightened at run time. watchd writes the page, the gateway and `watchd ctl` read it.
//
//   region | header | … | Limits: version | sequence, changed at, entries | the account's | instruments[256] |
//
// A seqlock: the writer makes `version` odd, stores every word, makes it even again; a reader that saw the same even
// version before and after its copy has one moment. One inode per boot (Region::adopt): a writer that died within a
// change leaves it odd, nobody reads that, and the next change makes it whole.
#pragma once
#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "feedd/region.hpp"
#include "feedd/slot.hpp"

namespace hft {

inline constexpr std::size_t LIMITS_INSTRUMENTS = 256;
inline constexpr std::uint64_t LIMIT_NOT_SET = UINT64_MAX;  // nobody tightened this one

namespace limits_detail {
enum Word : std::size_t { VERSION = 0, SEQUENCE = 1, ENTRIES = 3 };
inline constexpr std::size_t WORDS = sizeof(schema::Limits) / sizeof(std::uint64_t);
inline constexpr int LOOKS_MAX = 64;  // a writer that is not interrupted is done after half of them
static_assert(WORDS == 16 + 4 * LIMITS_INSTRUMENTS);
}  // namespace limits_detail

// A page that was never written is one whose limits_sequence is 0: it says nothing.
class LimitsPage {
 public:
  LimitsPage() = default;
  // `limits` must outlive the page; an empty region is a page that can not be read.
  explicit LimitsPage(const Region& limits) noexcept
      : words_(limits ? reinterpret_cast<const std::uint64_t*>(limits.records()) : nullptr) {}

  [[nodiscard]] bool attached() const noexcept { return words_ != nullptr; }
  // Pairs with the last store in LimitsWriter::write. Odd: being written, or its writer died within.
  [[nodiscard]] std::uint64_t version() const noexcept {
    return control_word(words_[limits_detail::VERSION]).load(std::memory_order_acquire);
  }
  // One moment of the page; false when it never held still, says nonsense or is not there.
  [[nodiscard]] bool read(schema::Limits& out) const noexcept {
    for (int look = 0; attached() && look < limits_detail::LOOKS_MAX; ++look) {
      if (copy(out)) return out.entries() <= LIMITS_INSTRUMENTS;
      _mm_pause();
    }
    return false;
  }

 private:
  [[nodiscard]] bool copy(schema::Limits& out) const noexcept {
    const std::uint64_t before = version();
    if ((before & 1) != 0) return false;
    auto* const bytes = reinterpret_cast<std::byte*>(&out);
    std::memcpy(bytes, &before, sizeof before);
    for (std::size_t i = 1; i < limits_detail::WORDS; ++i) {
      const std::uint64_t word = control_word(words_[i]).load(std::memory_order_relaxed);
      std::memcpy(bytes + i * sizeof word, &word, sizeof word);
    }
    std::atomic_thread_fence(std::memory_order_acquire);  // pairs with the release fence in LimitsWriter::write
    return control_word(words_[limits_detail::VERSION]).load(std::memory_order_relaxed) == before;
  }

  const std::uint64_t* words_ = nullptr;
};

// watchd's end. One object per page, under watchd's lock.
class LimitsWriter {
 public:
  // `limits` must be writable and outlive the writer.
  explicit LimitsWriter(Region& limits) noexcept : words_(reinterpret_cast<std::uint64_t*>(limits.records())) {}

  // Of the page as it is; what is written next must have a higher one.
  [[nodiscard]] std::uint64_t sequence() const noexcept {
    return control_word(words_[limits_detail::SEQUENCE]).load(std::memory_order_relaxed);  // own word: no partner
  }
  // Replaces the page by `limits`, whose `version` is ignored. False, and nothing is written, when its
  // limits_sequence is not higher than the page's or it has more entries than there is room for.
  bool write(const schema::Limits& limits) noexcept {
    if (!(limits.limits_sequence() > sequence() && limits.entries() <= LIMITS_INSTRUMENTS)) return false;
    const auto* const bytes = reinterpret_cast<const std::byte*>(&limits);
    auto version_word = control_word(words_[limits_detail::VERSION]);
    const std::uint64_t version = version_word.load(std::memory_order_relaxed);  // own word: no partner
    version_word.store(version | 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);  // pairs with the acquire fence in LimitsPage::copy
    for (std::size_t i = 1; i < limits_detail::WORDS; ++i) {
      std::uint64_t word;
      std::memcpy(&word, bytes + i * sizeof word, sizeof word);
      control_word(words_[i]).store(word, std::memory_order_relaxed);
    }
    version_word.store((version | 1) + 1, std::memory_order_release);  // pairs with LimitsPage::version
    return true;
  }

 private:
  std::uint64_t* words_;
};

}  // namespace hft
