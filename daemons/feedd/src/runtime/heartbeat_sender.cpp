#include "runtime/heartbeat_sender.hpp"

#include <zmq.h>

namespace hft {
namespace {

void set(void* socket, int option, int value) noexcept { ::zmq_setsockopt(socket, option, &value, sizeof value); }

}  // namespace

HeartbeatSender::HeartbeatSender(const std::string& socket_path) : context_(::zmq_ctx_new()) {
  if (context_ != nullptr) socket_ = ::zmq_socket(context_, ZMQ_PUSH);
  if (socket_ == nullptr) return;  // out of descriptors or memory: no beat can be sent, which watchd will notice
  set(socket_, ZMQ_SNDHWM, HELD_MAX);
  set(socket_, ZMQ_LINGER, 0);
  set(socket_, ZMQ_IMMEDIATE, 1);  // nothing is queued for a watchd that is not there
  set(socket_, ZMQ_RECONNECT_IVL, RECONNECT_MS);
  ::zmq_connect(socket_, ("ipc://" + socket_path).c_str());
}

HeartbeatSender::~HeartbeatSender() {
  if (socket_ != nullptr) ::zmq_close(socket_);
  if (context_ != nullptr) ::zmq_ctx_term(context_);
}

bool HeartbeatSender::send(const schema::Heartbeat& beat) noexcept {
  return socket_ != nullptr && ::zmq_send(socket_, &beat, sizeof beat, ZMQ_DONTWAIT) == static_cast<int>(sizeof beat);
}

}  // namespace hft
