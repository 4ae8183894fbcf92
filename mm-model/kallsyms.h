// SPDX-License-Identifier: GPL-2.0-or-later
// The kernel's own table of symbols, which it has for naming addresses in backtraces. Its note says
// where the parts of the table are since 6.0 (f09bddbd8661).
//
// Names are strings of tokens, of which there are 256 (scripts/kallsyms.c); the first character of
// each expanded name is the type of the symbol. How addresses are kept changed several times and
// depends on the configuration, and nothing says which way it is: all readings are tried, and the
// one counts that gives the addresses which the note has too.
#pragma once

#include "mm-model/address_space.h"
#include "mm-model/vmcoreinfo.h"
#include "src/base/result.h"

#include <map>
#include <optional>
#include <span>
#include <string_view>

namespace vmsift {

class Kallsyms {
 public:
  static constexpr std::uint32_t kMostSymbols = 1U << 22;  // of a kernel: 2^18
  // A name as it is stored; the kernel's longest name has 512 characters.
  static constexpr std::size_t kLongestName = 1024;
  static constexpr std::uint64_t kMostNameBytes = std::uint64_t{64} << 20;

  // Looks for all of `names`, which must outlive the result, in one pass. An error is why the table
  // cannot be used: parts of it that the note does not name, that cannot be read or make no sense.
  static Result<Kallsyms> read(const Vmcoreinfo& note, ByteOrder order, AddressSpace& memory,
                               std::span<const std::string_view> names);

  // Unknown too where several symbols have the name.
  [[nodiscard]] std::optional<VirtAddr> address(std::string_view name) const;

 private:
  std::map<std::string_view, VirtAddr> addresses_;
};

}  // namespace vmsift
