// Broadcast ring: one writer, any number of readers, nobody waits for anybody.
//
//   region | header | control.head | slot 0 | slot 1 | … | slot capacity-1 |
//
//   record n lives in slot (n - 1) mod capacity; n starts at 1 and never repeats in a generation.
//
// A reader polls the very slot it waits for, so a hand-over costs one cache-line transfer; `head` serves
// lag, joining and finding a place again after being lapped. Readers write nothing the writer reads.
#pragma once
#include <bit>
#include <cstdint>

#include "feedd/region.hpp"
#include "feedd/slot.hpp"

namespace hft {

namespace ring_detail {
inline std::uint64_t& head_of(const Region& region) noexcept {
  return *reinterpret_cast<std::uint64_t*>(region.base() + RING_CONTROL_OFFSET);
}
}  // namespace ring_detail

template <SlotRecord Record>
class RingWriter {
 public:
  explicit RingWriter(Region& region) noexcept
      : slots_(reinterpret_cast<std::uint64_t*>(region.records())),
        head_(&ring_detail::head_of(region)),
        mask_(region.capacity_records() - 1),
        sequence_(control_word(*head_).load(std::memory_order_relaxed)) {}  // own word: no partner

  // Goes on after `sequence`, as if all up to it had been published: a replay repeats records under their numbers.
  // Never backwards: what is there under higher numbers would look like a lap.
  RingWriter(Region& region, std::uint64_t sequence) noexcept : RingWriter(region) {
    if (sequence <= sequence_) return;
    sequence_ = sequence;
    control_word(*head_).store(sequence, std::memory_order_release);  // pairs with RingReader::head
  }

  // Publishes the next record and returns its sequence. Wait-free: no branch depends on a reader.
  std::uint64_t publish(const Record& record) noexcept {
    const std::uint64_t sequence = ++sequence_;
    write_slot(slots_ + ((sequence - 1) & mask_) * RECORD_WORDS<Record>, record, sequence);
    // Pairs with the acquire load in RingReader::head: a head that is seen has all its records visible.
    control_word(*head_).store(sequence, std::memory_order_release);
    return sequence;
  }

  [[nodiscard]] std::uint64_t sequence() const noexcept { return sequence_; }

 private:
  std::uint64_t* slots_;
  std::uint64_t* head_;
  std::uint64_t mask_;
  std::uint64_t sequence_;
};

// Records [first_sequence, first_sequence + count), contiguous in memory.
struct Grant {
  std::uint64_t first_sequence = 0;
  std::uint64_t count = 0;
};

// One reader's place in a ring. Not shared between threads.
// Usage: poll → work in place on the granted range → validate → advance. A failed validation means that the
// writer overtook: everything derived from the range is void, and the next poll reports the loss.
class RingReader {
 public:
  RingReader() = default;
  // Starts after sequence `cursor` (0 = from the oldest record of the generation).
  RingReader(const Region& region, std::uint64_t cursor) noexcept
      : slots_(reinterpret_cast<const std::uint64_t*>(region.records())),
        head_(&ring_detail::head_of(region)),
        mask_(region.capacity_records() - 1),
        record_words_(region.header().record_bytes() / sizeof(std::uint64_t)),
        cursor_(cursor) {}

  // Grants up to `count_max` complete records after the cursor; count 0 = nothing new.
  Grant poll(std::uint64_t count_max) noexcept {
    const std::uint64_t next = cursor_ + 1;
    const std::uint64_t to_wrap = mask_ + 1 - ((next - 1) & mask_);
    const std::uint64_t limit = count_max < to_wrap ? count_max : to_wrap;
    const std::uint64_t* slot = slot_of(next);
    std::uint64_t count = 0;
    std::uint64_t seen = 0;
    // Pairs with the release store of the number in write_slot.
    while (count < limit && (seen = control_word(*slot).load(std::memory_order_acquire)) == next + count) {
      ++count;
      slot += record_words_;
    }
    if (count == 0 && limit != 0 && (seen & ~SLOT_BUSY) > next) skip_lost();
    return {next, count};
  }

  // True while no slot of the grant has been reused. The writer goes in order, so the first one decides.
  [[nodiscard]] bool validate(const Grant& grant) const noexcept {
    std::atomic_thread_fence(std::memory_order_acquire);  // pairs with the release fence in write_slot
    return grant.count == 0 ||
           control_word(*slot_of(grant.first_sequence)).load(std::memory_order_relaxed) == grant.first_sequence;
  }

  void advance(std::uint64_t count) noexcept { cursor_ += count; }
  // Goes on after `sequence`; what is skipped so is not counted as lost.
  void seek(std::uint64_t sequence) noexcept { cursor_ = sequence; }

  [[nodiscard]] std::uint64_t index_of(std::uint64_t sequence) const noexcept { return (sequence - 1) & mask_; }

  [[nodiscard]] const std::uint64_t* slot_of(std::uint64_t sequence) const noexcept {
    return slots_ + index_of(sequence) * record_words_;
  }
  [[nodiscard]] std::uint64_t head() const noexcept {
    return control_word(*head_).load(std::memory_order_acquire);  // pairs with RingWriter::publish
  }
  [[nodiscard]] std::uint64_t cursor() const noexcept { return cursor_; }
  [[nodiscard]] std::uint64_t lost_records() const noexcept { return lost_records_; }
  [[nodiscard]] std::uint64_t lag_records() const noexcept {
    const std::uint64_t head_now = head();
    return head_now > cursor_ ? head_now - cursor_ : 0;
  }

 private:
  // Lapped: go on half a ring behind the head, so that the next steps are not lapped again at once.
  void skip_lost() noexcept {
    const std::uint64_t half = (mask_ + 1) / 2;
    const std::uint64_t head_now = head();
    const std::uint64_t resume = head_now > half ? head_now - half : 0;
    if (resume > cursor_) {
      lost_records_ += resume - cursor_;
      cursor_ = resume;
    }
  }

  const std::uint64_t* slots_ = nullptr;
  const std::uint64_t* head_ = nullptr;
  std::uint64_t mask_ = 0;
  std::uint64_t record_words_ = 0;
  std::uint64_t cursor_ = 0;
  std::uint64_t lost_records_ = 0;
};

}  // namespace hft
