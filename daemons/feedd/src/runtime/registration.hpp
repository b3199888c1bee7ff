// A daemon's place at watchd: one connection to register.sock for life, over which watchd gets our pidfd.
//
//   away ── connect, Registration + pidfd ──► asked ── ACCEPTED ──► registered
//     ▲                                         │ REFUSED, garbage,     │ watchd ended, or said
//     │   tried again RETRY_NS later            │ silence               │ something more
//     └─────────────────────────────────────────┴───────────────────────┘
//
// Nothing here blocks, and nothing that goes wrong is an error of ours: the daemon works without watchd, behind a
// closed fence. Why it is not registered is kept as text.
#pragma once
#include <cstdint>
#include <string>

#include "hft/schema/hft_generated.h"

namespace hft {

inline constexpr std::uint64_t REGISTRATION_MAGIC = 0x3149474552544648ull;  // "HFTREGI1"

class Registration {
 public:
  static constexpr std::uint64_t RETRY_NS = 100'000'000;
  static constexpr std::uint64_t REPLY_WAIT_NS = 1'000'000'000;

  // `said` without its pid: that is filled in with the pidfd.
  Registration(std::string socket_path, const schema::Registration& said);
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;
  ~Registration();

  // One step, whenever the socket is readable or it is due_ns().
  void step(std::uint64_t now_ns);
  [[nodiscard]] std::uint64_t due_ns() const noexcept { return due_ns_; }
  // To be polled for input; -1 while away.
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  [[nodiscard]] bool accepted() const noexcept { return state_ == State::REGISTERED; }
  // Why it is not accepted; empty while it is, and before the first try.
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

 private:
  enum class State : std::uint8_t { AWAY, ASKED, REGISTERED };

  void ask(std::uint64_t now_ns);
  // What went wrong, in words; empty = nothing.
  [[nodiscard]] std::string connect_to_watchd();
  [[nodiscard]] std::string send_registration();
  void read_reply(std::uint64_t now_ns);
  // Back to AWAY.
  void leave(std::uint64_t now_ns, const std::string& problem);

  std::string socket_path_;
  schema::Registration said_;
  State state_ = State::AWAY;
  int descriptor_ = -1;
  std::uint64_t due_ns_ = 0;
  std::string problem_;
};

}  // namespace hft
