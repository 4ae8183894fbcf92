// SPDX-License-Identifier: GPL-2.0-or-later
// The page tables of mips and loongarch, whose notes do not say how many levels there are. Entries
// of all levels but the last hold virtual addresses of tables, since only software reads them (or
// hardware that ignores the top bits), and those that map nothing hold that of a shared empty table
// of the next level (invalid_pmd_table, invalid_pte_table). So chains of tables show their length
// even where nothing is mapped; only large leaves make one shorter.
#pragma once

#include "mm-model/address_space.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace vmsift {

// The table that an entry points to; nullopt: this is no address of a table.
using TableOfEntry = std::optional<PhysAddr> (*)(std::uint64_t raw, std::uint64_t page_size);

struct LinkedTables {
  std::size_t levels = 0;              // 0: the root cannot be read
  std::vector<std::uint64_t> links;    // entries that point to tables, each once
  std::vector<std::uint64_t> entries;  // of tables without links, but zeros
};

// Looks at the first page of kMostLinkedTables tables at most, not deeper than
// kMostLinkedLevels, and collects kMostLinkedEntries entries at most.
inline constexpr std::size_t kMostLinkedTables = 64;
inline constexpr std::size_t kMostLinkedLevels = 5;
inline constexpr std::size_t kMostLinkedEntries = 4096;
LinkedTables follow_links(AddressSpace& memory, PhysAddr root, const DumpInfo& dump,
                          TableOfEntry table_of);

}  // namespace vmsift
