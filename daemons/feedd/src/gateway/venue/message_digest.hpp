// 64 bits that stand for a venue's message: equal for equal bytes, and else equal by accident only (1 in 2^64).
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "protocol/wire.hpp"

namespace hft::feedd {

[[nodiscard]] inline std::uint64_t message_digest(Bytes message) noexcept {
  std::uint64_t mixed = message.size();
  for (std::size_t at = 0; at < message.size(); at += sizeof mixed) {
    std::uint64_t word = 0;
    std::memcpy(&word, message.data() + at, std::min(sizeof word, message.size() - at));
    mixed = (mixed ^ word) * 0x9E3779B97F4A7C15u;
    mixed ^= mixed >> 32;
  }
  return mixed;
}

}  // namespace hft::feedd
