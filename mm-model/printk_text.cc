// SPDX-License-Identifier: GPL-2.0-or-later
#include "mm-model/printk_text.h"

namespace vmsift {

void LogText::record(std::uint64_t nanoseconds, std::optional<std::uint32_t> caller,
                     std::span<const std::byte> text) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  constexpr std::uint32_t kIsCpu = std::uint32_t{1} << 31;
  std::string prefix =
      fmt::format("[{:5}.{:06}] ", nanoseconds / kSecond, nanoseconds % kSecond / 1000);
  if (caller) {
    const char kind = (*caller & kIsCpu) != 0 ? 'C' : 'T';
    prefix += fmt::format("[{:>8}] ", fmt::format("{}{}", kind, *caller & ~kIsCpu));
  }
  add(prefix);
  put(text, std::string(prefix.size(), ' '));
  add("\n");
}

void LogText::put(std::span<const std::byte> text, std::string_view after_newline) {
  for (const std::byte byte : text) {
    const char c = static_cast<char>(byte);
    if (c == '\n') {
      add("\n");
      add(after_newline);
    } else if ((c >= ' ' && c <= '~') || (c >= '\t' && c <= '\r')) {
      add({&c, 1});
    } else {
      add(fmt::format("\\x{:02x}", std::to_integer<unsigned>(byte)));
    }
  }
}

void LogText::add(std::string_view piece) {
  buffer_ += piece;
  if (buffer_.size() >= kBufferBytes) flush();
}

void LogText::flush() {
  if (status_ && !buffer_.empty()) status_ = sink_(buffer_);
  if (status_) bytes_ += buffer_.size();
  buffer_.clear();
}

Result<void> LogText::finish() {
  flush();
  return status_;
}

}  // namespace vmsift
