#include "gateway/venue/tcp_stream.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>
#include <vector>

#include "scripted_venue.hpp"

namespace hft::feedd {
namespace {

using test::Buffer;

// Both ends of a connection whose kernel buffers are as small as they get.
struct Pair {
  Pair() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    const int small = 1;
    EXPECT_EQ(::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    ours = ends[0];
    theirs = ends[1];
  }
  ~Pair() { ::close(theirs); }
  int ours = -1;
  int theirs = -1;
};

TEST(TcpStream, AMessageThatDoesNotFitAtOnceIsFinishedWhileSomebodyReads) {
  Pair pair;
  TcpStream stream(pair.ours, []() noexcept -> std::uint64_t { return 0; });  // time stands still
  const Buffer big(1 << 20, std::byte{7});
  std::size_t arrived = 0;
  std::thread reader([&] {
    std::vector<std::byte> chunk(1 << 16);
    while (arrived < big.size()) {
      const ssize_t got = ::read(pair.theirs, chunk.data(), chunk.size());
      if (got > 0) arrived += static_cast<std::size_t>(got);
    }
  });
  EXPECT_EQ(stream.write(big), TcpStream::Write::WHOLE);
  reader.join();
  EXPECT_EQ(arrived, big.size());
  EXPECT_EQ(stream.partial_writes(), 1u);
}

TEST(TcpStream, AMessageOfWhichAPartIsStuckBreaksTheStreamAfterAMillisecond) {
  Pair pair;
  static std::uint64_t now_ns;
  now_ns = 0;
  TcpStream stream(pair.ours, []() noexcept { return now_ns += 100'000; });
  EXPECT_EQ(stream.write(Buffer(1 << 20)), TcpStream::Write::BROKEN);
  EXPECT_EQ(stream.partial_writes(), 1u);
  EXPECT_GE(now_ns, TcpStream::PARTIAL_WRITE_NS_MAX);
  EXPECT_LE(now_ns, 2 * TcpStream::PARTIAL_WRITE_NS_MAX);
}

TEST(TcpStream, AFullSocketTakesNothingAndIsNotBroken) {
  Pair pair;
  TcpStream stream(pair.ours, &monotonic_ns);
  const Buffer message(64);
  TcpStream::Write result = TcpStream::Write::WHOLE;
  for (int i = 0; i < 1'000'000 && result == TcpStream::Write::WHOLE; ++i) result = stream.write(message);
  EXPECT_EQ(result, TcpStream::Write::WOULD_BLOCK);
  EXPECT_EQ(stream.partial_writes(), 0u);
}

TEST(TcpStream, ReadsWhatIsThereAndTellsAnEndFromNothing) {
  Pair pair;
  TcpStream stream(pair.ours, &monotonic_ns);
  std::array<std::byte, 8> space{};
  std::size_t bytes = 0;
  EXPECT_EQ(stream.read(space, bytes), TcpStream::Read::NOTHING);
  ASSERT_EQ(::write(pair.theirs, "abc", 3), 3);
  EXPECT_EQ(stream.read(space, bytes), TcpStream::Read::DATA);
  EXPECT_EQ(bytes, 3u);
  ::shutdown(pair.theirs, SHUT_WR);
  EXPECT_EQ(stream.read(space, bytes), TcpStream::Read::CLOSED);
}

TEST(TcpStream, WritingToWhomHasGoneIsABreakAndNoSignal) {
  Pair pair;
  TcpStream stream(pair.ours, &monotonic_ns);
  ::shutdown(pair.theirs, SHUT_RDWR);
  EXPECT_EQ(stream.write(Buffer(8)), TcpStream::Write::BROKEN);
}

TEST(TcpStream, ConnectsWithoutBlockingAndTellsARefusal) {
  test::ScriptedVenue venue;
  TcpStream stream;
  ASSERT_TRUE(stream.connect(venue.endpoint()));
  auto connection = TcpStream::Connection::PENDING;
  while (connection == TcpStream::Connection::PENDING) connection = stream.connection();
  EXPECT_EQ(connection, TcpStream::Connection::OPEN);
  EXPECT_TRUE(venue.accept());
  venue.stop_listening();
  if (stream.connect(venue.endpoint())) {
    do connection = stream.connection();
    while (connection == TcpStream::Connection::PENDING);
    EXPECT_EQ(connection, TcpStream::Connection::FAILED);
  }
  stream.close();
  EXPECT_FALSE(stream.is_open());
}

}  // namespace
}  // namespace hft::feedd
