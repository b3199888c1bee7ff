// One TCP connection that never blocks its thread. Makes system calls, and nothing else of note.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "feedd/clock.hpp"
#include "ingest/endpoint.hpp"
#include "protocol/wire.hpp"

namespace hft::feedd {

class TcpStream {
 public:
  using Clock = std::uint64_t (*)() noexcept;
  // A message that the kernel took a part of is pushed for this long; then the stream is of no use any more.
  static constexpr std::uint64_t PARTIAL_WRITE_NS_MAX = 1'000'000;

  enum class Connection : std::uint8_t { PENDING, OPEN, FAILED };
  enum class Read : std::uint8_t { DATA, NOTHING, CLOSED, FAILED };
  enum class Write : std::uint8_t {
    WHOLE,
    WOULD_BLOCK,  // nothing of it was taken
    BROKEN        // the connection failed, or a part was taken and the rest could not follow
  };

  explicit TcpStream(Clock clock = &monotonic_ns) noexcept : clock_(clock) {}
  // Takes over a connected descriptor that does not block.
  TcpStream(int descriptor, Clock clock) noexcept : descriptor_(descriptor), clock_(clock) {}
  TcpStream(const TcpStream&) = delete;
  TcpStream& operator=(const TcpStream&) = delete;
  ~TcpStream() { close(); }

  // Begins anew; an earlier connection is closed. False: the system refused.
  [[nodiscard]] bool connect(const Endpoint& venue) noexcept;
  [[nodiscard]] Connection connection() noexcept;

  // `bytes`: how many were read, with DATA. `space` must not be empty.
  [[nodiscard]] Read read(std::span<std::byte> space, std::size_t& bytes) noexcept;
  // The whole message or nothing, or BROKEN.
  [[nodiscard]] Write write(Bytes message) noexcept;
  // The peer reads the end after what was written.
  void end_writing() noexcept;
  void close() noexcept;

  [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
  // Messages that the kernel took in more than one part.
  [[nodiscard]] std::uint64_t partial_writes() const noexcept { return partial_writes_; }

 private:
  [[nodiscard]] bool push(Bytes rest) noexcept;

  int descriptor_ = -1;
  Clock clock_;
  std::uint64_t partial_writes_ = 0;
};

}  // namespace hft::feedd
