// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/support/note.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace vmsift::test {

Note::Note(std::string_view text) {
  std::istringstream in{std::string(text)};
  for (std::string line; std::getline(in, line);) {
    if (const auto equals = line.find('='); equals != std::string::npos) {
      lines_.emplace_back(line.substr(0, equals), line.substr(equals + 1));
    }
  }
}

Note Note::real(const std::string& name) {
  const std::string path = fmt::format("{}/vmcoreinfo/{}.txt", VMSIFT_TEST_DATA, name);
  std::ifstream in(path);
  if (!in) throw std::runtime_error(path + " cannot be read");
  std::ostringstream text;
  text << in.rdbuf();
  return Note(text.str());
}

void Note::set(std::string_view key, std::string_view value) {
  const auto it = std::find_if(lines_.begin(), lines_.end(),
                               [key](const auto& line) { return line.first == key; });
  if (it == lines_.end()) {
    lines_.emplace_back(key, value);
  } else {
    it->second = value;
  }
}

void Note::set(std::string_view key, long long value) {
  set(key, std::to_string(value));
}

void Note::set_hex(std::string_view key, unsigned long long value) {
  set(key, fmt::format("{:x}", value));
}

void Note::remove(std::string_view key) {
  std::erase_if(lines_, [key](const auto& line) { return line.first == key; });
}

std::optional<std::string> Note::get(std::string_view key) const {
  for (const auto& [k, value] : lines_) {
    if (k == key) return value;
  }
  return std::nullopt;
}

std::string Note::text() const {
  std::string text;
  for (const auto& [key, value] : lines_) text += key + "=" + value + "\n";
  return text;
}

}  // namespace vmsift::test
