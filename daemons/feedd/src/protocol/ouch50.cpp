#include "protocol/ouch50.hpp"

#include <cstring>

namespace hft::feedd::ouch50 {
namespace {

bool has_appendage(char type) noexcept { return type == 'A' || type == 'U' || type == 'E' || type == 'R'; }

}  // namespace

Appendage::Appendage(Bytes message, std::size_t fixed_bytes) noexcept {
  const std::size_t length = view_as<U16be>(message.subspan(fixed_bytes - sizeof(U16be))).value();
  const Bytes tail = message.subspan(fixed_bytes);
  malformed_ = length > tail.size();
  left_ = tail.first(malformed_ ? tail.size() : length);
}

bool Appendage::next(Element& out) noexcept {
  if (left_.empty()) return false;
  const auto length = static_cast<std::size_t>(left_[0]);
  if (length == 0 || length >= left_.size()) {
    malformed_ = true;
    left_ = {};
    return false;
  }
  out = {static_cast<std::uint8_t>(left_[1]), left_.subspan(2, length - 1)};
  left_ = left_.subspan(1 + length);
  return true;
}

bool appendage_is_whole(Bytes message) noexcept {
  const char type = static_cast<char>(message[0]);
  if (!has_appendage(type)) return true;
  Appendage appendage(message, MESSAGE_BYTES[static_cast<std::uint8_t>(type)]);
  Appendage::Element element;
  while (appendage.next(element)) {
  }
  return !appendage.malformed();
}

void AppendageWriter::add(std::uint8_t tag, std::string_view value) noexcept {
  const std::size_t length = 1 + value.size();
  if (length > 255 || space_.size() - used_ < 1 + length) return;
  space_[used_] = static_cast<std::byte>(length);
  space_[used_ + 1] = static_cast<std::byte>(tag);
  std::memcpy(space_.data() + used_ + 2, value.data(), value.size());
  used_ += 1 + length;
}

}  // namespace hft::feedd::ouch50
