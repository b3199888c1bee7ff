#include "gateway/venue/tcp_stream.hpp"

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace hft::feedd {
namespace {

bool would_block() noexcept { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

bool TcpStream::connect(const Endpoint& venue) noexcept {
  close();
  descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor_ < 0) return false;
  const int on = 1;
  const sockaddr_in address = venue.socket_address();
  if (::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
      (::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
       errno == EINPROGRESS)) {
    return true;
  }
  close();
  return false;
}

TcpStream::Connection TcpStream::connection() noexcept {
  pollfd waiting{descriptor_, POLLOUT, 0};
  const int ready = ::poll(&waiting, 1, 0);
  if (ready == 0 || (ready < 0 && errno == EINTR)) return Connection::PENDING;
  int problem = 0;
  socklen_t length = sizeof problem;
  const bool asked = ready > 0 && ::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &problem, &length) == 0;
  return asked && problem == 0 ? Connection::OPEN : Connection::FAILED;
}

TcpStream::Read TcpStream::read(std::span<std::byte> space, std::size_t& bytes) noexcept {
  const ssize_t got = ::recv(descriptor_, space.data(), space.size(), MSG_DONTWAIT);
  if (got > 0) {
    bytes = static_cast<std::size_t>(got);
    return Read::DATA;
  }
  if (got == 0) return Read::CLOSED;
  return would_block() ? Read::NOTHING : Read::FAILED;
}

TcpStream::Write TcpStream::write(Bytes message) noexcept {
  const ssize_t taken = ::send(descriptor_, message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (taken == static_cast<ssize_t>(message.size())) return Write::WHOLE;
  if (taken < 0) return would_block() ? Write::WOULD_BLOCK : Write::BROKEN;
  ++partial_writes_;
  return push(message.subspan(static_cast<std::size_t>(taken))) ? Write::WHOLE : Write::BROKEN;
}

bool TcpStream::push(Bytes rest) noexcept {
  const std::uint64_t deadline_ns = clock_() + PARTIAL_WRITE_NS_MAX;
  while (!rest.empty()) {
    const ssize_t taken = ::send(descriptor_, rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (taken > 0) {
      rest = rest.subspan(static_cast<std::size_t>(taken));
    } else if ((taken < 0 && !would_block()) || clock_() >= deadline_ns) {
      return false;
    }
  }
  return true;
}

void TcpStream::end_writing() noexcept { ::shutdown(descriptor_, SHUT_WR); }

void TcpStream::close() noexcept {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

}  // namespace hft::feedd
