// SPDX-License-Identifier: GPL-2.0-or-later
// One walker for every radix page table. An architecture describes its tables: how many bits each
// level indexes, and what an entry of a level says.
#pragma once

#include "src/base/bytes.h"
#include "src/base/types.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace vmsift {

struct PageTableLevel {
  std::uint8_t shift;  // log2 of the bytes one entry of this level maps
  std::uint8_t bits;   // log2 of the entries of one table
};

enum class EntryKind : std::uint8_t { absent, table, leaf };

struct PageTableEntry {
  EntryKind kind = EntryKind::absent;
  std::uint64_t frame = 0;  // physical address of the next table, or of the mapped memory
  // log2 of the bytes of a leaf that several entries of a level say together (riscv's Svnapot);
  // 0: those of its level.
  std::uint8_t shift = 0;
};

struct PageTable {
  std::vector<PageTableLevel> levels;  // the root's first
  PhysAddr root;
  ByteOrder order = ByteOrder::little;  // of its entries
  unsigned entry_bytes = 8;             // 8 or 4
  // Addresses of these tables have these bits set, of those in the mask. Without this a torn
  // pointer would be taken for the address that its low bits are.
  std::uint64_t upper_mask = 0;
  std::uint64_t upper = 0;
  bool lower_half = false;  // they are also those of addresses with none of the mask's bits
  std::uint64_t encryption_mask = 0;  // address bits of an entry that are not the address
  PageTableEntry (*decode)(std::uint64_t raw, const PageTableLevel& level,
                           const PageTable& table) = nullptr;
};

struct Translation {
  PhysAddr paddr;
  std::uint64_t contiguous = 0;  // bytes from paddr on that the same mapping covers
};

// Reads one entry of physical memory; false when the dump has none there.
using ReadPhysical = std::function<bool(PhysAddr, std::span<std::byte>)>;

// One entry on the way, for who wants to see it.
struct WalkStep {
  PageTableLevel level;
  PhysAddr at;  // of the entry
  bool readable = false;
  std::uint64_t raw = 0;  // as it stands there
  PageTableEntry entry;
};
using WalkObserver = std::function<void(const WalkStep&)>;

// nullopt: not mapped, no address of this kernel, or a table is not in the dump.
std::optional<Translation> walk_page_table(const PageTable& table, VirtAddr vaddr,
                                           const ReadPhysical& read,
                                           const WalkObserver* observer = nullptr);

// The lowest address at or above `from` that is mapped. At most kMostTablesSearched tables are
// looked at, so that tables of nothing but empty tables end the search: nullopt then too.
inline constexpr unsigned kMostTablesSearched = 256;
std::optional<std::pair<VirtAddr, Translation>> first_mapping(const PageTable& table, VirtAddr from,
                                                              const ReadPhysical& read);

}  // namespace vmsift
