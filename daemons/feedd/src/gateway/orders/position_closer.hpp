// Closes positions when a person asks for it (`watchd ctl flatten`): immediate-or-cancel orders at the touch, again and
// again until nothing is held, each through gate and fence. What rests is cancelled first, by the desk.
//
// It gives up after CLOSE_NS, and at once when the fence shuts: then a person looks at what is left.
#pragma once
#include <cstdint>
#include <vector>

#include "feedd/commands.hpp"
#include "gateway/orders/order_desk.hpp"
#include "gateway/risk/gate_keeper.hpp"

namespace hft::feedd {

class PositionCloser {
 public:
  static constexpr std::uint64_t CLOSE_NS = 4'000'000'000;  // watchd waits a second more (flatten_deadline_ns)
  static constexpr std::uint64_t RETRY_NS = 1'000'000;      // between two orders of one instrument

  // Both outlive it. Allocates at birth only.
  PositionCloser(OrderDesk& desk, GateKeeper& keeper);

  // Another request while one is being obeyed: both are done when the last position of either is.
  void begin(const CancelRequest& request, std::uint64_t now_ns) noexcept;
  // Nothing may be sent any more.
  void give_up(schema::RefusalReason reason) noexcept;
  [[nodiscard]] bool busy() const noexcept { return busy_; }

  // The next closing order; false: none at the moment. What became of it is to be told by `tried`.
  [[nodiscard]] bool next(std::uint64_t epoch, std::uint64_t now_ns, schema::OrderIntent& out) noexcept;
  void tried(schema::RefusalReason reason) noexcept;

  // The last request that is over, 0 = none; and what kept it from being flat: NONE = it is, or nobody took the other
  // side.
  [[nodiscard]] std::uint64_t done() const noexcept { return done_; }
  [[nodiscard]] schema::RefusalReason refusal() const noexcept { return refusal_; }

 private:
  struct Closing {
    bool wanted = false;
    std::uint64_t next_try_ns = 0;
    schema::RefusalReason refusal = schema::RefusalReason::NONE;
  };

  void want(AccountPlace place) noexcept;
  [[nodiscard]] bool due(AccountPlace place, std::uint64_t now_ns) noexcept;
  void end() noexcept;

  OrderDesk& desk_;
  GateKeeper& keeper_;
  std::vector<Closing> closing_;  // by account
  AccountPlace cursor_ = 0;
  bool busy_ = false;
  std::uint64_t order_id_ = 0;
  std::uint64_t ticket_ = 0;
  std::uint64_t give_up_ns_ = 0;
  std::uint64_t done_ = 0;
  schema::RefusalReason refusal_ = schema::RefusalReason::NONE;
};

}  // namespace hft::feedd
