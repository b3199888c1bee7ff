#include "runtime/log.hpp"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <ctime>

namespace hft::feedd {
namespace {

std::string utc_now() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  tm calendar{};
  ::gmtime_r(&now.tv_sec, &calendar);
  std::array<char, 40> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &calendar);
  std::snprintf(text.data() + length, text.size() - length, ".%06ldZ", now.tv_nsec / 1000);
  return text.data();
}

constexpr std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::INFO: return "info";
    case LogLevel::WARNING: return "warning";
    case LogLevel::ERROR: break;
  }
  return "error";
}

}  // namespace

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      std::array<char, 8> escaped{};
      std::snprintf(escaped.data(), escaped.size(), "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += escaped.data();
    } else {
      out += c;
    }
  }
  return out + '"';
}

LogLine::LogLine(LogLevel level, std::string_view event) : line_("{\"timestamp\":" + json_string(utc_now())) {
  field("level", name_of(level)).field("daemon", "feedd").field("event", event);
}

LogLine::~LogLine() {
  line_ += "}\n";
  // A log that can not be written (closed stderr, full disk) must not stop the daemon.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line_.data(), line_.size());
}

LogLine& LogLine::field(std::string_view name, std::string_view value) { return raw(name, json_string(value)); }

LogLine& LogLine::raw(std::string_view name, std::string_view json) {
  ((line_ += ',') += json_string(name)) += ':';
  line_ += json;
  return *this;
}

}  // namespace hft::feedd
