// Messages that arrived ahead of a gap, held in place until the gap is filled or given up.
//
//   slot index = sequence mod slots; `held` has one bit a slot
//
// The caller keeps every held sequence inside (expected, expected + capacity), so a slot is never ambiguous.
#pragma once
#include <algorithm>
#include <bit>
#include <cassert>
#include <cstdint>
#include <cstring>
#include <vector>

#include "protocol/wire.hpp"

namespace hft::feedd {

enum class Line : std::uint8_t { A, B, RETRANSMISSION };
inline constexpr std::size_t LINES = 3;

// What is known about a message besides its bytes.
struct MessageMeta {
  std::uint64_t receive_ts_ns = 0;
  Line line = Line::A;
  bool last_in_packet = false;
};

class ReorderWindow {
 public:
  static constexpr std::size_t MESSAGE_BYTES_MAX = 60;  // the longest ITCH 5.0 message has 50

  struct Slot {
    std::uint64_t held_ns;  // when it was put here: the gap before it is known since then
    std::uint64_t receive_ts_ns;
    std::uint16_t length;
    Line line;
    bool last_in_packet;
    std::byte bytes[MESSAGE_BYTES_MAX];
    [[nodiscard]] Bytes message() const noexcept { return {bytes, length}; }
    [[nodiscard]] MessageMeta meta() const noexcept { return {receive_ts_ns, line, last_in_packet}; }
  };

  explicit ReorderWindow(std::uint64_t capacity_messages)
      : capacity_(capacity_messages),
        slots_(std::bit_ceil(std::max<std::uint64_t>(capacity_messages, 64))),
        held_bits_(slots_.size() / 64) {}

  [[nodiscard]] std::uint64_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] std::uint64_t held() const noexcept { return held_; }
  [[nodiscard]] bool holds(std::uint64_t sequence) const noexcept {
    return (held_bits_[index_of(sequence) / 64] >> (index_of(sequence) % 64)) & 1;
  }
  [[nodiscard]] const Slot& slot(std::uint64_t sequence) const noexcept { return slots_[index_of(sequence)]; }

  // False when the message is too long to be held. `sequence` is not held yet.
  bool hold(std::uint64_t sequence, Bytes message, const MessageMeta& meta, std::uint64_t now_ns) noexcept {
    assert(!holds(sequence));
    if (message.size() > MESSAGE_BYTES_MAX) return false;
    Slot& slot = slots_[index_of(sequence)];
    slot.held_ns = now_ns;
    slot.receive_ts_ns = meta.receive_ts_ns;
    slot.length = static_cast<std::uint16_t>(message.size());
    slot.line = meta.line;
    slot.last_in_packet = meta.last_in_packet;
    if (!message.empty()) std::memcpy(slot.bytes, message.data(), message.size());
    held_bits_[index_of(sequence) / 64] |= 1ull << (index_of(sequence) % 64);
    ++held_;
    return true;
  }

  void release(std::uint64_t sequence) noexcept {
    assert(holds(sequence));
    held_bits_[index_of(sequence) / 64] &= ~(1ull << (index_of(sequence) % 64));
    --held_;
  }

  // The lowest held sequence at or after `from`, where all held ones are within `capacity` of it.
  // At least one is held. At most slots / 64 + 1 words are read.
  [[nodiscard]] std::uint64_t next_held(std::uint64_t from) const noexcept {
    assert(held_ != 0);
    const std::uint64_t start = index_of(from);
    std::uint64_t word = start / 64;
    std::uint64_t bits = held_bits_[word] & (~0ull << (start % 64));
    while (bits == 0) {
      word = (word + 1) % held_bits_.size();
      bits = held_bits_[word];
    }
    const std::uint64_t index = word * 64 + static_cast<std::uint64_t>(std::countr_zero(bits));
    return from + ((index - start) & (slots_.size() - 1));
  }

  void clear() noexcept {
    if (held_ != 0) std::fill(held_bits_.begin(), held_bits_.end(), 0);
    held_ = 0;
  }

 private:
  [[nodiscard]] std::uint64_t index_of(std::uint64_t sequence) const noexcept { return sequence & (slots_.size() - 1); }

  std::uint64_t capacity_;
  std::vector<Slot> slots_;
  std::vector<std::uint64_t> held_bits_;
  std::uint64_t held_ = 0;
};
static_assert(sizeof(ReorderWindow::Slot) == 80);

}  // namespace hft::feedd
