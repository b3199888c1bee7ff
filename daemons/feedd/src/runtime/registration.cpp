#include "runtime/registration.hpp"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <limits>
#include <utility>

#include "hft/schema/layout_hash.hpp"

namespace hft {
namespace {

std::string in_words(const char* what, int error) { return std::string(what) + ": " + std::strerror(error); }

std::string text_of(const schema::RegistrationReply& reply) {
  std::string text;
  for (const std::uint8_t c : *reply.problem()) {
    if (c == 0) break;
    text += static_cast<char>(c);
  }
  return text.empty() ? "refused without a reason" : text;
}

// Empty: accepted.
std::string objection_in(const schema::RegistrationReply& reply, ssize_t bytes) {
  if (bytes < 0) return in_words("recv", errno);
  if (bytes == 0) return "closed before it answered";
  if (bytes < static_cast<ssize_t>(2 * sizeof(std::uint64_t)) || reply.magic() != REGISTRATION_MAGIC) {
    return "what answers there is not watchd";
  }
  if (reply.layout_hash() != LAYOUT_HASH) {
    char text[128];
    std::snprintf(text, sizeof text,
                  "watchd has layout 0x%016" PRIx64 ", this one 0x%016" PRIx64 "; restart both from one installation",
                  reply.layout_hash(), LAYOUT_HASH);
    return text;
  }
  if (bytes != static_cast<ssize_t>(sizeof reply)) return "an answer of " + std::to_string(bytes) + " bytes";
  return reply.verdict() == schema::RegistrationVerdict::ACCEPTED ? "" : text_of(reply);
}

}  // namespace

Registration::Registration(std::string socket_path, const schema::Registration& said)
    : socket_path_(std::move(socket_path)), said_(said) {}

Registration::~Registration() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Registration::step(std::uint64_t now_ns) {
  if (state_ == State::AWAY) {
    if (now_ns >= due_ns_) ask(now_ns);
    return;
  }
  read_reply(now_ns);
}

void Registration::ask(std::uint64_t now_ns) {
  std::string problem = connect_to_watchd();
  if (problem.empty()) problem = send_registration();
  if (!problem.empty()) return leave(now_ns, problem);
  state_ = State::ASKED;
  due_ns_ = now_ns + REPLY_WAIT_NS;
}

std::string Registration::connect_to_watchd() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path_.size() >= sizeof address.sun_path) return "longer than a socket's address can be";
  std::memcpy(address.sun_path, socket_path_.data(), socket_path_.size());
  descriptor_ = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor_ < 0) return in_words("socket", errno);
  const bool connected = ::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  return connected ? "" : in_words("connect", errno);
}

// The descriptor says more than a pid: it can not come to mean another process.
std::string Registration::send_registration() {
  const auto process = static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0));
  if (process < 0) return in_words("pidfd_open", errno);
  said_.mutate_pid(static_cast<std::uint32_t>(::getpid()));
  iovec bytes{&said_, sizeof said_};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof process)] = {};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof process);
  std::memcpy(CMSG_DATA(rights), &process, sizeof process);
  const bool sent = ::sendmsg(descriptor_, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof said_);
  const int error = errno;
  ::close(process);
  return sent ? "" : in_words("send", error);
}

void Registration::read_reply(std::uint64_t now_ns) {
  schema::RegistrationReply reply;
  // MSG_TRUNC: the length that was sent, also of one that is too long.
  const ssize_t bytes = ::recv(descriptor_, &reply, sizeof reply, MSG_DONTWAIT | MSG_TRUNC);
  if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) {
    if (now_ns >= due_ns_) leave(now_ns, "no answer");
    return;
  }
  if (state_ == State::REGISTERED) return leave(now_ns, bytes > 0 ? "watchd said something more" : "watchd ended");
  const std::string objection = objection_in(reply, bytes);
  if (!objection.empty()) return leave(now_ns, objection);
  state_ = State::REGISTERED;
  due_ns_ = std::numeric_limits<std::uint64_t>::max();
  problem_.clear();
}

void Registration::leave(std::uint64_t now_ns, const std::string& problem) {
  problem_ = socket_path_ + ": " + problem;
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
  state_ = State::AWAY;
  due_ns_ = now_ns + RETRY_NS;
}

}  // namespace hft
