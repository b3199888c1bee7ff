// The fence as the gateway sees it. Everything unknown is closed: no page, a zero word, a lapsed lease.
#pragma once
#include <cstdint>

#include "feedd/region.hpp"

namespace hft::feedd {

class FenceView {
 public:
  FenceView() = default;
  // `fence` must outlive the view; an empty region is a closed fence.
  explicit FenceView(const Region& fence) noexcept
      : words_(fence ? reinterpret_cast<const std::uint64_t*>(fence.records()) : nullptr) {}

  // Acquire loads pair with watchd's release stores: token and epoch are read as they were written together.
  [[nodiscard]] std::uint64_t token() const noexcept { return word(TOKEN_WORD); }
  [[nodiscard]] std::uint64_t epoch() const noexcept { return word(EPOCH_WORD); }
  [[nodiscard]] bool open(std::uint64_t now_ns) const noexcept { return token() != 0 && now_ns < word(LEASE_WORD); }

 private:
  static constexpr std::size_t TOKEN_WORD = 0;
  static constexpr std::size_t LEASE_WORD = 16;
  static constexpr std::size_t EPOCH_WORD = 32;
  static_assert(sizeof(schema::Fence) == 48 * sizeof(std::uint64_t));

  [[nodiscard]] std::uint64_t word(std::size_t index) const noexcept {
    return words_ == nullptr ? 0 : control_word(words_[index]).load(std::memory_order_acquire);
  }

  const std::uint64_t* words_ = nullptr;
};

}  // namespace hft::feedd
