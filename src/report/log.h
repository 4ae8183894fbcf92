// SPDX-License-Identifier: GPL-2.0-or-later
// What vmsift says while it works, by the message levels of makedumpfile (--message-level):
// messages and reports on stdout, errors, warnings and progress on stderr.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <string_view>
#include <utility>

namespace vmsift {

class Log {
 public:
  static constexpr unsigned kProgress = 1;
  static constexpr unsigned kCommon = 2;
  static constexpr unsigned kError = 4;
  static constexpr unsigned kDebug = 8;
  static constexpr unsigned kReport = 16;
  static constexpr unsigned kDefault = kProgress | kCommon | kError;
  static constexpr unsigned kAll = 31;

  // `messages` takes what is no error: stdout, or stderr where stdout carries data.
  explicit Log(unsigned level, std::FILE* messages = stdout) : level_(level), messages_(messages) {}

  [[nodiscard]] bool shows(unsigned kind) const { return (level_ & kind) != 0; }

  template <class... Args>
  void common(fmt::format_string<Args...> format, Args&&... args) const {
    if (shows(kCommon)) line(messages_, {}, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void debug(fmt::format_string<Args...> format, Args&&... args) const {
    if (shows(kDebug)) line(messages_, {}, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void warning(fmt::format_string<Args...> format, Args&&... args) const {
    if (shows(kCommon | kError)) {
      line(stderr, "warning: ", fmt::format(format, std::forward<Args>(args)...));
    }
  }
  void error(std::string_view message) const {
    if (shows(kError)) line(stderr, "error: ", message);
  }
  // Of the report, but beside its table, which scripts read.
  template <class... Args>
  void remark(fmt::format_string<Args...> format, Args&&... args) const {
    if (shows(kReport)) line(stderr, {}, fmt::format(format, std::forward<Args>(args)...));
  }
  // What was asked for, whatever the message level.
  void report(std::string_view text) const { line(messages_, {}, text); }

 private:
  static void line(std::FILE* to, std::string_view kind, std::string_view text);

  unsigned level_;
  std::FILE* messages_;
};

}  // namespace vmsift
