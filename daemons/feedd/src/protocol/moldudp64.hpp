// MoldUDP64 1.00, "Downstream Packet" and "Request Packet": the framing, every length checked before use.
//
//   | session 10 | sequence 8 | count 2 | { length 2 | message … } × count |
//
//   count 0       heartbeat, sequence = the next one to be sent
//   count 0xFFFF  end of session, sequence likewise
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/wire.hpp"

namespace hft::feedd {

inline constexpr std::uint16_t MOLD_END_OF_SESSION = 0xFFFF;
inline constexpr std::size_t MOLD_PAYLOAD_BYTES_MAX = 65535;

struct MoldHeader {
  Ascii<10> session;
  U64be sequence;
  U16be count;
};
static_assert(sizeof(MoldHeader) == 20 && alignof(MoldHeader) == 1);
static_assert(offsetof(MoldHeader, sequence) == 10 && offsetof(MoldHeader, count) == 18);

using MoldSession = std::array<char, 10>;

// Why a packet was thrown away whole.
enum class MalformedPacket : std::uint8_t {
  NONE,
  SHORT_HEADER,       // fewer bytes than a header
  OVERSIZE,           // more bytes than a datagram can hold
  SEQUENCE_ZERO,      // sequences start at 1
  SEQUENCE_OVERFLOW,  // sequence + count does not fit 64 bits
  BLOCK_LENGTH_CUT,   // the packet ends inside a block's length
  BLOCK_CUT,          // a block is longer than what is left
  TRAILING_BYTES,     // bytes after the last block that the count announces
};
inline constexpr std::size_t MALFORMED_PACKET_REASONS = 8;
[[nodiscard]] std::string_view name_of(MalformedPacket reason) noexcept;

// One datagram, split into blocks. Holds the block offsets, so it is built once and reused.
class MoldPacket {
 public:
  MoldPacket();

  // On NONE the accessors below hold until the next parse, and as long as `payload` lives.
  [[nodiscard]] MalformedPacket parse(Bytes payload) noexcept;

  [[nodiscard]] const MoldSession& session() const noexcept { return view_as<MoldHeader>(payload_).session.raw; }
  [[nodiscard]] std::uint64_t sequence() const noexcept { return sequence_; }
  // Messages in the packet: 0 for heartbeat and end of session.
  [[nodiscard]] std::uint32_t messages() const noexcept { return messages_; }
  [[nodiscard]] bool end_of_session() const noexcept { return end_of_session_; }
  [[nodiscard]] Bytes message(std::uint32_t index) const noexcept {
    const std::size_t offset = offsets_[index];
    return payload_.subspan(offset + sizeof(U16be), view_as<U16be>(payload_.subspan(offset)).value());
  }

 private:
  Bytes payload_;
  std::uint64_t sequence_ = 0;
  std::uint32_t messages_ = 0;
  bool end_of_session_ = false;
  std::vector<std::uint16_t> offsets_;  // of each block's length field
};

// "Please send `count` messages from `first_sequence`": a value, the caller owns the socket.
struct RetransmissionRequest {
  MoldSession session{};
  std::uint64_t first_sequence = 0;
  std::uint16_t count = 0;  // 0 = nothing to ask

  [[nodiscard]] explicit operator bool() const noexcept { return count != 0; }
};

// A request packet has the layout of a header.
[[nodiscard]] MoldHeader encode(const RetransmissionRequest& request) noexcept;

}  // namespace hft::feedd
