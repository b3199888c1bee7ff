// sd_notify(3) without libsystemd: one datagram to $NOTIFY_SOCKET. Without the variable every call is a no-op.
#pragma once
#include <string>
#include <string_view>

namespace hft::feedd {

class ServiceNotifier {
 public:
  // Reads $NOTIFY_SOCKET (a path, or "@name" for the abstract namespace).
  ServiceNotifier();
  ServiceNotifier(const ServiceNotifier&) = delete;
  ServiceNotifier& operator=(const ServiceNotifier&) = delete;
  ~ServiceNotifier();

  // `state` holds lines like "READY=1\nSTATUS=…". Never blocks; a manager that does not listen is not our failure.
  void send(std::string_view state) const noexcept;

 private:
  int descriptor_ = -1;
};

}  // namespace hft::feedd
