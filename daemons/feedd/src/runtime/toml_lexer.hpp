// The characters of a TOML text: a cursor that can not leave it, strings and their escapes, bare words.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace hft::feedd {

class TomlLexer {
 public:
  // Throws TomlError when the text is not UTF-8 or holds control characters.
  explicit TomlLexer(std::string_view text);

  [[noreturn]] void fail(const std::string& problem) const;

  [[nodiscard]] bool at_end() const noexcept { return at_ == text_.size(); }
  // '\0' at the end, which the text itself can not hold.
  [[nodiscard]] char peek(std::size_t ahead = 0) const noexcept {
    return text_.size() - at_ > ahead ? text_[at_ + ahead] : '\0';
  }
  bool take(char expected) noexcept;
  void require(char expected);

  void skip_blanks() noexcept;
  // Blanks, comments and line ends.
  void skip_lines();
  // After a value or a header: nothing but blanks and a comment up to the end of the line.
  void end_line();

  // "basic" or 'literal', the opening quote being next.
  std::string quoted();
  // The longest run of `is_part`, which may be empty.
  std::string_view word(bool (*is_part)(char)) noexcept;

 private:
  void skip_comment() noexcept;
  bool take_newline() noexcept;
  void escape(std::string& out);
  void unicode(std::string& out, int digits);

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace hft::feedd
