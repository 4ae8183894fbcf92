// SPDX-License-Identifier: GPL-2.0-or-later
// What a kernel's note says for each key, out of its types and symbols.
#pragma once

#include "src/note/kernel_facts.h"
#include "src/note/keys.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vmsift {

// compound_dtor_id 4.5 to 6.5, pagetype since 6.11, node_stat_item since 4.8; the others are older
// than notes.
inline constexpr std::array<std::string_view, 5> kNoteEnums = {
    "pageflags", "pagetype", "zone_stat_item", "node_stat_item", "compound_dtor_id"};

// "OFFSET(page.flags)": OFFSET, page, flags.
struct KeyParts {
  std::string_view kind, name, member;
};
KeyParts split_key(std::string_view key);

// Decimal, of a SYMBOL hexadecimal, as the note has it; empty: this kernel has nothing of the name,
// or does not write the key.
std::string derive_value(const KeyRule& rule, const KernelFacts& facts);

// Everything that derive_value() asks for, each name once. The views live for ever.
struct AskedNames {
  std::vector<std::string_view> symbols;
  std::vector<std::string_view> types;
  std::vector<std::pair<std::string_view, std::string_view>> members;  // for their offsets
  std::vector<std::pair<std::string_view, std::string_view>> arrays;   // members, for their lengths
  std::vector<std::string_view> enumerators;
};
AskedNames asked_names();

}  // namespace vmsift
