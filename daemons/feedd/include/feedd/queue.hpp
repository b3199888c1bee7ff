// Bounded queue of OrderIntent: braind → gateway. Slots are the producer's region; the consumer's cursor
// and the generation it belongs to live in gateway.state, because a region has one writer.
// Full, or a cursor of another generation, is a refusal and never a wait.
#pragma once
#include <cstdint>

#include "feedd/region.hpp"
#include "feedd/slot.hpp"

namespace hft {

enum class PushResult : int { PUSHED = 0, FULL = 1, WRONG_GENERATION = 2 };

class IntentProducer {
 public:
  IntentProducer(Region& intents, const schema::GatewayState& consumer) noexcept
      : slots_(reinterpret_cast<std::uint64_t*>(intents.records())),
        head_(reinterpret_cast<std::uint64_t*>(intents.base() + RING_CONTROL_OFFSET)),
        capacity_(intents.capacity_records()),
        generation_(intents.generation()),
        consumer_(reinterpret_cast<const std::uint64_t*>(&consumer)),
        sequence_(control_word(*head_).load(std::memory_order_relaxed)) {}  // own word: no partner

  PushResult push(const schema::OrderIntent& intent) noexcept {
    // Words 0 and 1 of GatewayState: cursor, generation. The consumer stores the cursor first and the
    // generation with release (IntentConsumer::attach), so a generation that matches has its own cursor.
    if (control_word(consumer_[1]).load(std::memory_order_acquire) != generation_) {
      return PushResult::WRONG_GENERATION;
    }
    const std::uint64_t consumed = control_word(consumer_[0]).load(std::memory_order_acquire);
    if (sequence_ - consumed >= capacity_) return PushResult::FULL;
    const std::uint64_t sequence = ++sequence_;
    write_slot(slots_ + ((sequence - 1) & (capacity_ - 1)) * RECORD_WORDS<schema::OrderIntent>, intent, sequence);
    control_word(*head_).store(sequence, std::memory_order_release);  // pairs with IntentConsumer::attach
    return PushResult::PUSHED;
  }

  [[nodiscard]] std::uint64_t sequence() const noexcept { return sequence_; }

 private:
  std::uint64_t* slots_;
  std::uint64_t* head_;
  std::uint64_t capacity_;
  std::uint64_t generation_;
  const std::uint64_t* consumer_;
  std::uint64_t sequence_;  // goes on where an earlier producer object of this generation stopped
};

class IntentConsumer {
 public:
  explicit IntentConsumer(schema::GatewayState& state) noexcept : state_(reinterpret_cast<std::uint64_t*>(&state)) {}

  // Takes over a generation behind what was pushed to an earlier consumer: a restarted gateway answers no
  // intent of before. (Nothing can be pushed to a generation that was never attached.) The region must outlive
  // the attachment.
  void attach(const Region& intents) noexcept {
    slots_ = reinterpret_cast<const std::uint64_t*>(intents.records());
    capacity_ = intents.capacity_records();
    // Pairs with the release store of the head in IntentProducer::push.
    cursor_ = control_word(*reinterpret_cast<const std::uint64_t*>(intents.base() + RING_CONTROL_OFFSET))
                  .load(std::memory_order_acquire);
    control_word(state_[1]).store(0, std::memory_order_release);
    control_word(state_[0]).store(cursor_, std::memory_order_release);
    control_word(state_[1]).store(intents.generation(), std::memory_order_release);
  }

  // Refuses producers from now on; what they pushed can still be popped.
  void close() noexcept {
    control_word(state_[1]).store(0, std::memory_order_release);  // pairs with the load in IntentProducer::push
  }
  // Closed, and the region may go.
  void detach() noexcept {
    close();
    slots_ = nullptr;
  }

  [[nodiscard]] bool attached() const noexcept { return slots_ != nullptr; }

  // Copies the next intent into private memory, once. False = nothing new.
  bool pop(schema::OrderIntent& out) noexcept {
    const std::uint64_t next = cursor_ + 1;
    if (!read_slot(slots_ + ((next - 1) & (capacity_ - 1)) * RECORD_WORDS<schema::OrderIntent>, next, out)) {
      return false;
    }
    cursor_ = next;
    return true;
  }

  // Tells the producer that everything popped so far has been answered.
  void commit() noexcept { control_word(state_[0]).store(cursor_, std::memory_order_release); }

  [[nodiscard]] std::uint64_t cursor() const noexcept { return cursor_; }

 private:
  std::uint64_t* state_;
  const std::uint64_t* slots_ = nullptr;
  std::uint64_t capacity_ = 0;
  std::uint64_t cursor_ = 0;
};

}  // namespace hft
