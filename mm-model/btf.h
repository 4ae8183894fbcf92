// SPDX-License-Identifier: GPL-2.0-or-later
// Sizes, offsets and enumerators out of the kernel's own BTF. What is asked for is said beforehand:
// one pass over the names finds where these are, one over the types finds those with such names,
// and what is kept in the end are numbers.
#pragma once

#include "mm-model/btf_types.h"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace vmsift {

// The names must outlive the Btf.
struct BtfQuestions {
  std::span<const std::string_view> types;  // structures, unions, typedefs of them
  // Of these types: members for their offsets, and those for their lengths, which are arrays.
  std::span<const std::pair<std::string_view, std::string_view>> members, arrays;
  std::span<const std::string_view> enums;
  std::span<const std::string_view> enumerators;  // of these enums
};

class Btf {
 public:
  // BTF in [begin, end). An error is why it cannot be used as a whole. What it does not know, knows
  // two different things of, or says in a way that leads nowhere, has no answer.
  static Result<Btf> read(AddressSpace& memory, ByteOrder order, VirtAddr begin, VirtAddr end,
                          const BtfQuestions& questions);

  [[nodiscard]] std::optional<std::uint64_t> size_of(std::string_view type) const;  // bytes
  // Bytes; members of unnamed structures and unions inside count as those of the type. Bit fields
  // have none.
  [[nodiscard]] std::optional<std::uint64_t> offset_of(std::string_view type,
                                                       std::string_view member) const;
  // Elements of a member that is an array.
  [[nodiscard]] std::optional<std::uint64_t> length_of(std::string_view type,
                                                       std::string_view member) const;
  [[nodiscard]] std::optional<std::int64_t> enumerator(std::string_view name) const;

 private:
  friend class BtfReading;
  using MemberName = std::pair<std::string_view, std::string_view>;

  std::map<std::string_view, std::uint64_t> sizes_;
  std::map<MemberName, std::uint64_t> offsets_;
  std::map<MemberName, std::uint64_t> lengths_;
  std::map<std::string_view, std::int64_t> enumerators_;
};

}  // namespace vmsift
