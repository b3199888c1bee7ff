// What we hold and what it is worth, per instrument: positions, worst cases, marks, profit. Integers only; values are
// price units × shares.
//
// An account is known by its symbol: a replay names orders of instruments that the feed has not named yet. It gets its
// instrument id from the board, and goes to gateway.positions from then on.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "feedd/region.hpp"
#include "gateway/venue.hpp"
#include "hft/schema/hft_generated.h"

namespace hft::feedd {

// Products of prices and quantities: no sum of ours overflows it.
__extension__ typedef __int128 WideInt;
__extension__ typedef unsigned __int128 WideUint;

struct Account {
  VenueSymbol symbol{};             // space-padded
  bool allowed = false;             // on the allow-list
  std::uint32_t instrument_id = 0;  // 0 = the board has not named it
  std::uint32_t open_orders = 0;
  std::int64_t start_position = 0;
  std::int64_t start_price = 0;
  std::int64_t position = 0;
  std::uint64_t bought_quantity = 0;
  std::uint64_t sold_quantity = 0;
  std::int64_t bought_value = 0;
  std::int64_t sold_value = 0;
  std::uint64_t open_buy_quantity = 0;  // worst case
  std::uint64_t open_sell_quantity = 0;
  std::uint64_t mark_price = 0;  // 0 = never known
  std::int64_t cost_value = 0;   // of the position, at average prices
  std::int64_t realized_value = 0;

  // max(|position + open buys|, |position − open sells|)
  [[nodiscard]] std::uint64_t worst_position() const noexcept;
  // Realized and unrealized, of the day.
  [[nodiscard]] std::int64_t marked_value() const noexcept;
  [[nodiscard]] bool idle() const noexcept { return position == 0 && open_orders == 0; }
};

using AccountPlace = std::uint32_t;
inline constexpr AccountPlace NO_ACCOUNT = UINT32_MAX;

// `symbol` space-padded to 8; empty = it does not fit.
[[nodiscard]] VenueSymbol venue_symbol(std::string_view symbol) noexcept;

class Accounts {
 public:
  static constexpr std::size_t ACCOUNTS_MAX = 1024;

  // `region` is gateway.positions, an entry per instrument id.
  explicit Accounts(Region& region);

  // Before the gateway runs. False: no place left.
  bool allow(std::string_view symbol);
  bool start_with(std::string_view symbol, std::int64_t position, std::int64_t price);

  [[nodiscard]] std::size_t size() const noexcept { return accounts_.size(); }
  [[nodiscard]] Account& at(AccountPlace place) noexcept { return accounts_[place]; }
  [[nodiscard]] const Account& at(AccountPlace place) const noexcept { return accounts_[place]; }
  [[nodiscard]] AccountPlace by_symbol(const VenueSymbol& symbol) const noexcept;
  // Added when it is new; NO_ACCOUNT: no place left.
  AccountPlace by_symbol_or_new(const VenueSymbol& symbol) noexcept;
  [[nodiscard]] AccountPlace by_instrument(std::uint32_t instrument_id) const noexcept {
    return instrument_id < place_of_.size() ? place_of_[instrument_id] : NO_ACCOUNT;
  }
  // The board names it so, now. True: that is news.
  bool name(AccountPlace place, std::uint32_t instrument_id) noexcept;
  // The board gives the id to another one.
  void unname(AccountPlace place) noexcept;

  void fill(AccountPlace place, schema::Side side, std::uint64_t quantity, std::uint64_t price) noexcept;
  // A fill that the venue broke: as if it had never been.
  void break_fill(AccountPlace place, schema::Side side, std::uint64_t quantity, std::uint64_t price) noexcept;
  // The worst case of a side's open orders moves.
  void change_open(AccountPlace place, schema::Side side, std::uint64_t before, std::uint64_t after) noexcept;
  void mark(AccountPlace place, std::uint64_t price) noexcept;

  // Worst case × mark over all accounts but this one; UINT64_MAX where a mark is missing.
  [[nodiscard]] std::uint64_t gross_notional_without(AccountPlace place) const noexcept;
  // INT64_MIN where a mark is missing.
  [[nodiscard]] std::int64_t marked_value() const noexcept;
  [[nodiscard]] std::int64_t realized_value() const noexcept { return realized_value_; }

  // To gateway.positions, as it is after update `updates_seq`; nothing while the board has not named it.
  void publish(AccountPlace place, std::uint64_t updates_seq) noexcept;

 private:
  // What an account adds to the sums; taken out before a change and put back after it.
  void take_out(const Account& account) noexcept;
  void put_back(const Account& account) noexcept;

  std::uint64_t* slots_;
  std::vector<Account> accounts_;       // never grows beyond what it reserved
  std::vector<AccountPlace> place_of_;  // by instrument id
  WideUint gross_ = 0;
  WideInt marked_ = 0;
  std::int64_t realized_value_ = 0;
  std::size_t unmarked_ = 0;  // accounts with a worst case or a position, and no mark
};

}  // namespace hft::feedd
