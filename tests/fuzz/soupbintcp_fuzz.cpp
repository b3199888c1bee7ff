// SoupBinTCP framing and login answers under streams of every kind, cut into reads of every size.
//
// Input: the buffer's size, then reads: a length, and that many bytes. Held to:
//   - the packets are those that a plain walk over the whole stream finds, in order, however the stream is cut
//   - a length of 0, and one beyond the buffer, end it there and nowhere else
//   - there is always space to read into when no whole packet waits
//   - an answer to a login is read only when its numbers are numbers
#include <algorithm>
#include <cstring>
#include <vector>

#include "input.hpp"
#include "protocol/soupbintcp.hpp"

namespace {

using namespace hft::feedd;
using hft::fuzz::Input;
using hft::fuzz::require;

// The packet at the front of `stream`, as the specification words it.
struct Walked {
  soup::Framer::Next next;
  std::size_t bytes;
};
Walked walk(Bytes stream, std::size_t capacity) {
  if (stream.size() < 2) return {soup::Framer::Next::INCOMPLETE, 0};
  const std::size_t length = static_cast<std::size_t>(stream[0]) * 256 + static_cast<std::size_t>(stream[1]);
  if (length == 0) return {soup::Framer::Next::ZERO_LENGTH, 0};
  if (2 + length > capacity) return {soup::Framer::Next::OVERSIZE, 0};
  if (stream.size() < 2 + length) return {soup::Framer::Next::INCOMPLETE, 0};
  return {soup::Framer::Next::PACKET, 2 + length};
}

void judge_login(Bytes payload) {
  const auto accepted = soup::decode_accepted(payload);
  if (!accepted) return;
  require(payload.size() >= sizeof(soup::LoginAccepted) && accepted->sequence != 0);
  require(!accepted->session.empty() && accepted->session.size() <= 10);
  // Written again as the venue should have, it says the same.
  soup::LoginAccepted again{};
  soup::set_right(again.session.raw, accepted->session);
  soup::set_right(again.sequence.raw, accepted->sequence);
  const auto second = soup::decode_accepted({reinterpret_cast<const std::byte*>(&again), sizeof again});
  require(second && second->sequence == accepted->sequence && second->session == accepted->session);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::size_t capacity = 3 + input.below(80);
  soup::Framer framer(capacity);
  std::vector<std::byte> stream;  // everything that was read
  std::size_t at = 0;             // of the next packet in it
  while (!input.empty()) {
    auto bytes = input.bytes(1 + input.below(100));
    while (!bytes.empty()) {
      const auto space = framer.space();
      require(!space.empty());
      const auto part = bytes.first(std::min(space.size(), bytes.size()));
      std::memcpy(space.data(), part.data(), part.size());
      framer.filled(part.size());
      stream.insert(stream.end(), part.begin(), part.end());
      bytes = bytes.subspan(part.size());
      for (bool more = true; more;) {
        const Bytes rest = Bytes(stream).subspan(at);
        const Walked expected = walk(rest, capacity);
        soup::Packet packet;
        require(framer.next(packet) == expected.next);
        if (expected.next == soup::Framer::Next::ZERO_LENGTH || expected.next == soup::Framer::Next::OVERSIZE) return 0;
        more = expected.next == soup::Framer::Next::PACKET;
        if (!more) break;
        require(packet.type == static_cast<char>(rest[2]) && packet.payload.size() == expected.bytes - 3);
        require(std::equal(packet.payload.begin(), packet.payload.end(), rest.begin() + 3));
        if (packet.type == soup::LOGIN_ACCEPTED) judge_login(packet.payload);
        at += expected.bytes;
      }
      require(framer.pending_bytes() == stream.size() - at);
    }
  }
  return 0;
}
