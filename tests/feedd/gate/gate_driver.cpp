// Gate, bucket and duplicate window at the mercy of a pipe: cases in, verdicts out, all words little-endian 64 bit.
//
//   gate_driver gate        cases of gate_cases.py's FIELDS        → a byte each: RefusalReason
//   gate_driver bucket      rate burst reserve start count, then count × (kind now)
//                           → a word each: 2 × tokens + allowed; kind 0 order?, 1 cancel?, 2 and 3 the same and sent
//   gate_driver duplicates  window count, then count × (kind instrument side price quantity now)
//                           → a byte each: seen; kind 0 asks, 1 asks and remembers
//   gate_driver time        cases → for each three words, nanoseconds: two clock reads and nothing else, gate_refusal,
//   bucket
//                           and window and gate_refusal
//
// One small translation unit: tests/feedd/gate/gate_mutants.py compiles it a few hundred times.
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "feedd/clock.hpp"
#include "gateway/risk/duplicate_window.hpp"
#include "gateway/risk/gate.hpp"
#include "gateway/risk/message_bucket.hpp"

namespace hft::feedd {
namespace {

using Word = std::uint64_t;

struct Case {
  Word side, quantity, price, replaced_leaves, emit;
  Word allowed, trade_state, validity, bid, ask, position, open_buy, open_sell, own_best_bid, own_best_ask, duplicate,
      own_quantity_max, own_notional_max, own_position_max;
  Word gross_others, open_orders, unacknowledged, marked_value, phase, heard, message_allowed;
  Word hours, quantity_max, notional_max, position_max, gross_max, open_orders_max, unacknowledged_max, loss_max,
      collar_bps, book_age_max, intent_age_max, tick, lot;
  Word now;
};

class Reader {
 public:
  Reader() {
    unsigned char bytes[1 << 16];
    for (std::size_t got = 0; (got = std::fread(bytes, 1, sizeof bytes, stdin)) > 0;) {
      input_.insert(input_.end(), bytes, bytes + got);
    }
  }
  template <class T>
  bool next(T& out) {
    if (input_.size() - at_ < sizeof out) return false;
    std::memcpy(&out, input_.data() + at_, sizeof out);
    at_ += sizeof out;
    return true;
  }

 private:
  std::vector<unsigned char> input_;
  std::size_t at_ = 0;
};

void put(const void* bytes, std::size_t size) { std::fwrite(bytes, 1, size, stdout); }

struct Question {
  GateOrder order;
  GateInstrument instrument;
  GateAccount account;
  RiskLimits limits;
  Word now = 0;

  explicit Question(const Case& c) : now(c.now) {
    order = {static_cast<schema::Side>(c.side), c.quantity, c.price, c.replaced_leaves, c.emit};
    instrument = {c.allowed != 0,
                  static_cast<schema::TradeState>(c.trade_state),
                  static_cast<schema::BookValidity>(c.validity),
                  c.bid,
                  c.ask,
                  static_cast<std::int64_t>(c.position),
                  c.open_buy,
                  c.open_sell,
                  c.own_best_bid,
                  c.own_best_ask,
                  c.duplicate != 0,
                  c.own_quantity_max,
                  c.own_notional_max,
                  c.own_position_max};
    account = {c.gross_others,
               c.open_orders,
               c.unacknowledged,
               static_cast<std::int64_t>(c.marked_value),
               static_cast<schema::MarketPhase>(c.phase),
               c.heard,
               c.message_allowed != 0};
    limits.hours = static_cast<schema::MarketPhase>(c.hours);
    limits.order_quantity_max = c.quantity_max;
    limits.order_notional_max = c.notional_max;
    limits.position_max = c.position_max;
    limits.gross_notional_max = c.gross_max;
    limits.open_orders_max = c.open_orders_max;
    limits.unacknowledged_max = c.unacknowledged_max;
    limits.loss_max = c.loss_max;
    limits.price_collar_bps = c.collar_bps;
    limits.book_age_ns_max = c.book_age_max;
    limits.intent_age_ns_max = c.intent_age_max;
    limits.price_tick = c.tick;
    limits.lot = c.lot;
  }
  [[nodiscard]] schema::RefusalReason ask() const noexcept {
    return gate_refusal(order, instrument, account, limits, now);
  }
};

void run_gate() {
  Reader reader;
  for (Case c{}; reader.next(c);) {
    const auto reason = static_cast<unsigned char>(Question(c).ask());
    put(&reason, 1);
  }
}

void run_bucket() {
  struct Head {
    Word rate, burst, reserve, start, count;
  };
  struct Step {
    Word kind, now;
  };
  Reader reader;
  for (Head head{}; reader.next(head);) {
    RiskLimits limits;
    limits.messages_per_s = head.rate;
    limits.message_burst = head.burst;
    limits.cancel_reserve = head.reserve;
    MessageBucket bucket(limits, head.start);
    Step step{};
    for (Word i = 0; i < head.count && reader.next(step); ++i) {
      const bool allowed = step.kind % 2 == 0 ? bucket.order_allowed(step.now) : bucket.cancel_allowed(step.now);
      if (allowed && step.kind >= 2) bucket.spend();
      const Word answer = 2 * bucket.tokens() + (allowed ? 1 : 0);
      put(&answer, sizeof answer);
    }
  }
}

void run_duplicates() {
  struct Head {
    Word window, count;
  };
  struct Step {
    Word kind, instrument, side, price, quantity, now;
  };
  Reader reader;
  for (Head head{}; reader.next(head);) {
    const auto window = std::make_unique<DuplicateWindow>(head.window);
    Step step{};
    for (Word i = 0; i < head.count && reader.next(step); ++i) {
      const DuplicateKey key{static_cast<std::uint32_t>(step.instrument), static_cast<schema::Side>(step.side),
                             step.price, step.quantity};
      const unsigned char seen = window->seen(key, step.now) ? 1 : 0;
      if (step.kind == 1) window->remember(key, step.now);
      put(&seen, 1);
    }
  }
}

void run_time() {
  Reader reader;
  std::vector<Question> questions;
  for (Case c{}; reader.next(c);) questions.emplace_back(c);
  RiskLimits limits;
  limits.messages_per_s = limits.message_burst = 1'000'000;
  MessageBucket bucket(limits, monotonic_ns());
  const auto window = std::make_unique<DuplicateWindow>(1'000'000);
  volatile unsigned last = 0;  // the answers are used
  for (Question& question : questions) {
    const GateOrder& order = question.order;
    const DuplicateKey key{static_cast<std::uint32_t>(order.quantity % 256), order.side, order.price, order.quantity};
    const Word clock_ns = monotonic_ns();
    const Word start_ns = monotonic_ns();
    last = static_cast<unsigned>(question.ask());
    const Word gate_ns = monotonic_ns();
    question.account.message_allowed = bucket.order_allowed(start_ns);
    question.instrument.duplicate = window->seen(key, start_ns);
    last = static_cast<unsigned>(question.ask());
    const Word whole_ns = monotonic_ns();
    window->remember(key, start_ns);
    bucket.spend();
    const Word figures[] = {start_ns - clock_ns, gate_ns - start_ns, whole_ns - gate_ns};
    put(figures, sizeof figures);
  }
  static_cast<void>(last);
}

}  // namespace
}  // namespace hft::feedd

int main(int argc, char** argv) {
  const std::string_view mode = argc == 2 ? argv[1] : "";
  if (mode == "gate") return hft::feedd::run_gate(), 0;
  if (mode == "bucket") return hft::feedd::run_bucket(), 0;
  if (mode == "duplicates") return hft::feedd::run_duplicates(), 0;
  if (mode == "time") return hft::feedd::run_time(), 0;
  std::fputs("see the head of gate_driver.cpp\n", stderr);
  return 2;
}
