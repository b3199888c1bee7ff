// A fuzz input read front to back; past its end everything is zero.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace hft::fuzz {

// A broken invariant is a crash that libFuzzer reports and shrinks.
inline void require(bool holds) {
  if (!holds) __builtin_trap();
}

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : left_(reinterpret_cast<const std::byte*>(data), size) {}

  [[nodiscard]] bool empty() const { return left_.empty(); }

  template <class Integer>
  Integer take() {
    Integer value{};
    const std::size_t available = std::min(sizeof value, left_.size());
    if (available != 0) std::memcpy(&value, left_.data(), available);
    left_ = left_.subspan(available);
    return value;
  }

  // A number below `limit`, at most 256.
  std::uint32_t below(std::uint32_t limit) { return take<std::uint8_t>() % limit; }

  std::span<const std::byte> bytes(std::size_t count) {
    const auto taken = left_.first(std::min(count, left_.size()));
    left_ = left_.subspan(taken.size());
    return taken;
  }

 private:
  std::span<const std::byte> left_;
};

}  // namespace hft::fuzz
