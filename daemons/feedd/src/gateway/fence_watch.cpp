#include "gateway/fence_watch.hpp"

#include <atomic>

#include "gateway/state_words.hpp"

namespace hft::feedd {
namespace {

using schema::RefusalReason;

// Bits of GatewayState.veto_seen.
constexpr std::uint64_t BY_OPERATOR = 1;
constexpr std::uint64_t BY_BRAIND = 2;
constexpr std::uint64_t BY_FEEDD = 4;

std::uint64_t vetoes_in(const FenceSnapshot& seen) noexcept {
  return (seen.operator_veto != 0 ? BY_OPERATOR : 0) | (seen.braind_veto != 0 ? BY_BRAIND : 0) |
         (seen.epoch_latched != 0 ? BY_FEEDD : 0);
}

}  // namespace

FenceWatch::FenceWatch(Region& state, GatewayStats& stats, Clock clock) noexcept
    : state_(state), stats_(stats), clock_(clock), token_of_ours_(fence_token(0, state.generation(), 0)) {
  reported_.vetoes = BY_OPERATOR;  // nothing is mapped yet
  store_word(state_, VETO_SEEN, reported_.vetoes);
  store_word(state_, RECONCILED, 1);  // without a venue there is no order of an earlier life
}

void FenceWatch::set_intents(const Region* intents) noexcept { intents_ = intents; }

// A fence that opens is told before anything may go out, and then looked at anew: watchd takes `fence_open` 0, and
// `drained` of an epoch that it closed, for proof that nothing is on its way. With the look that made us tell it, a
// whole disarming fits between that look and the telling (TOLD_LATE in daemons/watchd/model).
FenceSnapshot FenceWatch::look(std::uint64_t now_ns) noexcept {
  const bool was_open = reported_.open != 0;
  FenceSnapshot seen = gather(now_ns);
  report(seen, now_ns);
  if (was_open || reported_.open == 0) return seen;
  // Pairs with the fence in FenceWriter::close: this second look sees the closing, or whoever closed sees what was
  // told.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  now_ns = clock_();
  seen = gather(now_ns);
  report(seen, now_ns);
  return seen;
}

FenceSnapshot FenceWatch::gather(std::uint64_t now_ns) noexcept {
  FenceSnapshot seen = snapshot_of(fence_);
  seen.token_of_ours = token_of_ours(seen.epoch);
  if (operator_veto_ != nullptr) seen.operator_veto = operator_veto_->veto();
  if (intents_ != nullptr) seen.braind_veto = intents_->veto();
  latch(seen, now_ns);
  return seen;
}

std::uint64_t FenceWatch::token_of_ours(std::uint64_t epoch) noexcept {
  const std::uint64_t intents_generation = intents_ == nullptr ? 0 : intents_->generation();
  if (epoch != token_epoch_ || intents_generation != token_intents_) {
    token_of_ours_ = fence_token(epoch, state_.generation(), intents_generation);
    token_epoch_ = epoch;
    token_intents_ = intents_generation;
  }
  return token_of_ours_;
}

void FenceWatch::latch(FenceSnapshot& seen, std::uint64_t now_ns) noexcept {
  if (seen.token_is_ours() && seen.epoch != epoch_latched_) {
    const bool current = now_ns < seen.lease_deadline_ns;
    if (!current) {
      set_latched(seen.epoch);
    } else if (epoch_latched_ != 0) {
      set_latched(0);
    }
  }
  seen.epoch_latched = epoch_latched_;
}

void FenceWatch::set_latched(std::uint64_t epoch) noexcept {
  epoch_latched_ = epoch;
  const auto veto = epoch == 0 ? schema::VetoReason::NONE : schema::VetoReason::EPOCH_LATCHED;
  state_.set_veto(static_cast<std::uint64_t>(veto));
  store_word(state_, EPOCH_LATCHED, epoch);
}

void FenceWatch::report(const FenceSnapshot& seen, std::uint64_t now_ns) noexcept {
  const RefusalReason refusal = fence_refusal(seen, now_ns);
  const std::uint64_t open = refusal == RefusalReason::NONE ? 1 : 0;
  const std::uint64_t vetoes = vetoes_in(seen);
  if (seen.token != reported_.token) {
    const std::uint64_t closed_ts_ns = seen.token == 0 ? fence_.closed_ts_ns() : 0;
    if (closed_ts_ns != 0) stats_.fence_close_seen_ns.record(clock_() - closed_ts_ns);
    store_word(state_, FENCE_TOKEN_SEEN, reported_.token = seen.token);
  }
  if (seen.epoch != reported_.epoch) store_word(state_, FENCE_EPOCH_SEEN, reported_.epoch = seen.epoch);
  if (open != reported_.open) {
    store_word(state_, FENCE_OPEN, reported_.open = open);
    stats_.fence_open.set(open);
  }
  // After `fence_open`: whoever reads that a veto came reads a closed fence, too.
  if (vetoes != reported_.vetoes) store_word(state_, VETO_SEEN, reported_.vetoes = vetoes);
  report_epoch_end(seen, refusal, now_ns);
}

// It is said only while it is shut: FenceWriter::open sets the epoch before the token, so a look in between sees the
// new epoch closed.
void FenceWatch::report_epoch_end(const FenceSnapshot& seen, RefusalReason refusal, std::uint64_t now_ns) noexcept {
  const bool shut = refusal != RefusalReason::NONE && refusal != RefusalReason::BRAIND_VETO;
  std::uint64_t drained = reported_.drained;
  if (shut && seen.epoch != 0) drained = nothing_open_ ? seen.epoch : 0;
  if (!shut && drained == seen.epoch) drained = 0;
  if (drained == reported_.drained) return;
  if (drained != 0) store_word(state_, DRAINED_TS_NS, now_ns);
  store_word(state_, DRAINED, reported_.drained = drained);
}

}  // namespace hft::feedd
