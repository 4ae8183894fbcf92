// SPDX-License-Identifier: GPL-2.0-or-later
// ppc64 by the kernel's headers: "radix" (Power ISA 3.0B, book III 5.7.10) with entries that are
// big-endian in memory always, or "hash" with Linux's own tables, vmemmap in a list.
// "radix-listed": as radix was until 6.5.
#include "tests/unit/support/note.h"
#include "tests/unit/support/synthetic_kernel.h"
#include "tests/unit/support/synthetic_variables.h"

#include <elf.h>

#include <stdexcept>

namespace vmsift::test {
namespace {

// In the page of data: mmu_psize_defs and what else describes the MMU.
constexpr std::uint64_t kSizes = 0x800, kSizeBytes = 96, kVmemmapSize = 0xe00, kList = 0xe08,
                        kCpuSpecPointer = 0xe10, kCpuSpec = 0xe20, kFeatures = 32;
constexpr unsigned kIndex64k = 2, kIndex2m = 7, kIndex16m = 10;
constexpr Pfn kBackings = 0x3c0;  // where the list's elements are
constexpr std::uint64_t kBackingShift = 16;

bool radix(const SyntheticKernel& kernel) {
  return kernel.shape().variant != "hash";
}

// _PAGE_PRESENT, _PAGE_PTE, and R, C, privileged, read, write.
std::uint64_t new_leaf(std::uint64_t frame, unsigned, const Machine& m) {
  const std::uint64_t combo = m.vmemmap_in_tables || m.page_shift == 12 ? 0 : 1U << 12;
  return frame | combo | std::uint64_t{3} << 62 | 0x18e;
}
// V, and the next level's bits as radix has them.
std::uint64_t radix_table(std::uint64_t at, unsigned, const Machine&) {
  return at | std::uint64_t{1} << 63 | 9;
}
std::uint64_t hash_table(std::uint64_t at, unsigned, const Machine&) {
  return at;
}
std::uint64_t old_leaf(std::uint64_t frame, unsigned, const Machine& m) {
  return (frame >> m.page_shift) << (m.page_shift == 16 ? 30 : 17) | 0x5f7;
}
std::uint64_t old_table(std::uint64_t at, unsigned, const Machine&) {
  return 0xc000000000000000 + at;
}

void describe(const SyntheticKernel& kernel, Note& note) {
  const Era era = kernel.shape().era;
  if (era < Era::v5_10) {  // exported since 5.9; sections of made-up kernels have one size
    note.set("NUMBER(SECTION_SIZE_BITS)", kSectionBits);
    note.set("NUMBER(MAX_PHYSMEM_BITS)", 46);
  }
  note.set_hex("SYMBOL(vmemmap_list)", kernel.variable(kList).value);
  note.set_hex("SYMBOL(mmu_vmemmap_psize)", kernel.variable(kVmemmapSize).value);
  note.set_hex("SYMBOL(mmu_psize_defs)", kernel.variable(kSizes).value);
  note.set("SIZE(vmemmap_backing)", 24);
  note.set("OFFSET(vmemmap_backing.list)", 0);
  note.set("OFFSET(vmemmap_backing.phys)", 8);
  note.set("OFFSET(vmemmap_backing.virt_addr)", 16);
  note.set("SIZE(mmu_psize_def)", kSizeBytes);
  note.set("OFFSET(mmu_psize_def.shift)", 0);
  if (era < Era::v6_9) return;
  note.set_hex("SYMBOL(cur_cpu_spec)", kernel.variable(kCpuSpecPointer).value);
  note.set("OFFSET(cpu_spec.mmu_features)", kFeatures);
  note.set("NUMBER(RADIX_MMU)", radix(kernel));
  const bool small_hash = !radix(kernel) && kernel.machine().page_shift == 12;
  note.set("NUMBER(VMALLOC_START)", small_hash ? "0xc0003d0000000000" : "0xc008000000000000");
}

void prepare(SyntheticKernel& kernel) {
  const PhysAddr data = kernel.own(variables::kData);
  const auto set_size = [&](unsigned index, unsigned shift) {
    kernel.memory.put<std::uint32_t>(data + kSizes + index * kSizeBytes, shift);
  };
  set_size(0, 12);
  set_size(kIndex64k, kBackingShift);
  if (radix(kernel)) {
    set_size(kIndex2m, 21);
  } else {
    set_size(kIndex16m, 24);
  }
  kernel.memory.put<std::uint32_t>(data + kVmemmapSize, kIndex64k);
  kernel.put_word(data + kCpuSpecPointer, kernel.variable(kCpuSpec).value);
  kernel.memory.put<std::uint32_t>(data + kCpuSpec + kFeatures, radix(kernel) ? 0x40 : 0);
  const KernelShape& shape = kernel.shape();
  if (kernel.machine().vmemmap_in_tables || shape.model != Model::sparse || !shape.vmemmap) return;
  // In front of the list goes what is mapped last, at the highest address.
  std::uint64_t head = 0;
  PhysAddr at = kernel.own(kBackings);
  const std::uint64_t bytes = kernel.end() * shape.page_struct_size;
  for (std::uint64_t done = 0; done < bytes; done += std::uint64_t{1} << kBackingShift) {
    kernel.put_word(at, head);
    kernel.put_word(at + 8, kernel.struct_place(0).value + done);
    kernel.put_word(at + 16, kernel.machine().vmemmap + done);
    head = kernel.direct(at).value;
    at = at + 24;
  }
  kernel.put_word(data + kList, head);
}

std::vector<PageTableLevel> levels_of(std::vector<unsigned> bits, unsigned shift) {
  std::vector<PageTableLevel> levels;
  for (const unsigned b : bits) {
    levels.insert(levels.begin(), {static_cast<std::uint8_t>(shift), static_cast<std::uint8_t>(b)});
    shift += b;
  }
  return levels;
}

}  // namespace

Machine make_ppc64(const KernelShape& shape) {
  Machine m;
  m.arch = find_arch(EM_PPC64, {}, 8);
  m.page_shift = shape.page_shift;
  const bool small = m.page_shift == 12;
  if (!small && m.page_shift != 16) throw std::runtime_error("pages of 4 or 64 KiB");
  const bool hash = shape.variant == "hash";
  if (!hash && shape.variant != "radix" && shape.variant != "radix-listed") {
    throw std::runtime_error("hash, radix or radix-listed");
  }
  m.direct = m.image = 0xc000000000000000;
  m.vmemmap = 0xc00c000000000000;
  m.leaf = new_leaf;
  if (!hash) {
    m.levels = levels_of({small ? 9U : 5U, 9, 9, 13}, m.page_shift);
    m.table = radix_table;
    m.entry_order = ByteOrder::big;
    m.direct_shift = 30;
    m.vmemmap_in_tables = shape.variant == "radix";
  } else {
    m.vmemmap_in_tables = m.direct_in_tables = false;
    const bool old = shape.era < Era::v4_19;
    if (small) {
      m.levels = levels_of({9, 7, 9, 9}, 12);
    } else if (old) {
      m.levels = levels_of({8, 10, 12}, 16);
    } else {
      m.levels = levels_of({8, 10, 10, 8}, 16);
    }
    m.table = old ? old_table : hash_table;
    if (old) {
      m.leaf = old_leaf;
    } else {
      m.entry_order = ByteOrder::big;
    }
    if (shape.era < Era::v5_4) m.vmemmap = 0xf000000000000000;
    if (shape.era >= Era::v5_4 && small) m.vmemmap = 0xc0003f0000000000;
  }
  m.describe = describe;
  m.prepare = prepare;
  return m;
}

}  // namespace vmsift::test
