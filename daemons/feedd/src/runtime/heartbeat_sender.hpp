// Sends heartbeats to watchd over ZeroMQ: never waits, keeps nothing for later, ends at once.
#pragma once
#include <string>

#include "hft/schema/hft_generated.h"

namespace hft {

inline constexpr std::uint64_t HEARTBEAT_MAGIC = 0x3154414542544648ull;  // "HFTBEAT1"

class HeartbeatSender {
 public:
  // Heartbeats that a watchd which does not read them makes us hold, at most.
  static constexpr int HELD_MAX = 64;
  static constexpr int RECONNECT_MS = 20;

  explicit HeartbeatSender(const std::string& socket_path);
  HeartbeatSender(const HeartbeatSender&) = delete;
  HeartbeatSender& operator=(const HeartbeatSender&) = delete;
  ~HeartbeatSender();

  // False: nobody is connected (yet), or watchd is HELD_MAX behind.
  [[nodiscard]] bool send(const schema::Heartbeat& beat) noexcept;

 private:
  void* context_ = nullptr;
  void* socket_ = nullptr;
};

}  // namespace hft
