#include "ingest/packet_receiver.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <string>

namespace hft::feedd {
namespace {

// A socket of the test's own, and the port that the system gave it.
class Peer {
 public:
  Peer() : descriptor_(::socket(AF_INET, SOCK_DGRAM, 0)) {
    sockaddr_in address = parse_endpoint("127.0.0.1:1")->socket_address();
    address.sin_port = 0;
    EXPECT_EQ(0, ::bind(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address));
    socklen_t length = sizeof address;
    ::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &length);
    endpoint_ = {address.sin_addr, address.sin_port};
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() { ::close(descriptor_); }

  void send_to(const Endpoint& target, const std::string& bytes) const {
    const sockaddr_in address = target.socket_address();
    ASSERT_EQ(static_cast<ssize_t>(bytes.size()),
              ::sendto(descriptor_, bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&address),
                       sizeof address));
  }
  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
  Endpoint endpoint_;
};

// A port that was free a moment ago.
Endpoint free_endpoint(const char* address) {
  const Peer probe;
  Endpoint endpoint = probe.endpoint();
  endpoint.address = *parse_address(address);
  return endpoint;
}

const in_addr LOOPBACK = *parse_address("127.0.0.1");

std::span<const Datagram> poll_for_one(PacketReceiver& receiver) {
  for (int attempt = 0; attempt < 1000; ++attempt) {
    if (const auto datagrams = receiver.poll(monotonic_ns()); !datagrams.empty()) return datagrams;
    pollfd ready{receiver.socket().descriptor(), POLLIN, 0};
    ::poll(&ready, 1, 10);
  }
  ADD_FAILURE() << "nothing arrived";
  return {};
}

TEST(PacketReceiverTest, a_datagram_carries_the_kernels_receive_stamp) {
  const Endpoint line = free_endpoint("127.0.0.1");
  PacketReceiver receiver(UdpSocket::listen(line, LOOPBACK, {}));
  EXPECT_TRUE(receiver.poll(monotonic_ns()).empty());
  const std::uint64_t before_ns = monotonic_ns();
  Peer().send_to(line, "hello");
  const auto datagrams = poll_for_one(receiver);
  ASSERT_EQ(1u, datagrams.size());
  EXPECT_EQ("hello", std::string(reinterpret_cast<const char*>(datagrams[0].bytes.data()), datagrams[0].bytes.size()));
  EXPECT_GE(datagrams[0].receive_ts_ns + STAMP_SLACK_NS, before_ns);
  EXPECT_LE(datagrams[0].receive_ts_ns, monotonic_ns());
  EXPECT_EQ(0u, receiver.counters().implausible_stamps);
}

TEST(PacketReceiverTest, a_batch_comes_in_the_order_it_was_sent) {
  const Endpoint line = free_endpoint("127.0.0.1");
  PacketReceiver receiver(UdpSocket::listen(line, LOOPBACK, {}));
  const Peer sender;
  for (char c = 'a'; c <= 'e'; ++c) sender.send_to(line, std::string(1, c));
  std::string received;
  while (received.size() < 5) {
    const auto datagrams = poll_for_one(receiver);
    ASSERT_FALSE(datagrams.empty());
    for (const Datagram& datagram : datagrams) received += static_cast<char>(datagram.bytes[0]);
  }
  EXPECT_EQ("abcde", received);
}

TEST(PacketReceiverTest, a_joined_group_is_heard_on_its_interface) {
  const Endpoint group = free_endpoint("239.255.77.1");
  PacketReceiver receiver(UdpSocket::listen(group, LOOPBACK, {}));
  const Peer sender;
  ASSERT_EQ(0, ::setsockopt(sender.descriptor(), IPPROTO_IP, IP_MULTICAST_IF, &LOOPBACK, sizeof LOOPBACK));
  sender.send_to(group, "to all");
  EXPECT_EQ(1u, poll_for_one(receiver).size());
}

TEST(PacketReceiverTest, what_the_kernel_dropped_is_counted) {
  const Endpoint line = free_endpoint("127.0.0.1");
  PacketReceiver receiver(UdpSocket::listen(line, LOOPBACK, {.receive_buffer_bytes = 65536}));
  constexpr std::uint64_t SENT = 1000;
  const Peer sender;
  for (std::uint64_t i = 0; i < SENT; ++i) sender.send_to(line, std::string(1000, 'x'));
  while (!receiver.poll(monotonic_ns()).empty()) {
  }
  sender.send_to(line, "one more tells the count");
  poll_for_one(receiver);
  EXPECT_LT(receiver.counters().packets, SENT);
  EXPECT_EQ(SENT + 1, receiver.counters().packets + receiver.counters().kernel_drops);
}

TEST(PacketReceiverTest, a_datagram_longer_than_the_buffer_is_dropped_and_counted) {
  const Endpoint line = free_endpoint("127.0.0.1");
  PacketReceiver receiver(UdpSocket::listen(line, LOOPBACK, {}));
  const Peer sender;
  sender.send_to(line, std::string(DATAGRAM_BYTES_MAX + 1, 'x'));
  sender.send_to(line, std::string(DATAGRAM_BYTES_MAX, 'y'));
  const auto datagrams = poll_for_one(receiver);
  ASSERT_EQ(1u, datagrams.size());
  EXPECT_EQ(DATAGRAM_BYTES_MAX, datagrams[0].bytes.size());
  EXPECT_EQ(1u, receiver.counters().truncated);
}

TEST(PacketReceiverTest, a_connected_socket_hears_its_server_only) {
  const Peer server;
  const Peer stranger;
  PacketReceiver receiver(UdpSocket::connect(server.endpoint(), {}));
  sockaddr_in own{};
  socklen_t length = sizeof own;
  ::getsockname(receiver.socket().descriptor(), reinterpret_cast<sockaddr*>(&own), &length);
  const Endpoint client{own.sin_addr, own.sin_port};
  stranger.send_to(client, "stranger");
  server.send_to(client, "server");
  const auto datagrams = poll_for_one(receiver);
  ASSERT_EQ(1u, datagrams.size());
  EXPECT_EQ(6u, datagrams[0].bytes.size());
}

TEST(UdpSocketTest, a_unicast_line_that_is_taken_is_refused_by_name) {
  const Peer owner;
  try {
    (void)UdpSocket::listen(owner.endpoint(), LOOPBACK, {});
    FAIL();
  } catch (const SocketError& error) {
    EXPECT_EQ(owner.endpoint().text() + ": bind: Address already in use", error.what());
  }
}

TEST(UdpSocketTest, an_interface_that_is_not_ours_is_refused_by_name) {
  const in_addr elsewhere = *parse_address("192.0.2.1");
  EXPECT_THROW((void)UdpSocket::listen(free_endpoint("239.255.77.2"), elsewhere, {}), SocketError);
}

}  // namespace
}  // namespace hft::feedd
