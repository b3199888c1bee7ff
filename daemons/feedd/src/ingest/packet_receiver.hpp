// Takes datagrams off one socket in batches, into buffers that exist from the start.
//
// One recvmmsg a poll: the only system call here. The bytes handed out live until the next poll.
#pragma once
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ingest/receive_clock.hpp"
#include "ingest/udp_socket.hpp"

namespace hft::feedd {

inline constexpr unsigned RECEIVE_BATCH = 64;            // datagrams a poll
inline constexpr std::size_t DATAGRAM_BYTES_MAX = 9216;  // jumbo frames; longer ones are dropped and counted

struct ReceiverCounters {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::uint64_t kernel_drops = 0;        // the socket's queue was full (SO_RXQ_OVFL)
  std::uint64_t truncated = 0;           // longer than DATAGRAM_BYTES_MAX
  std::uint64_t implausible_stamps = 0;  // the kernel's stamp could not be true: now was taken
  std::uint64_t errors = 0;              // recvmmsg failed otherwise than by being empty
};

struct Datagram {
  std::span<const std::byte> bytes;
  std::uint64_t receive_ts_ns = 0;  // CLOCK_MONOTONIC
};

class PacketReceiver {
 public:
  explicit PacketReceiver(UdpSocket socket);
  PacketReceiver(PacketReceiver&&) = default;  // the tables point into heap memory that moves along
  PacketReceiver(const PacketReceiver&) = delete;
  PacketReceiver& operator=(const PacketReceiver&) = delete;

  // Up to RECEIVE_BATCH datagrams; empty = none there. `now_ns` is the caller's CLOCK_MONOTONIC of this round.
  [[nodiscard]] std::span<const Datagram> poll(std::uint64_t now_ns) noexcept;

  [[nodiscard]] const ReceiverCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] const UdpSocket& socket() const noexcept { return socket_; }

 private:
  static constexpr std::size_t CONTROL_BYTES = CMSG_SPACE(sizeof(timespec)) + CMSG_SPACE(sizeof(std::uint32_t));
  struct alignas(cmsghdr) Control {
    std::array<std::byte, CONTROL_BYTES> bytes;
  };

  std::uint64_t read_control(msghdr& header) noexcept;
  bool take(unsigned index, const ClockOffset& offset, Datagram& out) noexcept;

  UdpSocket socket_;
  std::vector<std::byte> buffers_;
  std::vector<Control> controls_;
  std::vector<iovec> vectors_;
  std::vector<mmsghdr> messages_;
  std::vector<Datagram> datagrams_;
  std::uint64_t empty_ts_ns_;     // when the socket was last found empty
  std::uint32_t drops_seen_ = 0;  // the kernel's own 32-bit count
  ReceiverCounters counters_;
};

}  // namespace hft::feedd
