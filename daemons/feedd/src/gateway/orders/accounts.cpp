#include "gateway/orders/accounts.hpp"

#include <algorithm>
#include <cassert>

#include "gateway/orders/seqlock.hpp"

namespace hft::feedd {
namespace {

using Wide = WideInt;

std::uint64_t magnitude(std::int64_t value) noexcept {
  return value < 0 ? ~static_cast<std::uint64_t>(value) + 1 : static_cast<std::uint64_t>(value);
}

std::int64_t narrow(Wide value) noexcept {
  if (value > INT64_MAX) return INT64_MAX;
  return value < INT64_MIN ? INT64_MIN : static_cast<std::int64_t>(value);
}

// |position + open| of one side, saturating.
std::uint64_t reach(std::int64_t position, std::uint64_t open, bool buys) noexcept {
  const Wide end = buys ? Wide(position) + open : Wide(position) - open;
  const Wide size = end < 0 ? -end : end;
  return size > UINT64_MAX ? UINT64_MAX : static_cast<std::uint64_t>(size);
}

bool unmarked(const Account& account) noexcept {
  return account.mark_price == 0 && (account.position != 0 || account.worst_position() != 0);
}

WideUint gross_of(const Account& account) noexcept {
  return static_cast<WideUint>(account.worst_position()) * account.mark_price;
}

// Average cost: what a fill closes leaves at the average of what it closes.
void apply(Account& account, std::int64_t signed_quantity, std::uint64_t price) noexcept {
  const bool adds = account.position == 0 || (account.position > 0) == (signed_quantity > 0);
  const std::uint64_t closing = adds ? 0 : std::min(magnitude(account.position), magnitude(signed_quantity));
  if (closing != 0) {
    const Wide cost = Wide(account.cost_value) * closing / static_cast<Wide>(magnitude(account.position));
    const Wide proceeds = Wide(account.position > 0 ? 1 : -1) * closing * price;
    account.realized_value = narrow(account.realized_value + proceeds - cost);
    account.cost_value = narrow(account.cost_value - cost);
  }
  const std::uint64_t opening = magnitude(signed_quantity) - closing;
  account.cost_value = narrow(account.cost_value + Wide(signed_quantity > 0 ? 1 : -1) * opening * price);
  account.position += signed_quantity;
}

std::int64_t with_sign(schema::Side side, std::uint64_t quantity) noexcept {
  const auto size = static_cast<std::int64_t>(quantity);
  return side == schema::Side::BUY ? size : -size;
}

}  // namespace

std::uint64_t Account::worst_position() const noexcept {
  return std::max(reach(position, open_buy_quantity, true), reach(position, open_sell_quantity, false));
}

std::int64_t Account::marked_value() const noexcept {
  const Wide held = Wide(position) * mark_price;
  const Wide start = Wide(start_position) * start_price;
  return narrow(Wide(sold_value) - bought_value + held - start);
}

VenueSymbol venue_symbol(std::string_view symbol) noexcept {
  VenueSymbol out;
  out.fill(' ');
  if (symbol.size() > out.size()) symbol = {};
  std::copy(symbol.begin(), symbol.end(), out.begin());
  return out;
}

Accounts::Accounts(Region& region)
    : slots_(reinterpret_cast<std::uint64_t*>(region.records())), place_of_(region.capacity_records(), NO_ACCOUNT) {
  accounts_.reserve(ACCOUNTS_MAX);
}

bool Accounts::allow(std::string_view symbol) {
  const AccountPlace place = by_symbol_or_new(venue_symbol(symbol));
  if (place == NO_ACCOUNT) return false;
  accounts_[place].allowed = true;
  return true;
}

bool Accounts::start_with(std::string_view symbol, std::int64_t position, std::int64_t price) {
  const AccountPlace place = by_symbol_or_new(venue_symbol(symbol));
  if (place == NO_ACCOUNT) return false;
  Account& account = accounts_[place];
  take_out(account);
  account.start_position = account.position = position;
  account.start_price = price;
  account.cost_value = narrow(Wide(position) * price);
  account.mark_price = static_cast<std::uint64_t>(price);
  put_back(account);
  return true;
}

AccountPlace Accounts::by_symbol(const VenueSymbol& symbol) const noexcept {
  const auto found = std::find_if(accounts_.begin(), accounts_.end(),
                                  [&](const Account& account) { return account.symbol == symbol; });
  return found == accounts_.end() ? NO_ACCOUNT : static_cast<AccountPlace>(found - accounts_.begin());
}

AccountPlace Accounts::by_symbol_or_new(const VenueSymbol& symbol) noexcept {
  if (const AccountPlace place = by_symbol(symbol); place != NO_ACCOUNT) return place;
  if (symbol == venue_symbol({}) || accounts_.size() == ACCOUNTS_MAX) return NO_ACCOUNT;
  accounts_.emplace_back().symbol = symbol;  // reserved at birth: nothing is allocated
  return static_cast<AccountPlace>(accounts_.size() - 1);
}

bool Accounts::name(AccountPlace place, std::uint32_t instrument_id) noexcept {
  Account& account = accounts_[place];
  if (account.instrument_id == instrument_id || instrument_id >= place_of_.size()) return false;
  unname(place);
  if (const AccountPlace other = place_of_[instrument_id]; other != NO_ACCOUNT) unname(other);
  account.instrument_id = instrument_id;
  place_of_[instrument_id] = place;
  return true;
}

void Accounts::unname(AccountPlace place) noexcept {
  Account& account = accounts_[place];
  if (account.instrument_id == 0) return;
  place_of_[account.instrument_id] = NO_ACCOUNT;
  publish_entry(slots_, account.instrument_id, schema::GatewayPosition());
  account.instrument_id = 0;
}

void Accounts::fill(AccountPlace place, schema::Side side, std::uint64_t quantity, std::uint64_t price) noexcept {
  Account& account = accounts_[place];
  take_out(account);
  const std::int64_t value = narrow(Wide(quantity) * price);
  if (side == schema::Side::BUY) {
    account.bought_quantity += quantity;
    account.bought_value += value;
  } else {
    account.sold_quantity += quantity;
    account.sold_value += value;
  }
  apply(account, with_sign(side, quantity), price);
  if (account.mark_price == 0) account.mark_price = price;
  put_back(account);
}

void Accounts::break_fill(AccountPlace place, schema::Side side, std::uint64_t quantity, std::uint64_t price) noexcept {
  Account& account = accounts_[place];
  take_out(account);
  const std::int64_t value = narrow(Wide(quantity) * price);
  if (side == schema::Side::BUY) {
    account.bought_quantity -= quantity;
    account.bought_value -= value;
  } else {
    account.sold_quantity -= quantity;
    account.sold_value -= value;
  }
  apply(account, -with_sign(side, quantity), price);
  put_back(account);
}

void Accounts::change_open(AccountPlace place, schema::Side side, std::uint64_t before, std::uint64_t after) noexcept {
  if (before == after) return;
  Account& account = accounts_[place];
  take_out(account);
  std::uint64_t& open = side == schema::Side::BUY ? account.open_buy_quantity : account.open_sell_quantity;
  assert(open >= before);
  open = open - before + after;
  put_back(account);
}

void Accounts::mark(AccountPlace place, std::uint64_t price) noexcept {
  Account& account = accounts_[place];
  if (price == 0 || price == account.mark_price) return;
  take_out(account);
  account.mark_price = price;
  put_back(account);
}

std::uint64_t Accounts::gross_notional_without(AccountPlace place) const noexcept {
  const Account& account = accounts_[place];
  if (unmarked_ != (unmarked(account) ? 1u : 0u)) return UINT64_MAX;
  const WideUint others = gross_ - gross_of(account);
  return others > UINT64_MAX ? UINT64_MAX : static_cast<std::uint64_t>(others);
}

std::int64_t Accounts::marked_value() const noexcept { return unmarked_ != 0 ? INT64_MIN : narrow(marked_); }

void Accounts::take_out(const Account& account) noexcept {
  gross_ -= gross_of(account);
  marked_ -= account.marked_value();
  realized_value_ -= account.realized_value;
  unmarked_ -= unmarked(account) ? 1u : 0u;
}

void Accounts::put_back(const Account& account) noexcept {
  gross_ += gross_of(account);
  marked_ += account.marked_value();
  realized_value_ += account.realized_value;
  unmarked_ += unmarked(account) ? 1u : 0u;
}

void Accounts::publish(AccountPlace place, std::uint64_t updates_seq) noexcept {
  const Account& account = accounts_[place];
  if (account.instrument_id == 0) return;
  schema::GatewayPosition out;
  out.mutate_updates_seq(updates_seq);
  out.mutate_instrument_id(account.instrument_id);
  out.mutate_open_orders(account.open_orders);
  out.mutate_position(account.position);
  out.mutate_start_position(account.start_position);
  out.mutate_bought_quantity(account.bought_quantity);
  out.mutate_sold_quantity(account.sold_quantity);
  out.mutate_bought_value(account.bought_value);
  out.mutate_sold_value(account.sold_value);
  out.mutate_open_buy_quantity(account.open_buy_quantity);
  out.mutate_open_sell_quantity(account.open_sell_quantity);
  out.mutate_start_price(account.start_price);
  out.mutate_mark_price(static_cast<std::int64_t>(account.mark_price));
  publish_entry(slots_, account.instrument_id, out);
}

}  // namespace hft::feedd
