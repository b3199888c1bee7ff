// operator/veto: the word with which a person says no, while watchd lives, hangs or is gone.
//
//   RegionHeader.veto  0 = no objection, else a schema::VetoReason
//   VetoNote           who set it last, and when: for people and for `clear`, never for the gateway
//
// watchd creates the page once a boot (Region::adopt); whoever its file mode allows may write it. The gateway reads the
// word only. A page that is missing or can not be mapped is a veto.
#pragma once
#include <cstdint>

#include "feedd/region.hpp"

namespace hft {

namespace veto_detail {
enum Word : std::size_t { UID = 0, PID = 1, SET_TS_NS = 2 };
static_assert(sizeof(schema::VetoNote) == 8 * sizeof(std::uint64_t));

inline std::uint64_t* words(const Region& veto) noexcept { return reinterpret_cast<std::uint64_t*>(veto.records()); }
}  // namespace veto_detail

// What the page says. The note is meaningful while `reason` is not 0; its words are not one snapshot.
struct OperatorVeto {
  std::uint64_t reason = 0;
  std::uint64_t uid = 0;
  std::uint64_t pid = 0;
  std::uint64_t set_ts_ns = 0;  // CLOCK_REALTIME

  friend bool operator==(const OperatorVeto&, const OperatorVeto&) = default;
};

inline OperatorVeto read_operator_veto(const Region& veto) noexcept {
  const std::uint64_t reason = veto.veto();  // pairs with set_veto below: whoever sees the word sees its note
  const std::uint64_t* note = veto_detail::words(veto);
  const auto load = [note](std::size_t index) { return control_word(note[index]).load(std::memory_order_relaxed); };
  return {reason, load(veto_detail::UID), load(veto_detail::PID), load(veto_detail::SET_TS_NS)};
}

// `veto` must be writable.
inline void set_operator_veto(Region& veto, std::uint64_t uid, std::uint64_t pid, std::uint64_t set_ts_ns) noexcept {
  std::uint64_t* note = veto_detail::words(veto);
  control_word(note[veto_detail::UID]).store(uid, std::memory_order_relaxed);
  control_word(note[veto_detail::PID]).store(pid, std::memory_order_relaxed);
  control_word(note[veto_detail::SET_TS_NS]).store(set_ts_ns, std::memory_order_relaxed);
  veto.set_veto(static_cast<std::uint64_t>(schema::VetoReason::OPERATOR));
}

// Takes back the veto that `seen` was, and no later one: false when somebody has set it since. `veto` must be writable.
// (Between the look and the store a new one may still come; its sender's request has reached watchd by then, because
// it is sent first, and watchd latches it.)
inline bool clear_operator_veto(Region& veto, const OperatorVeto& seen) noexcept {
  if (read_operator_veto(veto) != seen) return false;
  veto.set_veto(static_cast<std::uint64_t>(schema::VetoReason::NONE));
  return true;
}

}  // namespace hft
