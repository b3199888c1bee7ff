// Finds a message that the venue says twice under two numbers. Taken for two, a fill would count twice.
//
// OUCH messages about orders carry a time in nanoseconds, so that no two of them have the same bytes. The newest
// digests are kept, each in the slot that its lower bits name: what stands there gives way. A repetition is found
// unless another message took its slot in between.
#pragma once
#include <cstdint>
#include <vector>

#include "gateway/venue/message_digest.hpp"

namespace hft::feedd {

class RepeatedMessages {
 public:
  static constexpr std::size_t SLOTS = 1u << 16;

  RepeatedMessages() : digests_(SLOTS) {}

  // True when the same bytes were given before.
  [[nodiscard]] bool again(Bytes message) noexcept {
    const std::uint64_t digest = message_digest(message) | EMPTY_IS_NONE;
    std::uint64_t& slot = digests_[(digest >> 1) % SLOTS];
    if (slot == digest) return true;
    slot = digest;
    return false;
  }

 private:
  static constexpr std::uint64_t EMPTY_IS_NONE = 1;  // no digest is 0, which an empty slot has

  std::vector<std::uint64_t> digests_;
};

}  // namespace hft::feedd
