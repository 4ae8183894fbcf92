// SPDX-License-Identifier: GPL-2.0-or-later
// x86_64: 4 or 5 levels of 512 entries, leaves of 4 KiB, 2 MiB and 1 GiB.
//
// The kernel image is mapped at __START_KERNEL_map, a constant since 2.6 that KASLR does not move;
// where it lies in memory is NUMBER(phys_base) (may be "negative"). All else, the direct map and
// vmemmap included, is randomised since 4.8 and found through the tables of swapper_pg_dir, an
// address inside the image. The symbols in the note are those of the running kernel.
// With memory encryption (SME, SEV; 4.14) one physical address bit of an entry is the C-bit.
#include "arch/x86_64.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <bit>

namespace vmsift {
namespace {

using x86_64::kStartKernelMap;

constexpr std::uint64_t kDefaultImageSize = std::uint64_t{512} << 20;  // without KASLR

constexpr std::uint64_t kPresent = 1U << 0;
constexpr std::uint64_t kPageSizeBit = 1U << 7;           // a leaf above the last level
constexpr std::uint64_t kFrameMask = 0x000ffffffffff000;  // bits 12 to 51

constexpr std::array<PageTableLevel, 5> kFiveLevels = {
    {{48, 9}, {39, 9}, {30, 9}, {21, 9}, {12, 9}}};
constexpr std::array<std::size_t, 1> kPageSizes = {4096};

PageTableEntry decode_entry(std::uint64_t raw, const PageTableLevel& level, const PageTable&) {
  if ((raw & kPresent) == 0) return {};
  const bool large = (level.shift == 21 || level.shift == 30) && (raw & kPageSizeBit) != 0;
  const EntryKind kind = large || level.shift == 12 ? EntryKind::leaf : EntryKind::table;
  return {kind, raw & kFrameMask};
}

std::optional<std::uint64_t> find_phys_base(const DumpInfo& dump, const Vmcoreinfo& note) {
  if (const auto n = note.number("phys_base")) return static_cast<std::uint64_t>(*n);
  // Kernels before 4.10 do not say; the PT_LOAD of the kernel text does.
  const auto text =
      std::find_if(dump.virtual_ranges.begin(), dump.virtual_ranges.end(),
                   [](const VirtualRange& r) { return r.vaddr.value >= kStartKernelMap; });
  if (text == dump.virtual_ranges.end()) return std::nullopt;
  return text->paddr.value - (text->vaddr.value - kStartKernelMap);
}

Result<AddressLayout> detect_layout(const MemorySource& source, const Vmcoreinfo& note) {
  const DumpInfo& dump = source.info();
  const auto phys_base = find_phys_base(dump, note);
  if (!phys_base) return error("NUMBER(phys_base) is missing and no PT_LOAD maps the kernel text");
  const auto root = x86_64::page_table_root(note);
  if (!root) return error("SYMBOL(swapper_pg_dir) is missing");
  const auto c_bit = static_cast<std::uint64_t>(note.number("sme_mask").value_or(0));
  if (!x86_64::is_encryption_mask(c_bit)) {
    return error("NUMBER(sme_mask) {:#x} is no bit of an address", c_bit);
  }

  auto image = static_cast<std::uint64_t>(note.number("KERNEL_IMAGE_SIZE").value_or(0));
  if (image == 0 || image > -kStartKernelMap) image = kDefaultImageSize;
  AddressLayout layout;
  layout.phys_base = *phys_base;
  layout.image.push_back({{kStartKernelMap}, {*phys_base}, image});
  const bool five_levels = note.number("pgtable_l5_enabled").value_or(0) == 1;
  layout.table =
      x86_64::page_table({root->value - kStartKernelMap + *phys_base}, five_levels, c_bit);
  layout.table.order = dump.order;
  // include/asm/sparsemem.h: 2^27 since 2.6.25; 46 bits since 2.6.31.
  layout.section_size_bits = 27;
  layout.max_physmem_bits = 46;
  return layout;
}

}  // namespace

namespace x86_64 {

// Renamed in 4.13 (init_level4_pgt to init_top_pgt); swapper_pg_dir is an alias of either.
std::optional<VirtAddr> page_table_root(const Vmcoreinfo& note) {
  auto root = note.symbol("swapper_pg_dir");
  if (!root) root = note.symbol("init_top_pgt");
  if (!root) root = note.symbol("init_level4_pgt");
  return root;
}

// The C-bit is one of the address bits that memory of the machine does not reach: 47 or 51 so far.
bool is_encryption_mask(std::uint64_t mask) {
  return mask == 0 || (std::has_single_bit(mask) && mask <= kFrameMask && mask >> 32 != 0);
}

PageTable page_table(PhysAddr root, bool five_levels, std::uint64_t encryption_mask) {
  PageTable table;
  table.levels.assign(kFiveLevels.begin() + (five_levels ? 0 : 1), kFiveLevels.end());
  // Addresses repeat their highest bit; it is set in the kernel's.
  table.upper_mask = table.upper = ~std::uint64_t{0} << (five_levels ? 56 : 47);
  table.lower_half = true;
  table.root = root;
  table.encryption_mask = encryption_mask;
  table.decode = decode_entry;
  return table;
}

}  // namespace x86_64

extern constinit const Arch kX86_64 = {
    .name = "x86_64",
    .other_names = {},
    .elf_machine = EM_X86_64,
    .word_bytes = 8,
    .page_sizes = kPageSizes,
    .detect_layout = detect_layout,
    .image_start = kStartKernelMap,
    .find_boot = x86_64::find_boot,
};

}  // namespace vmsift
