// The limits in force: the smaller of the configuration's and watchd/limits, for an instrument the smallest of three.
//
//   not mapped, never still, nonsense   everything is 0, which refuses: without watchd the fence is shut as well, and
//                                       limits that can not be read may be tighter than any we know
//   mapped, limits_sequence 0           the configuration's alone: nobody ever tightened
//   mapped                              the smaller ones
#pragma once
#include <cstdint>
#include <vector>

#include "feedd/limits.hpp"
#include "runtime/config.hpp"

namespace hft::feedd {

// UINT64_MAX = nobody said anything for this instrument.
struct InstrumentCaps {
  std::uint64_t order_quantity_max = LIMIT_NOT_SET;
  std::uint64_t order_notional_max = LIMIT_NOT_SET;
  std::uint64_t position_max = LIMIT_NOT_SET;
};

// The gateway thread's. Allocates at birth only.
class LimitsView {
 public:
  static constexpr std::uint64_t SEQUENCE_NONE = UINT64_MAX;  // no limits can be read: everything is refused

  // Instrument ids run from 0 to below `instruments`.
  LimitsView(const RiskLimits& configured, std::uint32_t instruments);

  // [risk.instruments], once the symbol's id is known. An id out of range is ignored: it is refused anyway.
  void configure_instrument(std::uint32_t instrument_id, const InstrumentRisk& configured) noexcept;
  // `limits` outlives its use here; an empty region is not mapped.
  void set_region(const Region& limits) noexcept;

  // Looks whether watchd changed something: one load when it did not. True when what is in force is new.
  bool refresh() noexcept { return page_.attached() && page_.version() != version_ && read_page(); }

  [[nodiscard]] const RiskLimits& limits() const noexcept { return in_force_; }
  // To be taken together with limits(): the smaller of the two holds.
  [[nodiscard]] InstrumentCaps instrument(std::uint32_t instrument_id) const noexcept {
    return instrument_id < caps_.size() ? caps_[instrument_id] : InstrumentCaps{0, 0, 0};
  }
  // limits_sequence of what is in force; 0 = the configuration's alone.
  [[nodiscard]] std::uint64_t sequence() const noexcept { return sequence_; }

 private:
  static constexpr std::uint64_t NEVER_READ = 1;  // odd: no whole page has this version

  bool read_page() noexcept;
  void refuse_everything() noexcept;
  void tighten(const schema::Limits& page) noexcept;
  void tighten_instruments(const schema::Limits& page) noexcept;
  void loosen_instruments() noexcept;

  RiskLimits configured_;
  RiskLimits in_force_;
  LimitsPage page_;
  std::uint64_t version_ = NEVER_READ;
  std::uint64_t sequence_ = SEQUENCE_NONE;
  std::vector<InstrumentCaps> configured_caps_;
  std::vector<InstrumentCaps> caps_;
  schema::Limits read_;     // the page as it was read last
  std::uint64_t used_ = 0;  // entries of `read_` that are in `caps_`
};

}  // namespace hft::feedd
