#include "gateway/orders/position_closer.hpp"

namespace hft::feedd {

using schema::CommandScope;
using schema::RefusalReason;

PositionCloser::PositionCloser(OrderDesk& desk, GateKeeper& keeper)
    : desk_(desk), keeper_(keeper), closing_(Accounts::ACCOUNTS_MAX) {}

void PositionCloser::begin(const CancelRequest& request, std::uint64_t now_ns) noexcept {
  if (request.scope == CommandScope::ALL) {
    for (AccountPlace place = 0; place < desk_.accounts().size(); ++place) want(place);
  } else if (request.scope == CommandScope::INSTRUMENT) {
    const AccountPlace place = desk_.accounts().by_instrument(static_cast<std::uint32_t>(request.subject));
    if (place != NO_ACCOUNT) want(place);
  }
  ticket_ = request.ticket;
  give_up_ns_ = now_ns + CLOSE_NS;
  busy_ = true;
}

void PositionCloser::want(AccountPlace place) noexcept { closing_[place] = {true, 0, RefusalReason::NONE}; }

void PositionCloser::give_up(RefusalReason reason) noexcept {
  for (AccountPlace place = 0; place < desk_.accounts().size(); ++place) {
    const Closing& closing = closing_[place];
    if (!closing.wanted || desk_.accounts().at(place).idle()) continue;
    refusal_ = reason != RefusalReason::NONE ? reason : closing.refusal;
  }
  end();
}

void PositionCloser::end() noexcept {
  for (Closing& closing : closing_) closing.wanted = false;
  busy_ = false;
  done_ = ticket_;
}

bool PositionCloser::next(std::uint64_t epoch, std::uint64_t now_ns, schema::OrderIntent& out) noexcept {
  refusal_ = RefusalReason::NONE;
  bool waits = false;
  for (std::size_t looked = 0; looked < desk_.accounts().size(); ++looked) {
    cursor_ = cursor_ + 1 < desk_.accounts().size() ? cursor_ + 1 : 0;
    if (!closing_[cursor_].wanted) continue;
    if (desk_.accounts().at(cursor_).idle()) {
      closing_[cursor_].wanted = false;
      continue;
    }
    waits = true;
    if (!due(cursor_, now_ns)) continue;
    closing_[cursor_].next_try_ns = now_ns + RETRY_NS;
    closing_[cursor_].refusal = keeper_.closing_order(cursor_, now_ns, out);
    if (closing_[cursor_].refusal != RefusalReason::NONE) continue;
    out.mutate_epoch(epoch);
    out.mutate_order_id(++order_id_);
    return true;
  }
  if (!waits) {
    end();
  } else if (now_ns >= give_up_ns_) {
    give_up(RefusalReason::NONE);
  }
  return false;
}

// Not before what rests, or is on its way, is over: it might fill as well.
bool PositionCloser::due(AccountPlace place, std::uint64_t now_ns) noexcept {
  return desk_.accounts().at(place).open_orders == 0 && now_ns >= closing_[place].next_try_ns && now_ns < give_up_ns_;
}

void PositionCloser::tried(RefusalReason reason) noexcept { closing_[cursor_].refusal = reason; }

}  // namespace hft::feedd
