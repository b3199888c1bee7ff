// The plain part of TOML 1.0, which is all that a configuration of this suite needs, read with every bound checked.
//
//   read      [section.sub], key = value, dotted and quoted keys, "basic" and 'literal' strings, integers (also 0x, 0o,
//             0b), floats, booleans, dates, arrays over several lines, comments
//   refused   multi-line strings, inline tables, dates with a blank in them; [[arrays of tables]] are known as
//             arrays, so that a section written so is refused by its name
//
// Why not toml++: Debian 12 has 3.3.0, which meets assertions (undefined behaviour in release builds) on malformed
// text, found by our fuzzer within seconds and known upstream (its issues 190, 294 and 295).
#pragma once
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace hft::feedd {

// The text is not what is described above; the message names line and column.
class TomlError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct TomlNode {
  enum class Kind : std::uint8_t { TABLE, ARRAY, STRING, INTEGER, FLOAT, BOOLEAN, DATE };

  Kind kind = Kind::TABLE;
  bool closed = false;       // a table that no later header may name again
  std::int64_t integer = 0;  // INTEGER, BOOLEAN
  std::string text;          // STRING: the value; FLOAT, DATE: as written
  std::vector<TomlNode> array;
  std::map<std::string, TomlNode> table;
};

[[nodiscard]] std::string_view name_of(TomlNode::Kind kind) noexcept;

// The root table. Throws TomlError and nothing else.
[[nodiscard]] TomlNode parse_toml(std::string_view text);

}  // namespace hft::feedd
