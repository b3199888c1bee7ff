#include "gateway/risk/limits_view.hpp"

#include <algorithm>

namespace hft::feedd {
namespace {

void lower(std::uint64_t& limit, std::uint64_t to) noexcept { limit = std::min(limit, to); }

}  // namespace

LimitsView::LimitsView(const RiskLimits& configured, std::uint32_t instruments)
    : configured_(configured), configured_caps_(instruments), caps_(instruments) {
  refuse_everything();
}

void LimitsView::configure_instrument(std::uint32_t instrument_id, const InstrumentRisk& configured) noexcept {
  if (instrument_id >= caps_.size()) return;
  configured_caps_[instrument_id] = {configured.order_quantity_max, configured.order_notional_max,
                                     configured.position_max};
  caps_[instrument_id] = configured_caps_[instrument_id];
  tighten_instruments(read_);
}

void LimitsView::set_region(const Region& limits) noexcept {
  page_ = LimitsPage(limits);
  version_ = NEVER_READ;
  if (!read_page()) refuse_everything();
}

// False: nothing new is in force.
bool LimitsView::read_page() noexcept {
  schema::Limits page;
  if (!page_.read(page)) {
    // `version_` stays odd, so that every refresh looks again.
    version_ = NEVER_READ;
    if (sequence_ == SEQUENCE_NONE) return false;
    refuse_everything();
    return true;
  }
  version_ = page.version();
  tighten(page);
  return true;
}

// An instrument's limits stay: the account's are smaller, and the smaller of the two holds.
void LimitsView::refuse_everything() noexcept {
  sequence_ = SEQUENCE_NONE;
  in_force_ = configured_;
  in_force_.order_quantity_max = in_force_.order_notional_max = in_force_.position_max = 0;
  in_force_.gross_notional_max = in_force_.open_orders_max = in_force_.unacknowledged_max = 0;
  in_force_.loss_max = in_force_.price_collar_bps = 0;
}

void LimitsView::tighten(const schema::Limits& page) noexcept {
  loosen_instruments();
  sequence_ = page.limits_sequence();
  in_force_ = configured_;
  read_ = page;
  if (sequence_ == 0) return;
  lower(in_force_.order_quantity_max, page.order_quantity_max());
  lower(in_force_.order_notional_max, page.order_notional_max());
  lower(in_force_.position_max, page.position_max());
  lower(in_force_.gross_notional_max, page.gross_notional_max());
  lower(in_force_.open_orders_max, page.open_orders_max());
  lower(in_force_.unacknowledged_max, page.unacknowledged_max());
  lower(in_force_.loss_max, page.loss_max());
  lower(in_force_.price_collar_bps, page.price_collar_bps());
  used_ = page.entries();
  tighten_instruments(page);
}

void LimitsView::tighten_instruments(const schema::Limits& page) noexcept {
  for (std::uint64_t i = 0; i < used_; ++i) {
    const schema::InstrumentLimits& entry = *page.instruments()->Get(static_cast<flatbuffers::uoffset_t>(i));
    if (entry.instrument_id() >= caps_.size()) continue;  // not one that may be traded
    InstrumentCaps& caps = caps_[entry.instrument_id()];
    lower(caps.order_quantity_max, entry.order_quantity_max());
    lower(caps.order_notional_max, entry.order_notional_max());
    lower(caps.position_max, entry.position_max());
  }
}

void LimitsView::loosen_instruments() noexcept {
  for (std::uint64_t i = 0; i < used_; ++i) {
    const std::uint64_t id = read_.instruments()->Get(static_cast<flatbuffers::uoffset_t>(i))->instrument_id();
    if (id < caps_.size()) caps_[id] = configured_caps_[id];
  }
  used_ = 0;
}

}  // namespace hft::feedd
