#include "publish/instruments.hpp"

#include <algorithm>

namespace hft::feedd {

void Instruments::name(std::uint32_t id, std::string_view symbol) noexcept {
  auto& stored = details_[id].symbol;
  stored.fill(0);
  std::copy_n(symbol.begin(), std::min(symbol.size(), stored.size()), stored.begin());
  at(id).named = true;
  mark_dirty(id);
}

void Instruments::reset() noexcept {
  for (std::uint32_t id = 1; id < capacity(); ++id) {
    if (at(id).validity == schema::BookValidity::NO_BOOK) continue;
    mark_dirty(id);
    at(id) = Instrument{.dirty = true, .bids_dirty = true, .asks_dirty = true};
    detail(id) = InstrumentDetail{};
  }
}

}  // namespace hft::feedd
