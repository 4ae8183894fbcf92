// SPDX-License-Identifier: GPL-2.0-or-later
// Page types: negative numbers in the 32-bit word that otherwise counts mappings (page._mapcount,
// page.page_type), and how they are compared. The value that a note has for a type tells which way
// of encoding types its kernel has.
#pragma once

#include "mm-model/page_traits.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace vmsift {

// A page type is a masked comparison of that word, whatever era it is from.
struct TypeRule {
  std::uint32_t mask = 0;
  std::uint32_t value = 0;
  PageType type = PageType::none;
};

enum class TypeEncoding : std::uint8_t {
  unknown,      // none that any kernel had
  free_only,    // 2.6.38: -2 marks free blocks; 2.6.39 to 4.17: -128; there is no other type
  cleared_bit,  // 4.18 to 6.10: one of the bits 7 to 15 is cleared
  high_bit,     // 6.11: one of the bits 16 to 30 is cleared, the low 16 bits are the owner's
  top_byte,     // since 6.12: a number from 0xf0 up, the low 24 bits are the owner's
};
// Named as in "page type 0xf0000000 (top byte)".
std::string_view name_of(TypeEncoding encoding);

// `value` is a NUMBER(PAGE_..._MAPCOUNT_VALUE) of the note.
TypeEncoding encoding_of(std::uint32_t value);
// Not for an unknown encoding.
TypeRule type_rule(std::uint32_t value, PageType type);

// The page type word of `number`; nullopt: no page type, since a count of mappings can be -1 and
// above.
std::optional<std::uint32_t> type_word(std::int64_t number);

}  // namespace vmsift
