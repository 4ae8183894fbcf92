// SPDX-License-Identifier: GPL-2.0-or-later
// What the readers of the three generations share. Each is given a note that has its keys.
#pragma once

#include "mm-model/address_space.h"
#include "mm-model/printk_text.h"
#include "mm-model/vmcoreinfo.h"
#include "src/base/bytes.h"
#include "src/base/result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace vmsift {

struct LogReader {
  const Vmcoreinfo& note;
  ByteOrder order;
  AddressSpace& memory;
  bool since_clear;
  LogText& text;
  LogSummary& summary;

  // log_buf_len= is a power of two, 2^31 at most since 3.18 and a u32 or int before.
  static constexpr std::uint64_t kMaxBufferBytes = std::uint64_t{1} << 31;

  template <class... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) const {
    summary.warnings.push_back("the log " + fmt::format(format, std::forward<Args>(args)...));
  }
  // Something of it is lost.
  template <class... Args>
  void damaged(fmt::format_string<Args...> format, Args&&... args) const {
    summary.complete = false;
    warn(format, std::forward<Args>(args)...);
  }

  // The kernel's long and pointers, 4 or 8 bytes: a list_head is two of them.
  [[nodiscard]] std::size_t word_bytes() const {
    return note.size("list_head").value_or(16) == 8 ? 4 : 8;
  }
  [[nodiscard]] std::uint64_t load_word(const std::byte* from) const {
    return word_bytes() == 4 ? load<std::uint32_t>(from, order) : load<std::uint64_t>(from, order);
  }
  [[nodiscard]] std::optional<std::uint64_t> read_word(VirtAddr at) const {
    if (word_bytes() == 8) return memory.read_value<std::uint64_t>(at);
    const auto value = memory.read_value<std::uint32_t>(at);
    return value ? std::optional<std::uint64_t>(*value) : std::nullopt;
  }

  // The value of an integer variable (T), or of a pointer; errors name the symbol.
  template <class T>
  [[nodiscard]] Result<T> variable(std::string_view name) const {
    const auto at = note.symbol(name);
    if (!at) return error("SYMBOL({}) is missing", name);
    const auto value = memory.read_value<T>(*at);
    if (!value) return error("{} at {:#x} cannot be read", name, at->value);
    return *value;
  }
  [[nodiscard]] Result<VirtAddr> pointer(std::string_view name) const {
    const auto at = note.symbol(name);
    if (!at) return error("SYMBOL({}) is missing", name);
    const auto value = read_word(*at);
    if (!value || *value == 0) {
      return error("{} at {:#x} cannot be read, or leads nowhere", name, at->value);
    }
    return VirtAddr{*value};
  }
};

Result<void> read_flat_log(const LogReader& log);
Result<void> read_record_log(const LogReader& log);
Result<void> read_ring_log(const LogReader& log);

}  // namespace vmsift
