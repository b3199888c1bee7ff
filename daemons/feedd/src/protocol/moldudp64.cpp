#include "protocol/moldudp64.hpp"

#include <limits>

namespace hft::feedd {
namespace {

constexpr std::size_t BLOCKS_MAX = (MOLD_PAYLOAD_BYTES_MAX - sizeof(MoldHeader)) / sizeof(U16be);

}  // namespace

std::string_view name_of(MalformedPacket reason) noexcept {
  static constexpr std::array<std::string_view, MALFORMED_PACKET_REASONS> NAMES = {
      "none",      "short_header",  "oversize", "sequence_zero", "sequence_overflow", "block_length_cut",
      "block_cut", "trailing_bytes"};
  return NAMES[static_cast<std::size_t>(reason)];
}

MoldPacket::MoldPacket() : offsets_(BLOCKS_MAX) {}

MalformedPacket MoldPacket::parse(Bytes payload) noexcept {
  if (payload.size() < sizeof(MoldHeader)) return MalformedPacket::SHORT_HEADER;
  if (payload.size() > MOLD_PAYLOAD_BYTES_MAX) return MalformedPacket::OVERSIZE;
  const auto& header = view_as<MoldHeader>(payload);
  const std::uint64_t sequence = header.sequence.value();
  const std::uint16_t count = header.count.value();
  const bool end_of_session = count == MOLD_END_OF_SESSION;
  const std::uint32_t messages = end_of_session ? 0 : count;
  if (sequence == 0) return MalformedPacket::SEQUENCE_ZERO;
  if (sequence > std::numeric_limits<std::uint64_t>::max() - messages) return MalformedPacket::SEQUENCE_OVERFLOW;

  std::size_t offset = sizeof(MoldHeader);
  for (std::uint32_t index = 0; index < messages; ++index) {
    if (payload.size() - offset < sizeof(U16be)) return MalformedPacket::BLOCK_LENGTH_CUT;
    const std::size_t length = view_as<U16be>(payload.subspan(offset)).value();
    if (payload.size() - offset - sizeof(U16be) < length) return MalformedPacket::BLOCK_CUT;
    offsets_[index] = static_cast<std::uint16_t>(offset);
    offset += sizeof(U16be) + length;
  }
  if (offset != payload.size()) return MalformedPacket::TRAILING_BYTES;

  payload_ = payload;
  sequence_ = sequence;
  messages_ = messages;
  end_of_session_ = end_of_session;
  return MalformedPacket::NONE;
}

MoldHeader encode(const RetransmissionRequest& request) noexcept {
  MoldHeader packet{};
  packet.session.raw = request.session;
  packet.sequence.set(request.first_sequence);
  packet.count.set(request.count);
  return packet;
}

}  // namespace hft::feedd
