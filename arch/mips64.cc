// SPDX-License-Identifier: GPL-2.0-or-later
// mips64, of either byte order: pages of 4 to 64 KiB, 2 to 4 levels.
//
// Segments of the address space are windows to memory: XKPHYS eight times, once for each way to
// cache it (bits 59 to 61), and CKSEG0 and CKSEG1 to its first 512 MiB. Memory is used through one
// part of XKPHYS, the image mostly through CKSEG0. vmalloc is in XKSEG and modules are in CKSEG2,
// both mapped by the tables of swapper_pg_dir. There is no vmemmap.
// The architecture adds nothing to the note. Levels are counted (linked_tables.h). Where an entry
// of the last level has its page frame depends on the processor and on five options of the kernel:
// software bits come first, then Global, Valid and Dirty, 3 bits that say how the page is cached,
// and the frame. Entries of the kernel's own memory have the first three set and are cached as the
// direct map is, which leaves one place that all entries agree on; or the tables are not used.
// Facts: arch/mips/include/asm/pgtable-bits.h, pgtable-64.h, mach-generic/spaces.h, addrspace.h of
// 3.8 to 6.12, mm/c-r4k.c; MIPS64 Architecture, volume III, 4.3.
#include "arch/arch.h"
#include "arch/linked_tables.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <bit>
#include <span>

namespace vmsift {
namespace {

constexpr std::uint64_t kXkphys = 0x8000000000000000, kXkseg = 0xc000000000000000;
constexpr unsigned kCacheShift = 59;  // in an address of XKPHYS
constexpr std::uint64_t kXkphysWindow = std::uint64_t{1} << kCacheShift;
constexpr std::uint64_t kUsualCache = 3;  // cached, not coherent: 0x9800...
constexpr std::uint64_t kCkseg0 = 0xffffffff80000000, kCkseg1 = 0xffffffffa0000000;
constexpr std::uint64_t kCksegWindow = std::uint64_t{512} << 20;

constexpr std::uint64_t kPresent = 1U << 0;
// Bits of an entry that say how the page is cached. The number of its frame of 4 KiB is behind
// them, with pages of any size.
constexpr unsigned kCacheBits = 3;

constexpr std::array<std::size_t, 5> kPageSizes = {4096, 16384, 65536, 8192, 32768};

// Levels by page size, the second with CONFIG_MIPS_VA_BITS_48. The root of 4 KiB pages has two
// pages, and that of 16 KiB with that option (root_has_two_pages()).
struct Levels {
  std::size_t page_size, levels;
  unsigned root_bits;
};
constexpr std::array<Levels, 7> kLevels = {{{4096, 3, 10},
                                            {4096, 4, 9},
                                            {8192, 3, 10},
                                            {16384, 3, 11},
                                            {32768, 3, 12},
                                            {65536, 2, 13},
                                            {65536, 3, 13}}};

std::optional<PhysAddr> in_window(std::uint64_t address) {
  if (address >> 62 == kXkphys >> 62) return PhysAddr{address % kXkphysWindow};
  if (address >= kCkseg0 && address < kCkseg1 + kCksegWindow) {
    return PhysAddr{address % kCksegWindow};
  }
  return std::nullopt;
}

std::optional<PhysAddr> table_of(std::uint64_t raw, std::uint64_t page_size) {
  return raw % page_size == 0 ? in_window(raw) : std::nullopt;
}

// kCache: the first of the bits that say how the page is cached. Large leaves are of processes
// only.
template <unsigned kCache>
PageTableEntry decode_entry(std::uint64_t raw, const PageTableLevel& level,
                            const PageTable& table) {
  const PageTableLevel& last = table.levels.back();
  const std::uint64_t page_size = std::uint64_t{1} << last.shift;
  if (level.shift != last.shift) {
    const auto next = table_of(raw, page_size);
    return next ? PageTableEntry{EntryKind::table, next->value} : PageTableEntry{};
  }
  if ((raw & kPresent) == 0) return {};
  const std::uint64_t frame = (raw >> (kCache + kCacheBits) << 12) & -page_size;
  return {EntryKind::leaf, frame % kXkphysWindow};
}

struct Decoder {
  unsigned cache;
  decltype(PageTable::decode) decode;
};
// There are 5 software bits (Present, NoRead or NoExec, Write, Accessed, Modified) to 9 (and Huge,
// Special or Splitting, SoftDirty, NoRead), behind them Global, Valid and Dirty.
constexpr std::array<Decoder, 5> kDecoders = {{{8, decode_entry<8>},
                                               {9, decode_entry<9>},
                                               {10, decode_entry<10>},
                                               {11, decode_entry<11>},
                                               {12, decode_entry<12>}}};

bool fits(std::uint64_t entry, unsigned cache_at, std::uint64_t cache) {
  return (entry >> (cache_at - 3) & 7) == 7 && (entry >> cache_at & 7) == cache;
}

// The place that all entries that are present agree on; nullptr: none, or more than one.
decltype(PageTable::decode) find_decoder(std::span<const std::uint64_t> entries,
                                         std::uint64_t cache) {
  decltype(PageTable::decode) found = nullptr;
  for (const Decoder& d : kDecoders) {
    std::size_t present = 0;
    std::size_t fitting = 0;
    for (const std::uint64_t entry : entries) {
      if ((entry & kPresent) == 0) continue;
      ++present;
      fitting += fits(entry, d.cache, cache);
    }
    // Device memory is cached in other ways, or not at all.
    if (present == 0 || fitting * 2 <= present) continue;
    if (found != nullptr) return nullptr;
    found = d.decode;
  }
  return found;
}

// How memory is cached in the direct map, where the kernel allocates its tables from.
std::uint64_t find_cache(std::span<const std::uint64_t> links) {
  const auto in_xkphys = std::find_if(links.begin(), links.end(),
                                      [](std::uint64_t l) { return l >> 62 == kXkphys >> 62; });
  return in_xkphys == links.end() ? kUsualCache : *in_xkphys >> kCacheShift & 7;
}

// Entries in the middle of both pages, far from where anything is allocated, lead to the same empty
// table.
bool root_has_two_pages(AddressSpace& memory, PhysAddr root, const DumpInfo& dump) {
  std::array<std::byte, 8> first;
  std::array<std::byte, 8> second;
  return memory.read_physical(root + dump.page_size / 2, first) &&
         memory.read_physical(root + dump.page_size / 2 * 3, second) && first == second &&
         table_of(load<std::uint64_t>(first.data(), dump.order), dump.page_size);
}

void describe_tables(const LinkedTables& tables, std::uint64_t cache, const MemorySource& source,
                     PhysAddr root, AddressLayout& layout) {
  const DumpInfo& dump = source.info();
  const auto shape = std::find_if(kLevels.begin(), kLevels.end(), [&](const Levels& l) {
    return l.page_size == dump.page_size && l.levels == tables.levels;
  });
  if (shape == kLevels.end()) {
    layout.no_tables = fmt::format(
        "the tables at SYMBOL(swapper_pg_dir) have {} levels, which no "
        "kernel with pages of {} B has",
        tables.levels, dump.page_size);
    return;
  }
  layout.table.decode = find_decoder(tables.entries, cache);
  if (layout.table.decode == nullptr) {
    layout.no_tables =
        "the tables at SYMBOL(swapper_pg_dir) do not show where entries have their page frame";
    return;
  }
  const auto page_shift = static_cast<unsigned>(std::countr_zero(dump.page_size));
  unsigned root_bits = shape->root_bits;
  AddressSpace memory(layout, source);
  if (dump.page_size == 16384 && root_has_two_pages(memory, root, dump)) ++root_bits;
  for (std::size_t i = tables.levels; i-- > 0;) {
    const unsigned bits = i + 1 == tables.levels ? root_bits : page_shift - 3;
    layout.table.levels.push_back({static_cast<std::uint8_t>(page_shift + i * (page_shift - 3)),
                                   static_cast<std::uint8_t>(bits)});
  }
  layout.table.root = root;
  layout.table.order = dump.order;
  // XKSEG begins with 0xc000..., CKSEG2 with 0xffff...
  layout.table.upper_mask = layout.table.upper = kXkseg;
}

Result<AddressLayout> detect_layout(const MemorySource& source, const Vmcoreinfo& note) {
  const DumpInfo& dump = source.info();
  const auto symbol = note.symbol("swapper_pg_dir");
  if (!symbol) return error("SYMBOL(swapper_pg_dir) is missing");
  const auto root = table_of(symbol->value, dump.page_size);
  if (!root) {  // CONFIG_MAPPED_KERNEL: nothing says by what
    return error("SYMBOL(swapper_pg_dir) {:#x} is no page in XKPHYS, CKSEG0 or CKSEG1",
                 symbol->value);
  }
  AddressLayout layout;
  layout.tables_map_image = false;
  AddressSpace memory(layout, source);
  const LinkedTables tables = follow_links(memory, *root, dump, table_of);
  const std::uint64_t cache = find_cache(tables.links);
  for (std::uint64_t i = 0; i < 8; ++i) {
    const std::uint64_t way = (cache + i) % 8;
    layout.linear.push_back({{kXkphys | way << kCacheShift}, {0}, kXkphysWindow});
  }
  layout.image.push_back({{kCkseg0}, {0}, kCksegWindow});
  layout.linear.push_back({{kCkseg1}, {0}, kCksegWindow});
  describe_tables(tables, cache, source, *root, layout);
  // include/asm/sparsemem.h; 29 with pages of 64 KiB that can be huge. Physical addresses had 35
  // bits in the beginning.
  layout.section_size_bits = 28;
  layout.max_physmem_bits = 48;
  return layout;
}

}  // namespace

extern constinit const Arch kMips64 = {
    .name = "mips64",
    .other_names = "mips64el",
    .elf_machine = EM_MIPS,
    .word_bytes = 8,
    .page_sizes = kPageSizes,
    .detect_layout = detect_layout,
    .image_start = kCkseg0,
    .find_boot = nullptr,
};

}  // namespace vmsift
