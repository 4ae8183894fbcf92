// SPDX-License-Identifier: GPL-2.0-or-later
// sh: memory in P1, and tables of two levels for P3 alone, whose last entries are what the register
// PTEL takes (SH-4 manual, 3.2.2). Variant x2tlb: three levels of 64-bit entries, the last of which
// are two words, PTEL's and PTEA's.
#include "tests/unit/support/note.h"
#include "tests/unit/support/synthetic_kernel.h"

#include <elf.h>

#include <stdexcept>

namespace vmsift::test {
namespace {

constexpr std::uint64_t kP1 = 0x80000000, kSegment = 0x20000000;
// Valid, writable by the kernel, cached, dirty, shared; the size of 4 KiB and of 64 KiB.
constexpr std::uint64_t kPage = 0x100 | 0x20 | 0x8 | 0x4 | 0x2, kSize4K = 0x10, kSize64K = 0x80;

std::uint64_t leaf(std::uint64_t frame, unsigned, const Machine& m) {
  return frame | kPage | (m.page_shift == 16 ? kSize64K : kSize4K);
}
// PTEA says that the kernel may read, write and execute.
std::uint64_t leaf_of_two_words(std::uint64_t frame, unsigned shift, const Machine& m) {
  const std::uint64_t first = leaf(frame, shift, m), second = 0x3800;
  return m.entry_order == ByteOrder::big ? first << 32 | second : second << 32 | first;
}
std::uint64_t table(std::uint64_t at, unsigned, const Machine&) {
  return kP1 + at % kSegment;
}

void describe(const SyntheticKernel& kernel, Note& note) {
  if (kernel.machine().entry_bytes == 8) note.set("CONFIG_X2TLB", "y");
}

// One page of vmalloc, so that the tables are not empty.
void prepare(SyntheticKernel& kernel) {
  kernel.map({0xd1000000}, kernel.own(0x211), kernel.machine().page_shift);
}

}  // namespace

Machine make_sh(const KernelShape& shape) {
  const bool x2tlb = shape.variant == "x2tlb";
  if (!x2tlb && !shape.variant.empty()) throw std::runtime_error("x2tlb or none");
  Machine m;
  m.arch = find_arch(EM_SH, {}, 4);
  m.word = 4;
  m.page_shift = shape.page_shift;
  m.entry_bytes = x2tlb ? 8 : 4;
  m.entry_order = shape.order;
  const unsigned middle = 2 * m.page_shift - (x2tlb ? 3 : 2);
  const auto level = [](unsigned shift, unsigned top) {
    return PageTableLevel{static_cast<std::uint8_t>(shift), static_cast<std::uint8_t>(top - shift)};
  };
  if (x2tlb) m.levels.push_back(level(30, 32));
  m.levels.push_back(level(middle, x2tlb ? 30 : 32));
  m.levels.push_back(level(m.page_shift, middle));
  m.leaf = x2tlb ? leaf_of_two_words : leaf;
  m.table = table;
  m.describe = describe;
  m.prepare = prepare;
  m.direct = m.image = kP1 + (shape.first_pfn << m.page_shift) % kSegment;
  m.direct_in_tables = false;
  m.physmem_bits = m.flat_physmem_bits = 32;
  return m;
}

}  // namespace vmsift::test
