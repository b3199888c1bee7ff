// Big-endian fields that sit in wire structs at any alignment: a struct of them is the layout itself.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace hft::feedd {

using Bytes = std::span<const std::byte>;

template <class Value, std::size_t SIZE_BYTES = sizeof(Value)>
struct BigEndian {
  std::array<std::byte, SIZE_BYTES> raw;

  // A power-of-two width is one load and one byte swap.
  [[nodiscard]] Value value() const noexcept {
    if constexpr (SIZE_BYTES == 2) {
      std::uint16_t loaded;
      std::memcpy(&loaded, raw.data(), sizeof loaded);
      return __builtin_bswap16(loaded);
    } else if constexpr (SIZE_BYTES == 4) {
      std::uint32_t loaded;
      std::memcpy(&loaded, raw.data(), sizeof loaded);
      return __builtin_bswap32(loaded);
    } else if constexpr (SIZE_BYTES == 8) {
      std::uint64_t loaded;
      std::memcpy(&loaded, raw.data(), sizeof loaded);
      return __builtin_bswap64(loaded);
    } else {
      static_assert(SIZE_BYTES == 6);
      std::uint16_t high;
      std::uint32_t low;
      std::memcpy(&high, raw.data(), sizeof high);
      std::memcpy(&low, raw.data() + sizeof high, sizeof low);
      return (static_cast<Value>(__builtin_bswap16(high)) << 32) | __builtin_bswap32(low);
    }
  }

  void set(Value value) noexcept {
    for (std::size_t i = 0; i < SIZE_BYTES; ++i) {
      raw[SIZE_BYTES - 1 - i] = static_cast<std::byte>(value >> (8 * i));
    }
  }
};

using U16be = BigEndian<std::uint16_t>;
using U32be = BigEndian<std::uint32_t>;
using U48be = BigEndian<std::uint64_t, 6>;
using U64be = BigEndian<std::uint64_t>;

template <std::size_t SIZE_BYTES>
struct Ascii {
  std::array<char, SIZE_BYTES> raw;

  // Without the padding on the right.
  [[nodiscard]] std::string_view text() const noexcept {
    std::size_t length = SIZE_BYTES;
    while (length != 0 && raw[length - 1] == ' ') --length;
    return {raw.data(), length};
  }
};

// A wire struct has alignment 1 and holds for any bytes; the caller has checked the length.
template <class Message>
[[nodiscard]] inline const Message& view_as(Bytes bytes) noexcept {
  static_assert(alignof(Message) == 1 && std::is_trivially_copyable_v<Message>);
  return *reinterpret_cast<const Message*>(bytes.data());
}

}  // namespace hft::feedd
