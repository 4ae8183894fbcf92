// SPDX-License-Identifier: GPL-2.0-or-later
// mips64 with pages of 4, 16 or 64 KiB: memory in XKPHYS, the image in CKSEG0, the root of the
// tables filled as Linux does it (MIPS64 Architecture, volume III, 4.3; EntryLo0, 9.6).
#include "tests/unit/support/synthetic_kernel.h"

#include <elf.h>

namespace vmsift::test {
namespace {

constexpr std::uint64_t kCkseg0 = 0xffffffff80000000, kXkseg = 0xc000000000000000;
constexpr std::uint64_t kCache = 3, kXkphys = 0x8000000000000000 | kCache << 59;

// Present, Write, Accessed and Modified, then four or six bits that are clear (Huge, Special,
// NoExec, NoRead), Global, Valid and Dirty, how it is cached, the frame of 4 KiB.
template <unsigned kClear>
std::uint64_t leaf(std::uint64_t frame, unsigned, const Machine&) {
  constexpr unsigned kGlobal = 4 + kClear;
  return 0xf | 7ULL << kGlobal | kCache << (kGlobal + 3) | frame >> 12 << (kGlobal + 6);
}

std::uint64_t table(std::uint64_t at, unsigned, const Machine&) {
  return kXkphys + at;
}

// vmalloc: what shows where entries have their frame.
void prepare(SyntheticKernel& kernel) {
  for (std::uint64_t i = 0; i < 8; ++i) {
    const VirtAddr at{kXkseg + (i + 2) * kernel.machine().page()};
    kernel.map(at, kernel.own(0x1f0 - 3 * i), kernel.machine().page_shift);
  }
  link_empty_entries(kernel);
}

}  // namespace

Machine make_mips64(const KernelShape& shape) {
  Machine m;
  m.arch = find_arch(EM_MIPS, {}, 8);
  m.page_shift = shape.page_shift;
  const unsigned levels = m.page_shift == 16 ? 2 : 3;
  m.levels = levels_of_pages(m.page_shift, m.page_shift + levels * (m.page_shift - 3));
  if (m.page_shift == 12) m.levels.front().bits = 10;
  m.leaf = shape.variant == "no-rixi" ? leaf<1> : leaf<4>;
  m.table = table;
  m.prepare = prepare;
  m.direct_in_tables = false;
  m.direct = kXkphys;
  m.image = kCkseg0;
  m.physmem_bits = 48;
  return m;
}

}  // namespace vmsift::test
