// SPDX-License-Identifier: GPL-2.0-or-later
#include "mm-model/page_types.h"

#include <array>
#include <bit>
#include <limits>

namespace vmsift {

std::string_view name_of(TypeEncoding encoding) {
  constexpr std::array<std::string_view, 5> kNames = {
      "unknown", "of free blocks alone", "cleared bit", "cleared high bit", "top byte"};
  return kNames[static_cast<std::size_t>(encoding)];
}

TypeEncoding encoding_of(std::uint32_t value) {
  const std::uint32_t top = value >> 24;
  if (top >= 0xf0 && top <= 0xfe && (value & 0x00ffffffU) == 0) return TypeEncoding::top_byte;
  if (value == static_cast<std::uint32_t>(-2) || value == static_cast<std::uint32_t>(-128)) {
    return TypeEncoding::free_only;
  }
  const std::uint32_t cleared = ~value;
  if (!std::has_single_bit(cleared)) return TypeEncoding::unknown;
  if (cleared >= 1U << 16 && cleared <= 1U << 30) return TypeEncoding::high_bit;
  if (cleared >= 1U << 7 && cleared <= 1U << 15) return TypeEncoding::cleared_bit;
  return TypeEncoding::unknown;
}

TypeRule type_rule(std::uint32_t value, PageType type) {
  switch (encoding_of(value)) {
    case TypeEncoding::top_byte:
      return {0xff000000U, value, type};
    case TypeEncoding::high_bit:
      return {0xffff0000U, value & 0xffff0000U, type};  // one type alone: several are none
    case TypeEncoding::free_only:
    case TypeEncoding::cleared_bit:
    case TypeEncoding::unknown:
      break;
  }
  return {0xffffffffU, value, type};
}

std::optional<std::uint32_t> type_word(std::int64_t number) {
  if (number < std::numeric_limits<std::int32_t>::min() ||
      number > std::numeric_limits<std::uint32_t>::max() ||
      static_cast<std::int32_t>(number) >= -1) {
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(number);
}

}  // namespace vmsift
