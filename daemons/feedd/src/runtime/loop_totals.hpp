// What a hot loop has done since it began, for its progress words (feedd/progress.hpp).
#pragma once
#include <cstdint>

namespace hft::feedd {

struct LoopTotals {
  std::uint64_t consumed = 0;
  std::uint64_t produced = 0;
  std::uint64_t lag_records = 0;  // waiting to be consumed when last looked
};

}  // namespace hft::feedd
