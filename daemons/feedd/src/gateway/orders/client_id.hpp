// What we write into a venue's client order id: which queue an order came from and its number there. The venue echoes
// it, also in a replay, so that a restarted gateway knows whose its orders are.
//
//   characters  0 … 5        6 … 13
//   | queue's tag  | order_id     |   base 64, most significant first
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gateway/venue.hpp"

namespace hft::feedd {

inline constexpr std::uint64_t ORDER_ID_MAX = (1ull << 48) - 1;
inline constexpr std::uint64_t QUEUE_TAG_MAX = (1ull << 36) - 1;

struct OrderOrigin {
  std::uint64_t queue_tag = 0;  // 0 = not written by us
  std::uint64_t order_id = 0;
};

// Generations are CLOCK_REALTIME nanoseconds: of two within two years and a millisecond apart the tags differ.
[[nodiscard]] inline std::uint64_t queue_tag(std::uint64_t intents_generation) noexcept {
  return (intents_generation >> 20) & QUEUE_TAG_MAX;
}

namespace client_id_detail {
inline constexpr std::string_view DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
inline constexpr std::size_t TAG_DIGITS = 6;

inline bool value_of(char digit, std::uint64_t& value) noexcept {
  const std::size_t found = DIGITS.find(digit);
  if (found == std::string_view::npos) return false;
  value = value << 6 | found;
  return true;
}
}  // namespace client_id_detail

// `order_id` at most ORDER_ID_MAX.
[[nodiscard]] inline ClientId encode_client_id(const OrderOrigin& origin) noexcept {
  using namespace client_id_detail;
  ClientId id;
  for (std::size_t i = 0; i < id.size(); ++i) {
    const std::uint64_t word = i < TAG_DIGITS ? origin.queue_tag : origin.order_id;
    const std::size_t last = i < TAG_DIGITS ? TAG_DIGITS - 1 : id.size() - 1;
    id[i] = DIGITS[word >> (6 * (last - i)) & 63];
  }
  return id;
}

// An id that is not of our making has no origin.
[[nodiscard]] inline OrderOrigin decode_client_id(const ClientId& id) noexcept {
  using namespace client_id_detail;
  OrderOrigin origin;
  for (std::size_t i = 0; i < id.size(); ++i) {
    if (!value_of(id[i], i < TAG_DIGITS ? origin.queue_tag : origin.order_id)) return {};
  }
  return origin;
}

}  // namespace hft::feedd
