// SPDX-License-Identifier: GPL-2.0-or-later
// The text that a kernel leaves of itself (kernel/vmcore_info.c): one KEY=VALUE a line, where KEY
// is SYMBOL(x), SIZE(x), OFFSET(x), LENGTH(x), NUMBER(x) or a plain word. Which keys there are is
// all that vmsift goes by; unknown ones are kept and no key is necessary for reading the others.
//
// The kernel builds each line in an 80-byte buffer: a longer one is cut to 79 characters and loses
// its newline, so that the next key is glued to it. The cut entry is worthless, the next one is
// not.
#pragma once

#include "src/base/types.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace vmsift {

// What tells kernels apart where their notes have the same keys.
struct KernelRelease {
  unsigned major = 0, minor = 0;
  friend constexpr auto operator<=>(KernelRelease, KernelRelease) = default;
};

class Vmcoreinfo {
 public:
  // More than any kernel writes (one page); what is beyond is ignored.
  static constexpr std::size_t kMaxText = 1U << 20;

  Vmcoreinfo() = default;
  explicit Vmcoreinfo(std::string_view text);

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] const std::map<std::string, std::string, std::less<>>& entries() const {
    return entries_;
  }

  // The raw value; the first of duplicates, for CRASHTIME the last (it is appended at the panic).
  [[nodiscard]] std::optional<std::string_view> text(std::string_view key) const;

  // SYMBOL(name): hexadecimal without 0x. 0 and all ones mean that the kernel had no address.
  [[nodiscard]] std::optional<VirtAddr> symbol(std::string_view name) const;
  // SIZE, OFFSET and LENGTH are unsigned decimal; values above 2^31 cannot be and count as absent.
  [[nodiscard]] std::optional<std::uint32_t> size(std::string_view name) const;
  [[nodiscard]] std::optional<std::uint32_t> offset(std::string_view name) const;
  [[nodiscard]] std::optional<std::uint32_t> length(std::string_view name) const;
  // NUMBER(name): signed decimal, or hexadecimal with 0x.
  [[nodiscard]] std::optional<std::int64_t> number(std::string_view name) const;
  // A plain key in decimal (PAGESIZE, CRASHTIME).
  [[nodiscard]] std::optional<std::int64_t> decimal(std::string_view key) const;
  // A plain key in hexadecimal (KERNELOFFSET).
  [[nodiscard]] std::optional<std::uint64_t> hexadecimal(std::string_view key) const;
  // The first two numbers of OSRELEASE.
  [[nodiscard]] std::optional<KernelRelease> release() const;
  [[nodiscard]] bool has_number(std::string_view name) const { return number(name).has_value(); }

  // For what is known from elsewhere. A key that is there stays as it is.
  void add(std::string_view key, std::string_view value) { entries_.emplace(key, value); }
  void remove(std::string_view key);

 private:
  void add_line(std::string_view line);
  [[nodiscard]] std::optional<std::uint32_t> small(std::string_view kind,
                                                   std::string_view name) const;

  std::map<std::string, std::string, std::less<>> entries_;
};

}  // namespace vmsift
