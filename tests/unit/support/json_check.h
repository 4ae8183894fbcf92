// SPDX-License-Identifier: GPL-2.0-or-later
// Reads JSON strictly (RFC 8259, no key twice) into a flat list of paths and values, so that tests
// can ask for "dump.pages".
#pragma once

#include <cctype>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace vmsift::test {

using JsonValues = std::map<std::string, std::string>;  // strings with their quotes and escapes

class JsonCheck {
 public:
  // nullopt where the text is not JSON.
  static std::optional<JsonValues> read(std::string_view text) {
    JsonCheck check(text);
    if (!check.value("") || (check.blank(), check.at_ != text.size())) return std::nullopt;
    return check.values_;
  }

 private:
  explicit JsonCheck(std::string_view text) : text_(text) {}

  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void blank() {
    while (std::string_view(" \t\r\n").find(peek()) != std::string_view::npos && peek() != '\0')
      ++at_;
  }
  bool take(char c) {
    blank();
    if (peek() != c) return false;
    ++at_;
    return true;
  }

  bool value(const std::string& path) {
    blank();
    const std::size_t begin = at_;
    if (peek() == '{') return object(path);
    if (peek() == '[') return array(path);
    const bool good = peek() == '"' ? string() : literal();
    if (good) values_[path] = text_.substr(begin, at_ - begin);
    return good;
  }
  bool object(const std::string& path) {
    take('{');
    if (take('}')) return true;
    do {
      blank();
      const std::size_t begin = at_;
      if (!string()) return false;
      const std::string key(text_.substr(begin + 1, at_ - begin - 2));
      if (!seen_.emplace(path + "." + key, true).second || !take(':')) return false;
      if (!value(path.empty() ? key : path + "." + key)) return false;
    } while (take(','));
    return take('}');
  }
  bool array(const std::string& path) {
    take('[');
    if (take(']')) return true;
    std::size_t n = 0;
    do {
      if (!value(path + "[" + std::to_string(n++) + "]")) return false;
    } while (take(','));
    return take(']');
  }
  bool string() {
    if (peek() != '"') return false;
    for (++at_; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return true;
      }
      if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e)
        return false;
      if (c != '\\') continue;
      const char escape = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
      if (escape == 'u') {
        for (std::size_t i = 2; i < 6; ++i) {
          if (at_ + i >= text_.size() ||
              std::isxdigit(static_cast<unsigned char>(text_[at_ + i])) == 0)
            return false;
        }
      } else if (std::string_view("\"\\/bfnrt").find(escape) == std::string_view::npos) {
        return false;
      }
      ++at_;
    }
    return false;
  }
  bool literal() {
    for (const std::string_view word : {"true", "false", "null"}) {
      if (text_.substr(at_, word.size()) == word) {
        at_ += word.size();
        return true;
      }
    }
    const std::size_t begin = at_;
    if (peek() == '-') ++at_;
    const std::size_t digits = at_;
    while (std::isdigit(static_cast<unsigned char>(peek())) != 0) ++at_;
    if (at_ == digits || (at_ - digits > 1 && text_[digits] == '0')) return false;
    if (peek() == '.') {
      const std::size_t fraction = ++at_;
      while (std::isdigit(static_cast<unsigned char>(peek())) != 0) ++at_;
      if (at_ == fraction) return false;
    }
    return at_ > begin;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  JsonValues values_;
  std::map<std::string, bool> seen_;
};

}  // namespace vmsift::test
