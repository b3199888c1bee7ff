#include "runtime/toml_lexer.hpp"

#include <algorithm>
#include <cstdint>

#include "runtime/toml.hpp"

namespace hft::feedd {
namespace {

constexpr std::uint32_t CODE_POINT_MAX = 0x10FFFF;

bool is_surrogate(std::uint32_t code) { return code >= 0xD800 && code <= 0xDFFF; }

// Length in bytes of the UTF-8 sequence that begins `text`; 0 = it is none (RFC 3629, also its shortest forms).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  std::uint32_t code = lead & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    code = (code << 6) | (byte(i) & 0x3F);
  }
  constexpr std::uint32_t SHORTEST[] = {0, 0, 0x80, 0x800, 0x10000};
  return code < SHORTEST[length] || code > CODE_POINT_MAX || is_surrogate(code) ? 0 : length;
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto tail = [&out, code](unsigned shift) { out += static_cast<char>(0x80 | ((code >> shift) & 0x3F)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

}  // namespace

TomlLexer::TomlLexer(std::string_view text) : text_(text) {
  for (; at_ < text_.size();) {
    const auto c = static_cast<unsigned char>(text_[at_]);
    const bool newline = c == '\n' || (c == '\r' && peek(1) == '\n');
    if ((c < 0x20 && c != '\t' && !newline) || c == 0x7F) fail("a control character");
    const std::size_t length = utf8_length(text_.substr(at_));
    if (length == 0) fail("not UTF-8");
    at_ += length;
  }
  at_ = 0;
}

void TomlLexer::fail(const std::string& problem) const {
  const std::string_view before = text_.substr(0, at_);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 = 0
  throw TomlError("line " + std::to_string(line) + ", column " + std::to_string(at_ - line_start + 1) + ": " + problem);
}

bool TomlLexer::take(char expected) noexcept {
  if (at_end() || text_[at_] != expected) return false;
  ++at_;
  return true;
}

void TomlLexer::require(char expected) {
  if (!take(expected)) fail(std::string("expected '") + expected + "'");
}

void TomlLexer::skip_blanks() noexcept {
  while (take(' ') || take('\t')) {
  }
}

void TomlLexer::skip_comment() noexcept {
  if (peek() == '#') at_ = std::min(text_.find('\n', at_), text_.size());
}

bool TomlLexer::take_newline() noexcept {
  take('\r');  // only ever before '\n'
  return take('\n');
}

void TomlLexer::skip_lines() {
  do {
    skip_blanks();
    skip_comment();
  } while (take_newline());
}

void TomlLexer::end_line() {
  skip_blanks();
  skip_comment();
  if (!take_newline() && !at_end()) fail("expected the end of the line");
}

std::string TomlLexer::quoted() {
  const char quote = peek();
  ++at_;
  if (peek() == quote && peek(1) == quote) fail("multi-line strings have no use here");
  std::string out;
  while (!take(quote)) {
    if (at_end() || peek() == '\n' || peek() == '\r') fail("the string does not end on its line");
    const char c = text_[at_++];
    if (c == '\\' && quote == '"') {
      escape(out);
    } else {
      out += c;
    }
  }
  return out;
}

void TomlLexer::escape(std::string& out) {
  constexpr std::string_view LETTERS = "btnfr\"\\";
  constexpr std::string_view MEANINGS = "\b\t\n\f\r\"\\";
  if (take('u')) return unicode(out, 4);
  if (take('U')) return unicode(out, 8);
  const std::size_t index = at_end() ? std::string_view::npos : LETTERS.find(peek());
  if (index == std::string_view::npos) fail("no such escape");
  ++at_;
  out += MEANINGS[index];
}

void TomlLexer::unicode(std::string& out, int digits) {
  constexpr std::string_view HEX = "0123456789abcdef";
  std::uint32_t code = 0;
  for (int i = 0; i < digits; ++i) {
    const char c = peek();
    const std::size_t digit = HEX.find(c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
    if (digit == std::string_view::npos) fail("expected a hexadecimal digit");
    code = (code << 4) | static_cast<std::uint32_t>(digit);
    ++at_;
  }
  if (code > CODE_POINT_MAX || is_surrogate(code)) fail("no such character");
  append_utf8(out, code);
}

std::string_view TomlLexer::word(bool (*is_part)(char)) noexcept {
  const std::size_t start = at_;
  while (!at_end() && is_part(text_[at_])) ++at_;
  return text_.substr(start, at_ - start);
}

}  // namespace hft::feedd
