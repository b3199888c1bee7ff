#include "publish/instruments.hpp"

#include <algorithm>

namespace hft::feedd {
namespace {

constexpr std::uint8_t ITCH_PRICE_DECIMALS = 4;

std::uint8_t copy_depth(const BookSide& side, schema::Side which,
                        flatbuffers::Array<schema::BoardLevel, BOARD_DEPTH>& out) noexcept {
  const std::uint32_t depth = std::min<std::uint32_t>(side.count, BOARD_DEPTH);
  for (std::uint32_t i = 0; i < depth; ++i) {
    const Level& level = side.levels[side.count - 1 - i];
    out.Mutate(i, schema::BoardLevel(level_key(which, level.key), level.quantity, level.orders, 0));
  }
  return static_cast<std::uint8_t>(depth);
}

}  // namespace

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
    at(id) = Instrument{.dirty = true};
    detail(id) = InstrumentDetail{};
  }
}

schema::BoardEntry Instruments::board_entry(std::uint32_t id, std::uint64_t sequence) const noexcept {
  const Instrument& instrument = at(id);
  const InstrumentDetail& known = detail(id);
  schema::BoardEntry entry;
  entry.mutate_sequence(sequence);
  entry.mutate_exchange_ts_ns(instrument.exchange_ts_ns);
  std::memcpy(entry.mutable_symbol()->Data(), known.symbol.data(), known.symbol.size());
  entry.mutate_instrument_id(id);
  entry.mutate_round_lot(known.round_lot);
  entry.mutate_price_decimals(ITCH_PRICE_DECIMALS);
  entry.mutate_trade_state(instrument.trade_state);
  entry.mutate_validity(instrument.validity);
  entry.mutate_bid_levels(copy_depth(instrument.book.bid, schema::Side::BUY, *entry.mutable_bids()));
  entry.mutate_ask_levels(copy_depth(instrument.book.ask, schema::Side::SELL, *entry.mutable_asks()));
  entry.mutate_market_category(static_cast<std::uint8_t>(known.market_category));
  entry.mutate_last_trade_price(known.last_trade_price);
  entry.mutate_last_trade_quantity(known.last_trade_quantity);
  entry.mutate_volume(known.volume);
  return entry;
}

}  // namespace hft::feedd
