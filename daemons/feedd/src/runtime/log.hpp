// One JSON object a line on stderr, one write(2) each. For set-up and the helper thread, never for hot threads.
//
//   {"timestamp":"2026-01-02T03:04:05.678901Z","level":"info","daemon":"feedd","event":"started","pid":42}
#pragma once
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace hft::feedd {

enum class LogLevel : std::uint8_t { INFO, WARNING, ERROR };

// Written when it goes out of scope: LogLine(LogLevel::INFO, "started").field("pid", 42);
class LogLine {
 public:
  LogLine(LogLevel level, std::string_view event);
  LogLine(const LogLine&) = delete;
  LogLine& operator=(const LogLine&) = delete;
  ~LogLine();

  LogLine& field(std::string_view name, std::string_view value);
  template <std::integral Integer>
  LogLine& field(std::string_view name, Integer value) {
    if constexpr (std::same_as<Integer, bool>) {
      return raw(name, value ? "true" : "false");
    } else {
      return raw(name, std::to_string(value));
    }
  }

 private:
  LogLine& raw(std::string_view name, std::string_view json);

  std::string line_;
};

// `text` as a JSON string, quotes included.
[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace hft::feedd
