// SoupBinTCP 3.0, 4.0 and 4.1, the client's side: packets, the two forms of the login, and the framing of a stream.
//
//   | length 2 | type 1 | payload length-1 |      length counts type and payload: 1 … 65535, 0 is malformed
//
// Username and password stand left in their fields, session and numbers stand right; the rest is spaces.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "protocol/wire.hpp"

namespace hft::feedd::soup {

// What the server sends …
inline constexpr char DEBUG = '+';  // both sides, any time, also before the answer to a login
inline constexpr char LOGIN_ACCEPTED = 'A';
inline constexpr char LOGIN_REJECTED = 'J';
inline constexpr char SEQUENCED = 'S';  // one message; its number is one more than the last one's
inline constexpr char SERVER_HEARTBEAT = 'H';
inline constexpr char END_OF_SESSION = 'Z';
// … and what the client sends.
inline constexpr char LOGIN_REQUEST = 'L';
inline constexpr char UNSEQUENCED = 'U';  // since 4.0 from the server, too; never counted
inline constexpr char CLIENT_HEARTBEAT = 'R';
inline constexpr char LOGOUT_REQUEST = 'O';

inline constexpr char NOT_AUTHORISED = 'A';
inline constexpr char SESSION_NOT_AVAILABLE = 'S';

struct PacketHeader {
  U16be length;
  char type;
};
static_assert(sizeof(PacketHeader) == 3 && offsetof(PacketHeader, type) == 2);
inline constexpr std::size_t PACKET_BYTES_MAX = sizeof(U16be) + 65535;

struct LoginRequest {
  PacketHeader header;
  Ascii<6> username;
  Ascii<10> password;
  Ascii<10> session;   // blank = the current one
  Ascii<20> sequence;  // the first one wanted; 0 = only what is new
};
static_assert(sizeof(LoginRequest) == 49 && offsetof(LoginRequest, session) == 19);
static_assert(offsetof(LoginRequest, sequence) == 29);

struct LoginRequest41 {
  LoginRequest request;
  Ascii<5> heartbeat_timeout_ms;  // after which the server takes us for gone
};
static_assert(sizeof(LoginRequest41) == 54 && offsetof(LoginRequest41, heartbeat_timeout_ms) == 49);

struct LoginAccepted {
  Ascii<10> session;
  Ascii<20> sequence;
};
static_assert(sizeof(LoginAccepted) == 30 && offsetof(LoginAccepted, sequence) == 10);

// Without the padding, on whichever side it is.
[[nodiscard]] std::string_view trimmed(std::string_view field) noexcept;
// A padded number; nothing for other text and what does not fit 64 bits.
[[nodiscard]] std::optional<std::uint64_t> number_in(std::string_view field) noexcept;
// Right-justified. What does not fit loses its front: the caller has checked the length.
void set_right(std::span<char> field, std::string_view text) noexcept;
void set_right(std::span<char> field, std::uint64_t number) noexcept;
void set_left(std::span<char> field, std::string_view text) noexcept;

// A header for a payload of that many bytes.
[[nodiscard]] inline PacketHeader header_of(char type, std::size_t payload_bytes) noexcept {
  PacketHeader header{};
  header.length.set(static_cast<std::uint16_t>(payload_bytes + 1));
  header.type = type;
  return header;
}

struct Credentials {
  std::string_view username;  // at most 6
  std::string_view password;  // at most 10
};

// A login for 3.0 and 4.0, and for 4.1. Session and sequence are set per login.
[[nodiscard]] LoginRequest login_request(const Credentials& who) noexcept;
[[nodiscard]] LoginRequest41 login_request_41(const Credentials& who, std::uint32_t heartbeat_timeout_ms) noexcept;
void ask_for(LoginRequest& login, std::string_view session, std::uint64_t sequence) noexcept;

struct Accepted {
  std::string_view session;    // trimmed, a view into the packet
  std::uint64_t sequence = 0;  // of the next sequenced packet, from 1 on
};
// Nothing when it is malformed.
[[nodiscard]] std::optional<Accepted> decode_accepted(Bytes payload) noexcept;

struct Packet {
  char type = 0;
  Bytes payload;
};

// A stream cut into packets, in one buffer that is made once.
class Framer {
 public:
  enum class Next : std::uint8_t {
    PACKET,
    INCOMPLETE,   // read on
    ZERO_LENGTH,  // malformed, and for good: the stream can not be followed any more
    OVERSIZE,     // longer than the buffer: likewise
  };

  explicit Framer(std::size_t capacity_bytes) : buffer_(capacity_bytes) {}

  // Where the next bytes go; views of earlier packets end here. Empty only while whole packets wait.
  [[nodiscard]] std::span<std::byte> space() noexcept;
  void filled(std::size_t bytes) noexcept { end_ += bytes; }

  // On PACKET `out` is a view that holds until space().
  [[nodiscard]] Next next(Packet& out) noexcept;
  // Bytes at hand that are no packet yet.
  [[nodiscard]] std::size_t pending_bytes() const noexcept { return end_ - begin_; }
  void reset() noexcept { begin_ = end_ = 0; }

 private:
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace hft::feedd::soup
