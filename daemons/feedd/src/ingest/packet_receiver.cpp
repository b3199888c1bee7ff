#include "ingest/packet_receiver.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

namespace hft::feedd {

PacketReceiver::PacketReceiver(UdpSocket socket)
    : socket_(std::move(socket)),
      buffers_(RECEIVE_BATCH * DATAGRAM_BYTES_MAX),
      controls_(RECEIVE_BATCH),
      vectors_(RECEIVE_BATCH),
      messages_(RECEIVE_BATCH),
      datagrams_(RECEIVE_BATCH),
      empty_ts_ns_(monotonic_ns()) {
  for (std::size_t i = 0; i < RECEIVE_BATCH; ++i) {
    vectors_[i] = {buffers_.data() + i * DATAGRAM_BYTES_MAX, DATAGRAM_BYTES_MAX};
    msghdr& header = messages_[i].msg_hdr;
    header.msg_iov = &vectors_[i];
    header.msg_iovlen = 1;
    header.msg_control = &controls_[i];
    header.msg_controllen = CONTROL_BYTES;
  }
}

std::span<const Datagram> PacketReceiver::poll(std::uint64_t now_ns) noexcept {
  const int received = ::recvmmsg(socket_.descriptor(), messages_.data(), RECEIVE_BATCH, MSG_DONTWAIT, nullptr);
  if (received <= 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      empty_ts_ns_ = now_ns;
    } else if (errno != EINTR) {
      ++counters_.errors;
    }
    return {};
  }
  const ClockOffset offset = ClockOffset::measure();
  std::size_t kept = 0;
  for (unsigned i = 0; i < static_cast<unsigned>(received); ++i) kept += take(i, offset, datagrams_[kept]);
  // Fewer than asked for: the queue was empty when the call ended, so what comes next came after `now_ns`.
  if (static_cast<unsigned>(received) < RECEIVE_BATCH) empty_ts_ns_ = now_ns;
  return {datagrams_.data(), kept};
}

bool PacketReceiver::take(unsigned index, const ClockOffset& offset, Datagram& out) noexcept {
  mmsghdr& message = messages_[index];
  const std::uint64_t realtime_ns = read_control(message.msg_hdr);
  const ReceiveStamp stamp = to_monotonic(realtime_ns, offset, empty_ts_ns_);
  const bool truncated = (message.msg_hdr.msg_flags & MSG_TRUNC) != 0;
  message.msg_hdr.msg_controllen = CONTROL_BYTES;  // the kernel shortens it
  ++counters_.packets;
  counters_.bytes += message.msg_len;
  counters_.truncated += truncated;
  counters_.implausible_stamps += !stamp.plausible;
  out = {{buffers_.data() + index * DATAGRAM_BYTES_MAX, message.msg_len}, stamp.receive_ts_ns};
  return !truncated;
}

// The kernel's stamp (0 = none), and its count of what the full queue dropped so far.
std::uint64_t PacketReceiver::read_control(msghdr& header) noexcept {
  std::uint64_t realtime_ns = 0;
  for (cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr; item = CMSG_NXTHDR(&header, item)) {
    if (item->cmsg_level != SOL_SOCKET) continue;
    if (item->cmsg_type == SCM_TIMESTAMPNS) {
      timespec stamp;
      std::memcpy(&stamp, CMSG_DATA(item), sizeof stamp);
      realtime_ns =
          static_cast<std::uint64_t>(stamp.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(stamp.tv_nsec);
    } else if (item->cmsg_type == SO_RXQ_OVFL) {
      std::uint32_t drops;
      std::memcpy(&drops, CMSG_DATA(item), sizeof drops);
      counters_.kernel_drops += drops - drops_seen_;  // modulo 2^32, as the kernel counts
      drops_seen_ = drops;
    }
  }
  return realtime_ns;
}

}  // namespace hft::feedd
