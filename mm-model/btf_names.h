// SPDX-License-Identifier: GPL-2.0-or-later
// The strings of BTF: which of them are names that are looked for. A type says its name as an
// offset into the strings, so that they need to be read once, and afterwards offsets are compared.
#pragma once

#include "mm-model/btf_types.h"

#include <bitset>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace vmsift::btf {

class Names {
 public:
  static constexpr std::size_t kLongest = 63;  // of the names that may be looked for
  static constexpr unsigned kShapeBits = 14;

  // `wanted` is sorted, without duplicates; its views must outlive the object.
  static Result<Names> find(AddressSpace& memory, const Sections& sections,
                            std::vector<std::string_view> wanted);

  // The name at that offset; empty: one that is not looked for.
  [[nodiscard]] std::string_view at(std::uint32_t offset) const;

 private:
  static constexpr std::size_t kFilterBits = 8192;
  static std::size_t filter_bit(std::uint32_t offset) { return offset * 2654435761U >> 19; }
  Result<void> take_string(std::string_view string, std::uint32_t offset);

  std::vector<std::string_view> wanted_;
  std::bitset<std::size_t{1} << kShapeBits> shapes_;               // of wanted_
  std::vector<std::pair<std::uint32_t, std::string_view>> found_;  // ascending
  std::bitset<kFilterBits> offsets_;                               // of found_
};

}  // namespace vmsift::btf
