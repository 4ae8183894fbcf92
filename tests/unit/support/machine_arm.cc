// SPDX-License-Identifier: GPL-2.0-or-later
// arm with short descriptors (Arm ARM DDI 0406, B3.5.1), or LPAE (B3.6.1). Variants: (none), lpae;
// 2g and lpae-2g with PAGE_OFFSET at 2 GiB.
#include "tests/unit/support/note.h"
#include "tests/unit/support/synthetic_kernel.h"

#include <elf.h>

namespace vmsift::test {
namespace {

// Of a section: type, access, domain 0, shareable; of a small page; of a table: domain 0.
constexpr std::uint64_t kSection = 0x1140e, kSmallPage = 0x45e, kTable = 0x1;
// LPAE: valid, access flag, inner shareable, execute never.
constexpr std::uint64_t kLong = 0x701 | std::uint64_t{3} << 53, kTableOrPage = 2;

std::uint64_t leaf(std::uint64_t frame, unsigned shift, const Machine&) {
  return frame | (shift == 20 ? kSection : kSmallPage);
}
std::uint64_t table(std::uint64_t at, unsigned, const Machine&) {
  return at | kTable;
}
std::uint64_t long_leaf(std::uint64_t frame, unsigned shift, const Machine&) {
  return frame | kLong | (shift == 12 ? kTableOrPage : 0);
}
std::uint64_t long_table(std::uint64_t at, unsigned, const Machine&) {
  return at | 1 | kTableOrPage;
}

void describe(const SyntheticKernel& kernel, Note& note) {
  if (kernel.machine().entry_bytes == 8) note.set("CONFIG_ARM_LPAE", "y");
}

}  // namespace

Machine make_arm(const KernelShape& shape) {
  const auto [lpae, half] = low_memory_variant(shape, "lpae");
  Machine m;
  m.arch = find_arch(EM_ARM, {}, 4);
  m.word = 4;
  if (lpae) {
    m.levels = {{30, 2}, {21, 9}, {12, 9}};
    m.direct_shift = 21;
  } else {
    m.levels = {{20, 12}, {12, 8}};
    m.entry_bytes = 4;
    m.direct_shift = 20;
  }
  m.leaf = lpae ? long_leaf : leaf;
  m.table = lpae ? long_table : table;
  m.describe = describe;
  m.direct = m.image = half ? 0x80000000 : 0xc0000000;
  m.vmemmap = 0xf0000000;  // no kernel of arm has one: for tables' sake
  m.physmem_bits = m.flat_physmem_bits = 36;
  return m;
}

}  // namespace vmsift::test
