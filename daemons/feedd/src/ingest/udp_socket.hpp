// A UDP socket as the feed needs it: bound or connected, non-blocking, with kernel receive stamps and drop counts.
#pragma once
#include <stdexcept>
#include <string>

#include "ingest/endpoint.hpp"

namespace hft::feedd {

// The system refused at set-up; the message names the endpoint and the call.
class SocketError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct SocketOptions {
  int receive_buffer_bytes = 16 << 20;
  int busy_poll_us = 0;  // 0 = not asked for
};

class UdpSocket {
 public:
  // A feed line. A multicast group is joined on the interface with address `interface`. Throws SocketError.
  static UdpSocket listen(const Endpoint& line, in_addr interface, const SocketOptions& options);
  // A conversation with one server: datagrams of others do not arrive. Throws SocketError.
  static UdpSocket connect(const Endpoint& server, const SocketOptions& options);

  UdpSocket(UdpSocket&& other) noexcept;
  UdpSocket& operator=(UdpSocket&&) = delete;
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;
  ~UdpSocket();

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  // What the kernel granted: it doubles the request for its own book-keeping and caps it at rmem_max.
  [[nodiscard]] int receive_buffer_bytes() const noexcept { return receive_buffer_bytes_; }
  // Asked for and refused: it needs CAP_NET_ADMIN beyond net.core.busy_poll.
  [[nodiscard]] bool busy_poll_refused() const noexcept { return busy_poll_refused_; }

 private:
  UdpSocket(const Endpoint& endpoint, const SocketOptions& options);
  void check(int result, const char* call) const;
  void set(int level, int option, int value, const char* name) const;
  void join(in_addr interface) const;

  Endpoint endpoint_;
  int descriptor_ = -1;
  int receive_buffer_bytes_ = 0;
  bool busy_poll_refused_ = false;
};

}  // namespace hft::feedd
