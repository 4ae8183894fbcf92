// SPDX-License-Identifier: GPL-2.0-or-later
// A record of the log as text, in the form of makedumpfile and of crash's `log`:
//   [    1.234567] text
// Further lines of a record are indented to below the text. Bytes that are neither printable ASCII
// nor white space become \xNN: a log must not be able to drive a terminal.
#pragma once

#include "mm-model/printk_log.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace vmsift {

class LogText {
 public:
  explicit LogText(const LogSink& sink) : sink_(sink) {}

  // `caller`: a task, or with bit 31 a CPU; kernels with CONFIG_PRINTK_CALLER (5.1) show it.
  void record(std::uint64_t nanoseconds, std::optional<std::uint32_t> caller,
              std::span<const std::byte> text);
  // Bytes that carry their own prefixes and line ends.
  void lines(std::span<const std::byte> text) { put(text, {}); }

  // False once the sink failed: then there is no use in reading on.
  [[nodiscard]] bool good() const { return status_.ok(); }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  // Hands on what is left; the sink's error, if there was one.
  Result<void> finish();

 private:
  static constexpr std::size_t kBufferBytes = 4096;

  void put(std::span<const std::byte> text, std::string_view after_newline);
  void add(std::string_view piece);
  void flush();

  const LogSink& sink_;
  std::string buffer_;
  std::uint64_t bytes_ = 0;
  Result<void> status_;
};

}  // namespace vmsift
