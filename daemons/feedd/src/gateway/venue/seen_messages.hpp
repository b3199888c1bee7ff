// Digests of the newest sequenced messages: a venue that sends one of them again must send the same one.
//
// A venue that lost the end of its stream (a failover, a restart) goes on under numbers that we have seen, with other
// messages. Taken for duplicates, fills would vanish.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "protocol/wire.hpp"

namespace hft::feedd {

class SeenMessages {
 public:
  static constexpr std::size_t MESSAGES = 1u << 14;

  SeenMessages() : digests_(MESSAGES) {}

  void remember(std::uint64_t sequence, Bytes message) noexcept { slot(sequence) = {sequence, digest(message)}; }
  // False only when another message is known under that number.
  [[nodiscard]] bool agrees(std::uint64_t sequence, Bytes message) const noexcept {
    const Seen& seen = digests_[sequence % MESSAGES];
    return seen.sequence != sequence || seen.digest == digest(message);
  }
  [[nodiscard]] bool has(std::uint64_t sequence, Bytes message) const noexcept {
    return digests_[sequence % MESSAGES].sequence == sequence && agrees(sequence, message);
  }

 private:
  struct Seen {
    std::uint64_t sequence = 0;
    std::uint64_t digest = 0;
  };

  Seen& slot(std::uint64_t sequence) noexcept { return digests_[sequence % MESSAGES]; }

  static std::uint64_t digest(Bytes message) noexcept {
    std::uint64_t mixed = message.size();
    for (std::size_t at = 0; at < message.size(); at += sizeof mixed) {
      std::uint64_t word = 0;
      std::memcpy(&word, message.data() + at, std::min(sizeof word, message.size() - at));
      mixed = (mixed ^ word) * 0x9E3779B97F4A7C15u;
      mixed ^= mixed >> 32;
    }
    return mixed;
  }

  std::vector<Seen> digests_;
};

}  // namespace hft::feedd
