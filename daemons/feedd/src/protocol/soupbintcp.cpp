#include "protocol/soupbintcp.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace hft::feedd::soup {

std::string_view trimmed(std::string_view field) noexcept {
  while (!field.empty() && field.front() == ' ') field.remove_prefix(1);
  while (!field.empty() && field.back() == ' ') field.remove_suffix(1);
  return field;
}

std::optional<std::uint64_t> number_in(std::string_view field) noexcept {
  const std::string_view text = trimmed(field);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

void set_right(std::span<char> field, std::string_view text) noexcept {
  if (text.size() > field.size()) text.remove_prefix(text.size() - field.size());
  const std::size_t padding = field.size() - text.size();
  std::fill_n(field.begin(), padding, ' ');
  std::copy(text.begin(), text.end(), field.begin() + static_cast<std::ptrdiff_t>(padding));
}

void set_right(std::span<char> field, std::uint64_t number) noexcept {
  std::array<char, 20> digits;
  const char* end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  set_right(field, std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
}

void set_left(std::span<char> field, std::string_view text) noexcept {
  text = text.substr(0, field.size());
  std::fill(std::copy(text.begin(), text.end(), field.begin()), field.end(), ' ');
}

LoginRequest login_request(const Credentials& who) noexcept {
  LoginRequest login{};
  login.header = header_of(LOGIN_REQUEST, sizeof login - sizeof login.header);
  set_left(login.username.raw, who.username);
  set_left(login.password.raw, who.password);
  ask_for(login, "", 1);
  return login;
}

LoginRequest41 login_request_41(const Credentials& who, std::uint32_t heartbeat_timeout_ms) noexcept {
  LoginRequest41 login{};
  login.request = login_request(who);
  login.request.header = header_of(LOGIN_REQUEST, sizeof login - sizeof login.request.header);
  set_right(login.heartbeat_timeout_ms.raw, std::min<std::uint64_t>(heartbeat_timeout_ms, 99'999));
  return login;
}

void ask_for(LoginRequest& login, std::string_view session, std::uint64_t sequence) noexcept {
  set_right(login.session.raw, session);
  set_right(login.sequence.raw, sequence);
}

std::optional<Accepted> decode_accepted(Bytes payload) noexcept {
  if (payload.size() < sizeof(LoginAccepted)) return std::nullopt;
  const auto& wire = view_as<LoginAccepted>(payload);
  const std::string_view session = trimmed({wire.session.raw.data(), wire.session.raw.size()});
  const auto sequence = number_in({wire.sequence.raw.data(), wire.sequence.raw.size()});
  if (session.empty() || !sequence || *sequence == 0) return std::nullopt;
  return Accepted{session, *sequence};
}

std::span<std::byte> Framer::space() noexcept {
  if (begin_ == end_) reset();
  if (begin_ != 0 && buffer_.size() - end_ < buffer_.size() / 2) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  return std::span(buffer_).subspan(end_);
}

Framer::Next Framer::next(Packet& out) noexcept {
  const Bytes waiting = Bytes(buffer_).subspan(begin_, end_ - begin_);
  if (waiting.size() < sizeof(U16be)) return Next::INCOMPLETE;
  const std::size_t length = view_as<U16be>(waiting).value();
  if (length == 0) return Next::ZERO_LENGTH;
  const std::size_t packet_bytes = sizeof(U16be) + length;
  if (packet_bytes > buffer_.size()) return Next::OVERSIZE;
  if (waiting.size() < packet_bytes) return Next::INCOMPLETE;
  out.type = static_cast<char>(waiting[sizeof(U16be)]);
  out.payload = waiting.subspan(sizeof(PacketHeader), length - 1);
  begin_ += packet_bytes;
  return Next::PACKET;
}

}  // namespace hft::feedd::soup
