// Fills of the day, so that a broken trade can be taken out of the position again: the venue names only its match.
#pragma once
#include <cstdint>
#include <vector>

#include "gateway/orders/accounts.hpp"
#include "hft/schema/hft_generated.h"

namespace hft::feedd {

struct LoggedFill {
  std::uint64_t match_number = 0;
  std::uint64_t quantity = 0;
  std::uint64_t price = 0;
  std::uint64_t order_id = 0;
  std::uint64_t intents_generation = 0;
  std::uint32_t token = 0;
  AccountPlace account = NO_ACCOUNT;
  schema::Side side = schema::Side::NONE;
  bool broken = false;
};

class FillLog {
 public:
  static constexpr std::size_t FILLS_MAX = 1u << 17;

  FillLog() : fills_(FILLS_MAX) {}
  // The oldest gives way: a break of it is then unknown.
  void add(const LoggedFill& fill) noexcept { fills_[count_++ % FILLS_MAX] = fill; }
  // Rare, so it is searched from the newest; null = not there.
  [[nodiscard]] LoggedFill* find(std::uint32_t token, std::uint64_t match_number) noexcept {
    const std::size_t kept = count_ < FILLS_MAX ? count_ : FILLS_MAX;
    for (std::size_t back = 1; back <= kept; ++back) {
      LoggedFill& fill = fills_[(count_ - back) % FILLS_MAX];
      if (fill.match_number == match_number && fill.token == token) return &fill;
    }
    return nullptr;
  }

 private:
  std::vector<LoggedFill> fills_;
  std::size_t count_ = 0;
};

}  // namespace hft::feedd
