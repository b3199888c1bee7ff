// Digests of the newest sequenced messages: a venue that sends one of them again must send the same one.
//
// A venue that lost the end of its stream (a failover, a restart) goes on under numbers that we have seen, with other
// messages. Taken for duplicates, fills would vanish.
#pragma once
#include <cstdint>
#include <vector>

#include "gateway/venue/message_digest.hpp"

namespace hft::feedd {

class SeenMessages {
 public:
  static constexpr std::size_t MESSAGES = 1u << 14;

  SeenMessages() : digests_(MESSAGES) {}

  void remember(std::uint64_t sequence, Bytes message) noexcept {
    slot(sequence) = {sequence, message_digest(message)};
  }
  // False only when another message is known under that number.
  [[nodiscard]] bool agrees(std::uint64_t sequence, Bytes message) const noexcept {
    const Seen& seen = digests_[sequence % MESSAGES];
    return seen.sequence != sequence || seen.digest == message_digest(message);
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

  std::vector<Seen> digests_;
};

}  // namespace hft::feedd
