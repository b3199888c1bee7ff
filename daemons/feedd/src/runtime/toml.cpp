#include "runtime/toml.hpp"

#include <charconv>
#include <regex>
#include <utility>

#include "runtime/toml_lexer.hpp"

namespace hft::feedd {
namespace {

using Kind = TomlNode::Kind;

constexpr unsigned ARRAY_DEPTH_MAX = 16;
constexpr std::size_t WORD_BYTES_MAX = 64;  // no number or date is longer

bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }
bool is_bare_key(char c) { return is_alphanumeric(c) || c == '_' || c == '-'; }
bool is_bare_value(char c) { return is_bare_key(c) || c == '+' || c == '.' || c == ':'; }

class TomlParser {
 public:
  explicit TomlParser(std::string_view text) : lexer_(text) {}

  TomlNode parse() {
    TomlNode root;
    TomlNode* section = &root;
    for (lexer_.skip_lines(); !lexer_.at_end(); lexer_.skip_lines()) {
      if (lexer_.take('[')) {
        section = header(root);
      } else {
        assignment(*section);
      }
      lexer_.end_line();
    }
    return root;
  }

 private:
  // [a.b] or [[a.b]], the first bracket being taken.
  TomlNode* header(TomlNode& root) {
    const bool element = lexer_.take('[');
    const std::vector<std::string> path = key();
    lexer_.require(']');
    if (element) lexer_.require(']');
    TomlNode& parent = descend(root, path, false);
    const auto [found, fresh] = parent.table.try_emplace(path.back());
    TomlNode& node = found->second;
    if (element) return &new_element(node, fresh);
    if (node.kind != Kind::TABLE || node.closed) lexer_.fail("\"" + path.back() + "\" is there already");
    node.closed = true;
    return &node;
  }

  TomlNode& new_element(TomlNode& node, bool fresh) const {
    if (!fresh && (node.kind != Kind::ARRAY || !node.closed)) lexer_.fail("it is there already, as something else");
    node.kind = Kind::ARRAY;
    node.closed = true;
    return node.array.emplace_back();
  }

  void assignment(TomlNode& section) {
    const std::vector<std::string> path = key();
    lexer_.require('=');
    lexer_.skip_blanks();
    TomlNode made = value(0);
    const auto [found, fresh] = descend(section, path, true).table.try_emplace(path.back(), std::move(made));
    if (!fresh) lexer_.fail("\"" + found->first + "\" is there already");
  }

  // The table that holds the last part of `path`. Tables made by dotted keys are closed for headers.
  TomlNode& descend(TomlNode& from, const std::vector<std::string>& path, bool close) const {
    TomlNode* at = &from;
    for (std::size_t i = 0; i + 1 < path.size(); ++i) {
      TomlNode& next = at->table[path[i]];
      at = next.kind == Kind::ARRAY && next.closed ? &next.array.back() : &next;
      if (at->kind != Kind::TABLE) lexer_.fail("\"" + path[i] + "\" is no section");
      if (close) at->closed = true;
    }
    return *at;
  }

  std::vector<std::string> key() {
    std::vector<std::string> path;
    do {
      lexer_.skip_blanks();
      const bool quoted = lexer_.peek() == '"' || lexer_.peek() == '\'';
      path.push_back(quoted ? lexer_.quoted() : std::string(lexer_.word(is_bare_key)));
      if (!quoted && path.back().empty()) lexer_.fail("expected a key");
      lexer_.skip_blanks();
    } while (lexer_.take('.'));
    return path;
  }

  TomlNode value(unsigned depth) {
    const char c = lexer_.peek();
    if (c == '{') lexer_.fail("inline tables have no use here");
    if (c == '[') return array(depth + 1);
    TomlNode node;
    if (c == '"' || c == '\'') {
      node.kind = Kind::STRING;
      node.text = lexer_.quoted();
      return node;
    }
    scalar(lexer_.word(is_bare_value), node);
    return node;
  }

  TomlNode array(unsigned depth) {
    if (depth > ARRAY_DEPTH_MAX) lexer_.fail("arrays within arrays too deep");
    TomlNode node;
    node.kind = Kind::ARRAY;
    lexer_.require('[');
    for (lexer_.skip_lines(); !lexer_.take(']'); lexer_.skip_lines()) {
      node.array.push_back(value(depth));
      lexer_.skip_lines();
      if (lexer_.take(',')) continue;
      lexer_.require(']');
      break;
    }
    return node;
  }

  void scalar(std::string_view word, TomlNode& node) const {
    static const std::regex DECIMAL("[+-]?(0|[1-9](_?[0-9])*)");
    static const std::regex RADIX("0x[0-9A-Fa-f](_?[0-9A-Fa-f])*|0o[0-7](_?[0-7])*|0b[01](_?[01])*");
    static const std::regex REAL("[+-]?(inf|nan|(0|[1-9](_?[0-9])*)(\\.[0-9](_?[0-9])*)?([eE][+-]?[0-9](_?[0-9])*)?)");
    static const std::regex DATE("[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt].*)?|[0-9]{2}:[0-9]{2}:[0-9]{2}(\\..*)?");
    node.text = word;
    if (word.empty() || word.size() > WORD_BYTES_MAX) lexer_.fail("expected a value");
    if (word == "true" || word == "false") {
      node.kind = Kind::BOOLEAN;
      node.integer = word == "true";
    } else if (std::regex_match(node.text, DECIMAL)) {
      integer(node, 0, 10);
    } else if (std::regex_match(node.text, RADIX)) {
      integer(node, 2, word[1] == 'x' ? 16 : word[1] == 'o' ? 8 : 2);
    } else if (std::regex_match(node.text, REAL)) {
      node.kind = Kind::FLOAT;
    } else if (std::regex_match(node.text, DATE)) {
      node.kind = Kind::DATE;
    } else {
      lexer_.fail("\"" + node.text + "\" is no value");
    }
  }

  void integer(TomlNode& node, std::size_t prefix, int base) const {
    std::string digits = node.text.substr(prefix + (node.text[0] == '+'));
    std::erase(digits, '_');
    node.kind = Kind::INTEGER;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), node.integer, base).ec != std::errc()) {
      lexer_.fail(node.text + " does not fit 64 bits");
    }
  }

  TomlLexer lexer_;
};

}  // namespace

std::string_view name_of(TomlNode::Kind kind) noexcept {
  switch (kind) {
    case Kind::TABLE: return "a section";
    case Kind::ARRAY: return "an array";
    case Kind::STRING: return "a string";
    case Kind::INTEGER: return "an integer";
    case Kind::FLOAT: return "a float";
    case Kind::BOOLEAN: return "a truth value";
    case Kind::DATE: return "a date";
  }
  return "nothing";
}

TomlNode parse_toml(std::string_view text) { return TomlParser(text).parse(); }

}  // namespace hft::feedd
