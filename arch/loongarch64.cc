// SPDX-License-Identifier: GPL-2.0-or-later
// loongarch64 (5.19): pages of 4, 16 or 64 KiB, 2 to 4 levels that fill a page each, large leaves
// on all but the last.
//
// The processor has windows to memory: addresses from 0x9000... on are memory, cached, from
// 0x8000... and 0xa000... on (6.3) the same past the caches. The image is in the first of them,
// wherever KASLR puts it. modules, vmalloc and vmemmap are mapped by the tables of swapper_pg_dir,
// in the last 2^47 bytes at most (vm_map_base). The architecture adds nothing to the note: how many
// levels there are is counted (linked_tables.h) and must be what a kernel of that page size can
// have.
// Facts: arch/loongarch/include/asm/addrspace.h, pgtable.h, pgtable-bits.h, Kconfig of 6.12.
#include "arch/arch.h"
#include "arch/linked_tables.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <bit>

#ifndef EM_LOONGARCH
#define EM_LOONGARCH 258
#endif

namespace vmsift {
namespace {

constexpr std::uint64_t kCached = 0x9000000000000000, kUncached = 0x8000000000000000,
                        kWriteCombined = 0xa000000000000000;
constexpr std::uint64_t kWindow = std::uint64_t{1} << 48;  // DMW_PABITS
// CPUCFG.1.VALEN is 48 bits at most, so that kernel addresses have these set.
constexpr std::uint64_t kMapped = ~std::uint64_t{0} << 47;

constexpr std::uint64_t kHuge = 1U << 6;  // of a leaf above the last level
constexpr std::uint64_t kPresent = 1U << 7;
constexpr std::uint64_t kFrameMask = (kWindow - 1) & ~std::uint64_t{0xfff};

constexpr std::array<std::size_t, 3> kPageSizes = {16384, 4096, 65536};

// Levels of tables a kernel can be configured to have, by page size.
struct Levels {
  std::size_t page_size, fewest, most;
};
constexpr std::array<Levels, 3> kLevels = {{{4096, 3, 4}, {16384, 2, 3}, {65536, 2, 3}}};

std::optional<PhysAddr> table_of(std::uint64_t raw, std::uint64_t page_size) {
  if (raw / kWindow != kCached / kWindow || raw % page_size != 0) return std::nullopt;
  return PhysAddr{raw % kWindow};
}

PageTableEntry decode_entry(std::uint64_t raw, const PageTableLevel& level,
                            const PageTable& table) {
  const PageTableLevel& last = table.levels.back();
  const bool is_last = level.shift == last.shift;
  if (is_last || (raw & kHuge) != 0) {
    if ((raw & kPresent) == 0) return {};
    return {EntryKind::leaf, raw & kFrameMask};
  }
  const auto next = table_of(raw, std::size_t{1} << last.shift);
  return next ? PageTableEntry{EntryKind::table, next->value} : PageTableEntry{};
}

Result<AddressLayout> detect_layout(const MemorySource& source, const Vmcoreinfo& note) {
  const DumpInfo& dump = source.info();
  const auto root = note.symbol("swapper_pg_dir");
  if (!root) return error("SYMBOL(swapper_pg_dir) is missing");
  const auto at = table_of(root->value, dump.page_size);
  if (!at) {
    return error("SYMBOL(swapper_pg_dir) {:#x} is no page in the window at {:#x}", root->value,
                 kCached);
  }
  const auto possible = std::find_if(kLevels.begin(), kLevels.end(), [&](const Levels& l) {
    return l.page_size == dump.page_size;
  });
  if (possible == kLevels.end()) return error("loongarch64 has no pages of {} B", dump.page_size);

  AddressLayout layout;
  for (const std::uint64_t base : {kCached, kUncached, kWriteCombined}) {
    layout.linear.push_back({{base}, {0}, kWindow});
  }
  layout.tables_map_image = false;
  AddressSpace memory(layout, source);
  const std::size_t levels = follow_links(memory, *at, dump, table_of).levels;
  if (levels < possible->fewest || levels > possible->most) {
    return error("the tables at SYMBOL(swapper_pg_dir) {:#x} have {} levels, where {} to {} can be",
                 root->value, levels, possible->fewest, possible->most);
  }
  const auto page_shift = static_cast<unsigned>(std::countr_zero(dump.page_size));
  const unsigned bits = page_shift - 3;
  for (std::size_t i = levels; i-- > 0;) {
    const auto shift = static_cast<std::uint8_t>(page_shift + i * bits);
    layout.table.levels.push_back({shift, static_cast<std::uint8_t>(bits)});
  }
  layout.table.root = *at;
  layout.table.order = dump.order;
  layout.table.upper_mask = layout.table.upper = kMapped;
  layout.table.decode = decode_entry;
  // include/asm/sparsemem.h
  layout.section_size_bits = 29;
  layout.max_physmem_bits = 48;
  return layout;
}

}  // namespace

extern constinit const Arch kLoongarch64 = {
    .name = "loongarch64",
    .other_names = {},
    .elf_machine = EM_LOONGARCH,
    .word_bytes = 8,
    .page_sizes = kPageSizes,
    .detect_layout = detect_layout,
    .image_start = kCached,
    .find_boot = nullptr,
};

}  // namespace vmsift
