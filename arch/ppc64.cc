// SPDX-License-Identifier: GPL-2.0-or-later
// ppc64 of either byte order, Book3S: pages of 4 or 64 KiB, a hash MMU or (4.7) radix.
//
// Memory and the kernel's image are at 0xc000000000000000, whatever the MMU. vmalloc and modules
// are in page tables, with hash too, where these are Linux's own. vmemmap is in them with radix
// since 6.6; else vmemmap_list says where it lies. How many bits each level indexes is in no note:
// it follows from MMU, page size and release. Entries are big-endian whatever the kernel is
// since 4.7 (5dc1ef858c12), and hold physical addresses since 4.6. Facts:
// arch/powerpc/include/asm/pgtable-ppc64-{4k,64k}.h and pte-hash64-*.h of 2.6.24 to 4.4,
// book3s/64/{hash-4k,hash-64k,radix-4k,radix-64k,pgtable}.h of 4.5 to 6.12.
// Book3E (e5500, e6500) has tables of its own, which are not known here.
#include "arch/arch.h"
#include "arch/ppc64_lists.h"
#include "mm-model/address_space.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace vmsift {
namespace {

constexpr std::uint64_t kPageOffset = 0xc000000000000000;
// Where memory of hash kernels of 4 KiB ends: H_KERN_VIRT_START of 5.1, and what it has become
// since.
constexpr std::uint64_t kStart4kHash = 0xc000100000000000, kVmalloc4kHash = 0xc0003d0000000000;
constexpr std::uint64_t kVmalloc = 0xc008000000000000;  // radix, and hash of 64 KiB (5.1)
constexpr std::uint64_t kHashRegionBit = std::uint64_t{1}
                                         << 60;  // 0xd: vmalloc with hash until 5.0
constexpr std::uint32_t kRadixFeature = 0x40;    // MMU_FTR_TYPE_RADIX

// Since 4.6.
constexpr std::uint64_t kPresent = std::uint64_t{1} << 63;
constexpr std::uint64_t kLeaf = std::uint64_t{1} << 62;   // _PAGE_PTE
constexpr std::uint64_t kRead = 1U << 2;                  // what the kernel maps it can read
constexpr std::uint64_t kFrameMask = 0x001ffffffffff000;  // bits 12 to 52
constexpr std::uint64_t kTableMask = 0x0fffffffffffff00;
// Until 4.5. Tables are at multiples of 4 KiB on the last level, of 512 bytes above.
constexpr std::uint64_t kOldPresent = 1U << 0;
constexpr std::uint64_t kOldTableMask = 0x0ffffffffffffe00, kOldLastTableMask = 0x0ffffffffffff000;

constexpr std::array<std::size_t, 2> kPageSizes = {65536, 4096};

// Bits that each level indexes, the last level first.
struct IndexBits {
  KernelRelease since;
  std::array<std::uint8_t, 4> bits;  // PTE, PMD, PUD, PGD; 0: there is no such level
};
constexpr IndexBits kRadix64k = {{4, 7}, {5, 9, 9, 13}}, kRadix4k = {{4, 7}, {9, 9, 9, 13}};
constexpr std::array<IndexBits, 5> kHash64k = {{{{4, 17}, {8, 10, 10, 8}},
                                                {{4, 12}, {8, 10, 7, 8}},
                                                {{4, 6}, {8, 5, 5, 12}},
                                                {{3, 10}, {8, 10, 0, 12}},
                                                {{0, 0}, {12, 12, 0, 4}}}};
constexpr std::array<IndexBits, 2> kHash4k = {{{{3, 7}, {9, 7, 9, 9}}, {{0, 0}, {9, 7, 7, 9}}}};

template <std::size_t N>
const IndexBits& of_release(const std::array<IndexBits, N>& all, KernelRelease release) {
  return *std::find_if(all.begin(), all.end(),
                       [release](const IndexBits& i) { return release >= i.since; });
}

std::vector<PageTableLevel> levels_of(const IndexBits& index, unsigned page_shift) {
  std::vector<PageTableLevel> levels;
  unsigned shift = page_shift;
  for (const std::uint8_t bits : index.bits) {
    if (bits != 0) levels.push_back({static_cast<std::uint8_t>(shift), bits});
    shift += bits;
  }
  std::reverse(levels.begin(), levels.end());
  return levels;
}

// Flags of hash tables are in the low bits of a frame of 64 KiB; the walker aligns it.
PageTableEntry decode_entry(std::uint64_t raw, const PageTableLevel& level,
                            const PageTable& table) {
  if ((raw & kLeaf) != 0) {
    const bool mapped = (raw & kPresent) != 0 && (raw & kRead) != 0;
    return mapped ? PageTableEntry{EntryKind::leaf, raw & kFrameMask} : PageTableEntry{};
  }
  if (level.shift == table.levels.back().shift || (raw & kTableMask) == 0) return {};
  return {EntryKind::table, raw & kTableMask};
}

// Above the last level: the address of the table in the direct map.
template <unsigned kPageShift, unsigned kFrameShift>
PageTableEntry decode_old(std::uint64_t raw, const PageTableLevel& level, const PageTable& table) {
  if (level.shift == table.levels.back().shift) {
    if ((raw & kOldPresent) == 0) return {};
    return {EntryKind::leaf, raw >> kFrameShift << kPageShift};
  }
  if (raw >> 60 != kPageOffset >> 60) return {};
  const bool last = level.shift == table.levels[table.levels.size() - 2].shift;
  return {EntryKind::table, raw & (last ? kOldLastTableMask : kOldTableMask)};
}

// nullopt: nothing says so.
std::optional<bool> is_radix(const Vmcoreinfo& note, KernelRelease release, AddressSpace& memory) {
  if (const auto named = note.number("RADIX_MMU")) return *named != 0;  // 6.7
  if (release < KernelRelease{4, 7}) return false;
  const auto spec = note.symbol("cur_cpu_spec");
  const auto features = note.offset("cpu_spec.mmu_features");
  if (spec && features) {
    const auto at = memory.read_word(*spec);
    const auto bits = at ? memory.read_value<std::uint32_t>({*at + *features}) : std::nullopt;
    if (bits) return (*bits & kRadixFeature) != 0;
  }
  return ppc64::radix_by_page_sizes(note, memory);
}

// Fills layout.table, or says why not.
void find_tables(const Vmcoreinfo& note, KernelRelease release, std::optional<bool> radix,
                 VirtAddr root, bool small_pages, AddressLayout& layout) {
  if (!radix) {
    layout.no_tables =
        "page tables are not known: nothing says whether the MMU is hash or radix "
        "(NUMBER(RADIX_MMU), SYMBOL(cur_cpu_spec) and SYMBOL(mmu_psize_defs) are missing)";
    return;
  }
  const auto start = note.number("VMALLOC_START");  // 6.9
  const std::uint64_t expected = small_pages && !*radix ? kVmalloc4kHash : kVmalloc;
  if (start && static_cast<std::uint64_t>(*start) != expected) {
    layout.no_tables =
        fmt::format("page tables are not known: NUMBER(VMALLOC_START) {:#x} is not that of Book3S",
                    static_cast<std::uint64_t>(*start));
    return;
  }
  const unsigned page_shift = small_pages ? 12 : 16;
  PageTable& table = layout.table;
  const IndexBits& index = *radix        ? (small_pages ? kRadix4k : kRadix64k)
                           : small_pages ? of_release(kHash4k, release)
                                         : of_release(kHash64k, release);
  table.levels = levels_of(index, page_shift);
  table.root = {root - VirtAddr{kPageOffset}};
  const unsigned width = table.levels.front().shift + table.levels.front().bits;
  table.upper_mask = ~std::uint64_t{0} << width;
  table.upper = kPageOffset & table.upper_mask;
  // 5.1 moved vmalloc of hash kernels from 0xd to 0xc, distributions in releases of their own; the
  // tables do not index that bit.
  if (!*radix && !start) table.upper_mask &= ~kHashRegionBit;
  table.decode = decode_entry;
  if (release >= KernelRelease{4, 7}) table.order = ByteOrder::big;
  if (release >= KernelRelease{4, 6}) return;
  table.decode = !small_pages                     ? decode_old<16, 30>
                 : release >= KernelRelease{4, 5} ? decode_old<12, 18>
                                                  : decode_old<12, 17>;
}

Result<AddressLayout> detect_layout(const MemorySource& source, const Vmcoreinfo& note) {
  const DumpInfo& dump = source.info();
  const auto root = note.symbol("swapper_pg_dir");
  if (!root) return error("SYMBOL(swapper_pg_dir) is missing");
  if (root->value >> 60 != kPageOffset >> 60) {
    return error("SYMBOL(swapper_pg_dir) {:#x} is not in the direct map", root->value);
  }
  const auto release = note.release();
  if (!release) return error("OSRELEASE is missing or no release");
  const bool small_pages = dump.page_size == 4096;
  if (!small_pages && dump.page_size != 65536) {
    return error("pages of {} bytes are not known on ppc64", dump.page_size);
  }

  AddressLayout layout;
  layout.linear.push_back({{kPageOffset}, {0}, kVmalloc - kPageOffset});
  layout.table.order = dump.order;
  AddressSpace memory(layout, source);
  const auto radix = is_radix(note, *release, memory);
  auto listed = ppc64::read_vmemmap_list(note, memory);
  if (!listed) return listed.take_error();
  layout.listed = std::move(*listed);
  if (small_pages && !radix.value_or(false) && *release >= KernelRelease{5, 1}) {
    const bool moved = note.number("VMALLOC_START").has_value();
    layout.linear.front().size = (moved ? kVmalloc4kHash : kStart4kHash) - kPageOffset;
  }
  find_tables(note, *release, radix, *root, small_pages, layout);
  layout.tables_map_image = radix.value_or(false);  // hash has the direct map in no table
  // arch/powerpc/include/asm/sparsemem.h, and book3s/64/*.h since 5.0.
  layout.section_size_bits = 24;
  layout.max_physmem_bits = *release >= KernelRelease{4, 20}   ? (small_pages ? 46 : 51)
                            : *release >= KernelRelease{4, 19} ? 47
                            : *release >= KernelRelease{3, 7}  ? 46
                                                               : 44;
  return layout;
}

}  // namespace

extern constinit const Arch kPpc64 = {
    .name = "ppc64",
    .other_names = "ppc64le",
    .elf_machine = EM_PPC64,
    .word_bytes = 8,
    .page_sizes = kPageSizes,
    .detect_layout = detect_layout,
    .image_start = 0,
    .find_boot = nullptr,
};

}  // namespace vmsift
