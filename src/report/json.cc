// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/report/json.h"

namespace vmsift {

JsonWriter& JsonWriter::begin_object(std::string_view key) {
  return begin(key, '{');
}
JsonWriter& JsonWriter::begin_array(std::string_view key) {
  return begin(key, '[');
}

JsonWriter& JsonWriter::begin(std::string_view key, char bracket) {
  prefix(key);
  text_ += bracket;
  ++depth_;
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::end(char bracket) {
  --depth_;
  if (!first_) text_ += "\n" + std::string(2 * depth_, ' ');
  text_ += bracket;
  first_ = false;
  return *this;
}

void JsonWriter::prefix(std::string_view key) {
  if (depth_ != 0) {
    text_ += first_ ? "\n" : ",\n";
    text_.append(2 * depth_, ' ');
  }
  if (!key.empty()) text_ += json_string(key) + ": ";
  first_ = false;
}

JsonWriter& JsonWriter::raw(std::string_view key, std::string_view value) {
  prefix(key);
  text_ += value;
  return *this;
}

JsonWriter& JsonWriter::field(std::string_view key, std::string_view value) {
  return raw(key, json_string(value));
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte >= 0x7f) {
      out += fmt::format("\\u{:04x}", byte);  // as Latin-1
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace vmsift
