#include "gateway/risk/gate_keeper.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "feedd/board.hpp"

namespace hft::feedd {
namespace {

using schema::IntentAction;
using schema::RefusalReason;
using schema::Side;

constexpr unsigned BOARD_ATTEMPTS = 100;

VenueSymbol symbol_of(const schema::BoardEntry& entry) noexcept {
  const auto* bytes = reinterpret_cast<const char*>(entry.symbol()->data());
  return venue_symbol({bytes, ::strnlen(bytes, entry.symbol()->size())});
}

std::uint64_t top_price(const flatbuffers::Array<schema::BoardLevel, 10>& levels, std::uint8_t filled) noexcept {
  return filled == 0 || levels.Get(0)->price() <= 0 ? 0 : static_cast<std::uint64_t>(levels.Get(0)->price());
}

// Rounded up; 0 = no two-sided valid book.
std::uint64_t mid_price(const schema::BoardEntry& entry) noexcept {
  const std::uint64_t bid = top_price(*entry.bids(), entry.bid_levels());
  const std::uint64_t ask = top_price(*entry.asks(), entry.ask_levels());
  const bool sound = entry.validity() == schema::BookValidity::VALID && bid != 0 && ask > bid;
  return sound ? bid + (ask - bid + 1) / 2 : 0;
}

}  // namespace

GateKeeper::GateKeeper(const RiskConfig& config, const Region& board, const FeedLook& feed, OrderDesk& desk)
    : config_(config),
      board_(board),
      feed_(feed),
      desk_(desk),
      limits_(config.limits, static_cast<std::uint32_t>(board.capacity_records())),
      duplicates_(config.limits.duplicate_window_ns) {}

RefusalReason GateKeeper::refusal(const schema::OrderIntent& intent, std::uint64_t now_ns) noexcept {
  if (intent.action() == IntentAction::CANCEL) {
    return desk_.bucket().cancel_allowed(now_ns) ? RefusalReason::NONE : RefusalReason::MESSAGE_RATE;
  }
  limits_.refresh();
  if (!read_board_entry(board_, intent.instrument_id(), entry_, BOARD_ATTEMPTS)) return RefusalReason::NOT_ALLOWED;
  const AccountPlace place = account_of(intent.instrument_id(), entry_);
  if (place == NO_ACCOUNT) return RefusalReason::NOT_ALLOWED;
  desk_.accounts().mark(place, mid_price(entry_));
  return gate_refusal(order_of(intent), instrument_of(place, intent, entry_, now_ns), account_state(place, now_ns),
                      limits_.limits(), now_ns);
}

RefusalReason GateKeeper::closing_order(AccountPlace place, std::uint64_t now_ns, schema::OrderIntent& out) noexcept {
  const Account& account = desk_.accounts().at(place);
  if (account.instrument_id == 0) return RefusalReason::NOT_ALLOWED;
  const bool read = read_board_entry(board_, account.instrument_id, entry_, BOARD_ATTEMPTS);
  if (!read || mid_price(entry_) == 0) return RefusalReason::BOOK_INVALID;
  if (symbol_of(entry_) != account.symbol) return RefusalReason::NOT_ALLOWED;  // the id is another one's by now
  const bool sells = account.position > 0;
  const std::uint64_t price =
      sells ? top_price(*entry_.bids(), entry_.bid_levels()) : top_price(*entry_.asks(), entry_.ask_levels());
  out = {};
  out.mutate_action(IntentAction::NEW);
  out.mutate_instrument_id(account.instrument_id);
  out.mutate_side(sells ? Side::SELL : Side::BUY);
  out.mutate_time_in_force(schema::TimeInForce::IOC);
  out.mutate_price(static_cast<std::int64_t>(price));
  out.mutate_quantity(closing_quantity(account, price));
  out.mutate_emit_ts_ns(now_ns);
  return out.quantity() != 0 ? RefusalReason::NONE : RefusalReason::QUANTITY_LIMIT;
}

// What the limits allow in one order, in whole lots. A rest of less than a lot is left to the gate, which refuses it
// (QUANTITY_OFF_LOT): the limit is the user's own.
std::uint64_t GateKeeper::closing_quantity(const Account& account, std::uint64_t price) const noexcept {
  const RiskLimits& limits = limits_.limits();
  const InstrumentCaps caps = limits_.instrument(account.instrument_id);
  const auto held = static_cast<std::uint64_t>(account.position);
  const std::uint64_t whole = account.position > 0 ? held : 0 - held;
  const std::uint64_t allowed = std::min({limits.order_quantity_max, caps.order_quantity_max,
                                          std::min(limits.order_notional_max, caps.order_notional_max) / price});
  if (limits.lot == 0) return 0;
  const std::uint64_t quantity = std::min(whole, allowed);
  return quantity < limits.lot ? quantity : quantity - quantity % limits.lot;
}

void GateKeeper::remember(const schema::OrderIntent& intent, std::uint64_t now_ns) noexcept {
  desk_.bucket().spend();
  if (intent.action() == IntentAction::CANCEL) return;
  duplicates_.remember(
      {intent.instrument_id(), intent.side(), static_cast<std::uint64_t>(intent.price()), intent.quantity()}, now_ns);
}

// Ids are given anew each day, so the name is compared every time.
AccountPlace GateKeeper::account_of(std::uint32_t instrument_id, const schema::BoardEntry& entry) noexcept {
  const VenueSymbol symbol = symbol_of(entry);
  AccountPlace place = desk_.accounts().by_instrument(instrument_id);
  if (place == NO_ACCOUNT || desk_.accounts().at(place).symbol != symbol) {
    place = desk_.accounts().by_symbol(symbol);
    if (place != NO_ACCOUNT) name(place, instrument_id);
  }
  return place != NO_ACCOUNT && desk_.accounts().at(place).allowed ? place : NO_ACCOUNT;
}

void GateKeeper::name(AccountPlace place, std::uint32_t instrument_id) noexcept {
  const Account& account = desk_.accounts().at(place);
  const InstrumentRisk none;  // those of the symbol that had this id before are not ours
  const InstrumentRisk* caps = &none;
  for (const InstrumentRisk& own : config_.instruments) {
    if (venue_symbol(own.symbol) == account.symbol) caps = &own;
  }
  if (account.instrument_id != 0) limits_.configure_instrument(account.instrument_id, none);
  limits_.configure_instrument(instrument_id, *caps);
  desk_.name_account(place, instrument_id);
}

GateOrder GateKeeper::order_of(const schema::OrderIntent& intent) const noexcept {
  GateOrder order;
  order.side = intent.side();
  order.quantity = intent.quantity();
  order.price = static_cast<std::uint64_t>(intent.price());
  order.intent_emit_ts_ns = intent.emit_ts_ns();
  if (intent.action() == IntentAction::REPLACE) {
    const OrderPlace place = desk_.table().by_order_id(intent.replaced_order_id());
    order.replaced_leaves = place == NO_PLACE ? 0 : desk_.table().at(place).leaves;
  }
  return order;
}

GateInstrument GateKeeper::instrument_of(AccountPlace place, const schema::OrderIntent& intent,
                                         const schema::BoardEntry& entry, std::uint64_t now_ns) const noexcept {
  const Account& account = desk_.accounts().at(place);
  GateInstrument instrument;
  instrument.allowed = account.allowed;
  instrument.trade_state = entry.trade_state();
  instrument.validity = entry.validity();
  instrument.bid_price = top_price(*entry.bids(), entry.bid_levels());
  instrument.ask_price = top_price(*entry.asks(), entry.ask_levels());
  instrument.position = account.position;
  instrument.open_buy_quantity = account.open_buy_quantity;
  instrument.open_sell_quantity = account.open_sell_quantity;
  for (OrderPlace at = desk_.table().first_of(place); at != NO_PLACE; at = desk_.table().at(at).next) {
    const OpenOrder& order = desk_.table().at(at);
    if (order.buys()) {
      instrument.own_best_bid = std::max(instrument.own_best_bid, order.price);
    } else {
      instrument.own_best_ask = std::min(instrument.own_best_ask, order.price);
    }
  }
  instrument.duplicate = duplicates_.seen(
      {intent.instrument_id(), intent.side(), static_cast<std::uint64_t>(intent.price()), intent.quantity()}, now_ns);
  const InstrumentCaps caps = limits_.instrument(intent.instrument_id());
  instrument.order_quantity_max = caps.order_quantity_max;
  instrument.order_notional_max = caps.order_notional_max;
  instrument.position_max = caps.position_max;
  return instrument;
}

GateAccount GateKeeper::account_state(AccountPlace place, std::uint64_t now_ns) noexcept {
  GateAccount state;
  state.gross_notional_others = desk_.accounts().gross_notional_without(place);
  state.open_orders = desk_.table().open_orders();
  state.unacknowledged = desk_.unacknowledged();
  state.marked_value = desk_.accounts().marked_value();
  state.phase = feed_.phase.load(std::memory_order_relaxed);
  state.feed_up_to_date_ts_ns = feed_.up_to_date_ns.load(std::memory_order_relaxed);
  state.message_allowed = desk_.bucket().order_allowed(now_ns);
  return state;
}

void GateKeeper::look_around(std::uint64_t now_ns) noexcept {
  if (desk_.accounts().size() != accounts_seen_) {  // the venue told of one more
    accounts_seen_ = desk_.accounts().size();
    unnamed_ = 1;
  }
  if (unnamed_ != 0 && now_ns >= next_names_ns_) find_names(now_ns);
  if (now_ns < next_mark_ns_) return;
  next_mark_ns_ = now_ns + MARK_INTERVAL_NS;
  mark_next();
}

// A few entries of the board a round, until every account that matters is named.
void GateKeeper::find_names(std::uint64_t now_ns) noexcept {
  Accounts& accounts = desk_.accounts();
  for (std::uint32_t looked = 0; looked < ENTRIES_A_ROUND; ++looked) {
    if (read_board_entry(board_, board_cursor_, entry_, BOARD_ATTEMPTS) && entry_.symbol()->Get(0) != 0) {
      const AccountPlace place = accounts.by_symbol(symbol_of(entry_));
      if (place != NO_ACCOUNT && accounts.at(place).instrument_id != board_cursor_) name(place, board_cursor_);
    }
    board_cursor_ = board_cursor_ + 1 < board_.capacity_records() ? board_cursor_ + 1 : 1;
  }
  if (board_cursor_ > ENTRIES_A_ROUND) return;
  next_names_ns_ = now_ns + NAMES_INTERVAL_NS;
  unnamed_ = 0;
  for (AccountPlace place = 0; place < accounts.size(); ++place) unnamed_ += accounts.at(place).instrument_id == 0;
}

void GateKeeper::mark_next() noexcept {
  Accounts& accounts = desk_.accounts();
  for (std::size_t looked = 0; looked < accounts.size(); ++looked) {
    mark_cursor_ = mark_cursor_ + 1 < accounts.size() ? mark_cursor_ + 1 : 0;
    const Account& account = accounts.at(mark_cursor_);
    if (account.idle() || account.instrument_id == 0) continue;
    if (!read_board_entry(board_, account.instrument_id, entry_, BOARD_ATTEMPTS)) return;
    if (symbol_of(entry_) != account.symbol) {
      unnamed_ = UINT32_MAX;  // ids were given anew
      return;
    }
    accounts.mark(mark_cursor_, mid_price(entry_));
    return desk_.store_figures();
  }
}

}  // namespace hft::feedd
