// SPDX-License-Identifier: GPL-2.0-or-later
// Writes JSON (RFC 8259) in the order in which it is told; nesting is the caller's business.
#pragma once

#include <fmt/format.h>

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace vmsift {

class JsonWriter {
 public:
  JsonWriter& begin_object(std::string_view key = {});
  JsonWriter& end_object() { return end('}'); }
  JsonWriter& begin_array(std::string_view key = {});
  JsonWriter& end_array() { return end(']'); }

  JsonWriter& field(std::string_view key, std::string_view value);
  JsonWriter& field(std::string_view key, const char* value) {
    return field(key, std::string_view(value));
  }
  JsonWriter& field(std::string_view key, bool value) { return raw(key, value ? "true" : "false"); }
  JsonWriter& field(std::string_view key, double value) {
    return raw(key, fmt::format("{:.6f}", value));
  }
  JsonWriter& field(std::string_view key, std::integral auto value) {
    return raw(key, fmt::format("{}", value));
  }
  JsonWriter& element(std::string_view value) { return field({}, value); }

  [[nodiscard]] std::string take() { return std::move(text_) + "\n"; }

 private:
  JsonWriter& raw(std::string_view key, std::string_view value);
  JsonWriter& begin(std::string_view key, char bracket);
  JsonWriter& end(char bracket);
  void prefix(std::string_view key);

  std::string text_;
  std::size_t depth_ = 0;
  bool first_ = true;
};

// In double quotes. Text may come from a dump: bytes beyond ASCII are taken as Latin-1.
std::string json_string(std::string_view text);

}  // namespace vmsift
