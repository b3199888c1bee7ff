// Records whose every word follows from their sequence, the real writer, and writers with one fault each:
// a check that finds nothing in the real one must find the fault in these.
#pragma once
#include <cstdint>

#include "feedd/ring.hpp"

namespace hft::contract {

struct Record {
  std::uint64_t words[16];
};

constexpr std::uint64_t word_of(std::uint64_t sequence, std::size_t index) noexcept {
  return sequence * 0x9E3779B97F4A7C15ull + index;
}

inline Record record_of(std::uint64_t sequence) noexcept {
  Record record{};
  for (std::size_t i = 1; i < 16; ++i) record.words[i] = word_of(sequence, i);
  return record;
}

// In place, as a reader of a grant does. False: a word of another record.
inline bool is_whole(const std::uint64_t* slot, std::uint64_t sequence) noexcept {
  bool whole = true;
  for (std::size_t i = 1; i < 16; ++i) {
    whole &= control_word(slot[i]).load(std::memory_order_relaxed) == word_of(sequence, i);
  }
  return whole;
}

// Same ring as RingWriter's, another way into the slot.
template <class WriteSlot>
class FaultyWriter {
 public:
  explicit FaultyWriter(Region& region) noexcept
      : slots_(reinterpret_cast<std::uint64_t*>(region.records())),
        head_(&ring_detail::head_of(region)),
        mask_(region.capacity_records() - 1),
        sequence_(*head_) {}

  std::uint64_t publish(const Record& record) noexcept {
    const std::uint64_t sequence = ++sequence_;
    WriteSlot::write(slots_ + ((sequence - 1) & mask_) * 16, record, sequence);
    control_word(*head_).store(sequence, std::memory_order_release);
    return sequence;
  }

 private:
  std::uint64_t* slots_;
  std::uint64_t* head_;
  std::uint64_t mask_;
  std::uint64_t sequence_;
};

// The number is published last and nothing says that the slot is being overwritten.
struct WithoutBusy {
  static void write(std::uint64_t* slot, const Record& record, std::uint64_t sequence) noexcept {
    for (std::size_t i = 1; i < 16; ++i) control_word(slot[i]).store(record.words[i], std::memory_order_relaxed);
    control_word(slot[0]).store(sequence, std::memory_order_release);
  }
};

// Two phases in the source, plain stores in the language: whatever orders them is luck.
struct Plain {
  static void write(std::uint64_t* slot, const Record& record, std::uint64_t sequence) noexcept {
    slot[0] = SLOT_BUSY | sequence;
    for (std::size_t i = 1; i < 16; ++i) slot[i] = record.words[i];
    slot[0] = sequence;
  }
};

using GoodWriter = RingWriter<Record>;
using WriterWithoutBusy = FaultyWriter<WithoutBusy>;
using PlainWriter = FaultyWriter<Plain>;

inline Region make_ring(const std::string& path, std::uint64_t capacity_records) {
  RegionOptions options;
  options.path = path;
  options.kind = schema::RegionKind::MARKET_RING;
  options.capacity_records = capacity_records;
  options.record_bytes = sizeof(Record);
  return Region::create(options);
}

}  // namespace hft::contract
