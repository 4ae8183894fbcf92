// SPDX-License-Identifier: GPL-2.0-or-later
// A VMCOREINFO text that a test edits line by line.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vmsift::test {

class Note {
 public:
  Note() = default;
  explicit Note(std::string_view text);
  // tests/unit/data/vmcoreinfo/NAME.txt: what a real kernel wrote.
  static Note real(const std::string& name);

  void set(std::string_view key, std::string_view value);  // in place, or at the end
  void set(std::string_view key, long long value);
  void set_hex(std::string_view key, unsigned long long value);
  void remove(std::string_view key);
  [[nodiscard]] std::optional<std::string> get(std::string_view key) const;
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& lines() const {
    return lines_;
  }
  [[nodiscard]] std::string text() const;

 private:
  std::vector<std::pair<std::string, std::string>> lines_;
};

}  // namespace vmsift::test
