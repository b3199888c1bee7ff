// Fills in what the gate is asked: the account, the book on the board, the limits in force, what went out lately.
#pragma once
#include <cstdint>

#include "feedd/region.hpp"
#include "gateway/orders/order_desk.hpp"
#include "gateway/risk/duplicate_window.hpp"
#include "gateway/risk/gate.hpp"
#include "gateway/risk/limits_view.hpp"
#include "gateway/risk/message_bucket.hpp"
#include "runtime/feed_look.hpp"

namespace hft::feedd {

class GateKeeper {
 public:
  static constexpr std::uint64_t MARK_INTERVAL_NS = 1'000'000;
  static constexpr std::uint64_t NAMES_INTERVAL_NS = 100'000'000;  // between two walks over the board
  static constexpr std::uint32_t ENTRIES_A_ROUND = 16;

  // `board`, `feed` and `desk` outlive the keeper.
  GateKeeper(const RiskConfig& config, const Region& board, const FeedLook& feed, OrderDesk& desk);

  // NEW and REPLACE: the first "no" from NOT_ALLOWED on. A CANCEL is asked for its message alone.
  [[nodiscard]] schema::RefusalReason refusal(const schema::OrderIntent& intent, std::uint64_t now_ns) noexcept;
  // An order towards flat: takes the touch, as large as one order may be; or why there can be none.
  [[nodiscard]] schema::RefusalReason closing_order(AccountPlace place, std::uint64_t now_ns,
                                                    schema::OrderIntent& out) noexcept;
  // It went out.
  void remember(const schema::OrderIntent& intent, std::uint64_t now_ns) noexcept;
  void set_limits(const Region& limits) noexcept { limits_.set_region(limits); }
  // True when other limits than before are in force.
  void refresh_limits() noexcept { limits_.refresh(); }
  [[nodiscard]] std::uint64_t limits_sequence() const noexcept { return limits_.sequence(); }

  // Between intents: finds allowed instruments on the board, and marks one position.
  void look_around(std::uint64_t now_ns) noexcept;

 private:
  // NO_ACCOUNT: not on the allow-list by the name that the board has for it now.
  AccountPlace account_of(std::uint32_t instrument_id, const schema::BoardEntry& entry) noexcept;
  void name(AccountPlace place, std::uint32_t instrument_id) noexcept;
  [[nodiscard]] GateOrder order_of(const schema::OrderIntent& intent) const noexcept;
  [[nodiscard]] GateInstrument instrument_of(AccountPlace place, const schema::OrderIntent& intent,
                                             const schema::BoardEntry& entry, std::uint64_t now_ns) const noexcept;
  [[nodiscard]] GateAccount account_state(AccountPlace place, std::uint64_t now_ns) noexcept;
  [[nodiscard]] std::uint64_t closing_quantity(const Account& account, std::uint64_t price) const noexcept;
  void find_names(std::uint64_t now_ns) noexcept;
  void mark_next() noexcept;

  const RiskConfig config_;
  const Region& board_;
  const FeedLook& feed_;
  OrderDesk& desk_;
  LimitsView limits_;
  DuplicateWindow duplicates_;
  schema::BoardEntry entry_;
  std::size_t accounts_seen_ = 0;
  std::uint64_t next_mark_ns_ = 0;
  std::uint64_t next_names_ns_ = 0;
  std::uint32_t board_cursor_ = 1;
  std::uint32_t unnamed_ = UINT32_MAX;  // allowed or held accounts that the board has not named, as last counted
  AccountPlace mark_cursor_ = 0;
};

}  // namespace hft::feedd
