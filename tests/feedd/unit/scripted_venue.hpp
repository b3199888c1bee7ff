// A venue that does what a test says: a real socket on loopback, no thread, no protocol of its own.
#pragma once
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <vector>

#include "feed_bytes.hpp"
#include "ingest/endpoint.hpp"
#include "protocol/soupbintcp.hpp"

namespace hft::feedd::test {

inline Buffer soup_packet(char type, Bytes payload = {}) {
  const soup::PacketHeader header = soup::header_of(type, payload.size());
  Buffer bytes(sizeof header + payload.size());
  std::memcpy(bytes.data(), &header, sizeof header);
  if (!payload.empty()) std::memcpy(bytes.data() + sizeof header, payload.data(), payload.size());
  return bytes;
}

inline Buffer text_bytes(std::string_view text) {
  Buffer bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

inline Buffer joined(std::initializer_list<Buffer> parts) {
  Buffer all;
  for (const Buffer& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

inline Buffer login_accepted(std::string_view session, std::uint64_t sequence) {
  soup::LoginAccepted wire{};
  soup::set_right(wire.session.raw, session);
  soup::set_right(wire.sequence.raw, sequence);
  return soup_packet(soup::LOGIN_ACCEPTED, bytes_of(wire));
}

struct SentPacket {
  char type;
  Buffer payload;

  [[nodiscard]] std::string text() const { return {reinterpret_cast<const char*>(payload.data()), payload.size()}; }
  [[nodiscard]] char message_type() const { return payload.empty() ? '\0' : static_cast<char>(payload[0]); }
};

class ScriptedVenue {
 public:
  ScriptedVenue() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), length), 0);
    EXPECT_EQ(::listen(listener_, 4), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length), 0);
    endpoint_ = {address.sin_addr, address.sin_port};
  }
  ScriptedVenue(const ScriptedVenue&) = delete;
  ScriptedVenue& operator=(const ScriptedVenue&) = delete;
  ~ScriptedVenue() {
    hang_up();
    stop_listening();
  }

  [[nodiscard]] Endpoint endpoint() const { return endpoint_; }

  void stop_listening() {
    if (listener_ >= 0) ::close(listener_);
    listener_ = -1;
  }
  // What later connections may send before they are read, about; set before they are made.
  void shrink_receive_buffer(int bytes) {
    EXPECT_EQ(::setsockopt(listener_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes), 0);
  }

  // A connection that waits becomes the one that is spoken on.
  bool accept() {
    const int made = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (made < 0) return false;
    const int on = 1;  // what is sent arrives at once, not with the next acknowledgement
    EXPECT_EQ(::setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    hang_up();
    connection_ = made;
    received_.clear();
    client_ended_ = false;
    return true;
  }
  [[nodiscard]] bool connected() const { return connection_ >= 0; }

  void send(const Buffer& bytes) {
    ASSERT_EQ(::send(connection_, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }

  // What the client has sent by now.
  void read() {
    std::byte chunk[4096];
    ssize_t got = 0;
    while ((got = ::recv(connection_, chunk, sizeof chunk, 0)) > 0) {
      received_.insert(received_.end(), chunk, chunk + got);
    }
    client_ended_ = client_ended_ || got == 0;
  }
  // The packets among it, each once.
  std::vector<SentPacket> packets() {
    read();
    std::vector<SentPacket> packets;
    std::size_t at = 0;
    while (received_.size() - at >= 3) {
      const std::size_t length =
          static_cast<std::size_t>(received_[at]) << 8 | static_cast<std::size_t>(received_[at + 1]);
      if (received_.size() - at < 2 + length) break;
      const auto payload = received_.begin() + static_cast<std::ptrdiff_t>(at);
      packets.push_back({static_cast<char>(received_[at + 2]),
                         Buffer(payload + 3, payload + static_cast<std::ptrdiff_t>(2 + length))});
      at += 2 + length;
    }
    received_.erase(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(at));
    return packets;
  }
  // The client has said that nothing more will come.
  bool client_ended() {
    if (connected()) read();
    return client_ended_;
  }

  void hang_up() {
    if (connection_ >= 0) ::close(connection_);
    connection_ = -1;
  }
  // The client reads an error instead of an end.
  void reset() {
    const linger at_once{1, 0};
    EXPECT_EQ(::setsockopt(connection_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    hang_up();
  }

 private:
  int listener_;
  int connection_ = -1;
  Endpoint endpoint_;
  Buffer received_;
  bool client_ended_ = false;
};

}  // namespace hft::feedd::test
