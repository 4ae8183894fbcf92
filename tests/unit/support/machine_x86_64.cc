// SPDX-License-Identifier: GPL-2.0-or-later
// x86_64 with 4 or 5 levels of page tables (Intel SDM volume 3, 4.5).
#include "tests/unit/support/note.h"
#include "tests/unit/support/synthetic_kernel.h"
#include "tests/unit/support/synthetic_variables.h"

#include <elf.h>

namespace vmsift::test {
namespace {

constexpr std::uint64_t kPresent = 1, kLarge = 1U << 7, kLargePat = 1U << 12,
                        kNoExecute = std::uint64_t{1} << 63;

std::uint64_t leaf(std::uint64_t frame, unsigned shift, const Machine&) {
  return frame | kPresent | (shift > 12 ? kLarge | kLargePat : 0) | kNoExecute;
}

std::uint64_t table(std::uint64_t at, unsigned, const Machine&) {
  return at | kPresent;
}

void describe(const SyntheticKernel& kernel, Note& note) {
  const Era era = kernel.shape().era;
  if (era >= Era::v4_19) {  // a number since 4.10, the root's name since 4.13
    const std::uint64_t base = kernel.start().value - kernel.machine().kaslr;
    note.set("NUMBER(phys_base)", static_cast<long long>(base));
    note.set_hex("SYMBOL(init_top_pgt)", kernel.image(kernel.pgd()).value);
    note.set("NUMBER(pgtable_l5_enabled)", kernel.shape().levels == 5);
    note.set("NUMBER(sme_mask)", 0);
  } else {
    note.set_hex("SYMBOL(phys_base)", kernel.variable(variables::kPhysBase).value);
    note.set_hex("SYMBOL(init_level4_pgt)", kernel.image(kernel.pgd()).value);
  }
  if (era < Era::v3_17) return;
  note.set("NUMBER(KERNEL_IMAGE_SIZE)", 1 << 30);
  note.set_hex("KERNELOFFSET", kernel.machine().kaslr);
}

}  // namespace

// KASLR moves the direct map and vmemmap too; without it they are where they were until 4.7.
Machine make_x86_64(const KernelShape& shape) {
  Machine m;
  m.arch = find_arch(EM_X86_64, {}, 8);
  m.levels = levels_of_pages(12, 48);
  const bool five_levels = shape.levels == 5;
  if (five_levels) m.levels.insert(m.levels.begin(), {48, 9});
  m.leaf = leaf;
  m.table = table;
  m.describe = describe;
  m.image = 0xffffffff80000000;
  m.image_shift = 21;
  if (five_levels) m.physmem_bits = 52;
  if (shape.kaslr) {
    m.direct = five_levels ? 0xff38165bc0000000 : 0xffff961f80000000;
    m.vmemmap = five_levels ? 0xffc13a9740000000 : 0xfffff5a240000000;
    m.kaslr = 0x1e000000;
  } else {
    m.direct = 0xffff880000000000;
    m.vmemmap = 0xffffea0000000000;
  }
  return m;
}

}  // namespace vmsift::test
