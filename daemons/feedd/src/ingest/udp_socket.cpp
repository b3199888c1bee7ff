#include "ingest/udp_socket.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace hft::feedd {

UdpSocket::UdpSocket(const Endpoint& endpoint, const SocketOptions& options)
    : endpoint_(endpoint), descriptor_(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
  check(descriptor_, "socket");
  set(SOL_SOCKET, SO_TIMESTAMPNS, 1, "SO_TIMESTAMPNS");
  set(SOL_SOCKET, SO_RXQ_OVFL, 1, "SO_RXQ_OVFL");
  // Beyond net.core.rmem_max with CAP_NET_ADMIN, up to it without.
  const int wanted = options.receive_buffer_bytes;
  if (::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) != 0) {
    set(SOL_SOCKET, SO_RCVBUF, wanted, "SO_RCVBUF");
  }
  socklen_t length = sizeof receive_buffer_bytes_;
  check(::getsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes_, &length), "getsockopt SO_RCVBUF");
  const int busy_poll_us = options.busy_poll_us;
  busy_poll_refused_ =
      busy_poll_us > 0 && ::setsockopt(descriptor_, SOL_SOCKET, SO_BUSY_POLL, &busy_poll_us, sizeof busy_poll_us) != 0;
}

UdpSocket::UdpSocket(UdpSocket&& other) noexcept
    : endpoint_(other.endpoint_),
      descriptor_(std::exchange(other.descriptor_, -1)),
      receive_buffer_bytes_(other.receive_buffer_bytes_),
      busy_poll_refused_(other.busy_poll_refused_) {}

UdpSocket::~UdpSocket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

UdpSocket UdpSocket::listen(const Endpoint& line, in_addr interface, const SocketOptions& options) {
  UdpSocket made(line, options);
  // Recorders and taps may listen to the same group; two owners of a unicast port would split its packets.
  if (line.is_multicast()) made.set(SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
  const sockaddr_in address = line.socket_address();
  made.check(::bind(made.descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
  if (line.is_multicast()) made.join(interface);
  return made;
}

UdpSocket UdpSocket::connect(const Endpoint& server, const SocketOptions& options) {
  UdpSocket made(server, options);
  const sockaddr_in address = server.socket_address();
  made.check(::connect(made.descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address), "connect");
  return made;
}

void UdpSocket::join(in_addr interface) const {
  set(IPPROTO_IP, IP_MULTICAST_ALL, 0, "IP_MULTICAST_ALL");  // only the group joined here, not its neighbours'
  ip_mreq request{};
  request.imr_multiaddr = endpoint_.address;
  request.imr_interface = interface;
  check(::setsockopt(descriptor_, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request),
        ("join on interface " + Endpoint{interface, 0}.text()).c_str());
}

void UdpSocket::set(int level, int option, int value, const char* name) const {
  check(::setsockopt(descriptor_, level, option, &value, sizeof value), name);
}

void UdpSocket::check(int result, const char* call) const {
  if (result < 0) throw SocketError(endpoint_.text() + ": " + call + ": " + std::strerror(errno));
}

}  // namespace hft::feedd
