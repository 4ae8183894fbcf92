// SPDX-License-Identifier: GPL-2.0-or-later
// i386 with two levels of tables (Intel SDM volume 3, 4.3), or PAE (4.4). Variants: (none), pae; 2g
// and pae-2g with PAGE_OFFSET at 2 GiB.
#include "tests/unit/support/note.h"
#include "tests/unit/support/synthetic_kernel.h"

#include <elf.h>

namespace vmsift::test {
namespace {

// Present, writable, accessed, dirty, global.
constexpr std::uint64_t kPage = 0x163, kLarge = 0x80;
constexpr std::uint64_t kNeverExecuted = std::uint64_t{1} << 63;

std::uint64_t leaf(std::uint64_t frame, unsigned shift, const Machine&) {
  return frame | kPage | (shift != 12 ? kLarge : 0);
}
std::uint64_t table(std::uint64_t at, unsigned, const Machine&) {
  return at | 0x67;  // present, writable, user, accessed, dirty
}
std::uint64_t pae_leaf(std::uint64_t frame, unsigned shift, const Machine& m) {
  return leaf(frame, shift, m) | kNeverExecuted;
}
// Entries of the root have no bits but this one.
std::uint64_t pae_table(std::uint64_t at, unsigned shift, const Machine& m) {
  return shift == 30 ? at | 1 : table(at, shift, m);
}

void describe(const SyntheticKernel& kernel, Note& note) {
  if (kernel.machine().entry_bytes == 8) note.set("CONFIG_X86_PAE", "y");
}

}  // namespace

Machine make_i386(const KernelShape& shape) {
  const auto [pae, half] = low_memory_variant(shape, "pae");
  Machine m;
  m.arch = find_arch(EM_386, {}, 4);
  m.word = 4;
  if (pae) {
    m.levels = {{30, 2}, {21, 9}, {12, 9}};
    m.direct_shift = 21;
  } else {
    m.levels = {{22, 10}, {12, 10}};
    m.entry_bytes = 4;
    m.direct_shift = 22;
  }
  m.leaf = pae ? pae_leaf : leaf;
  m.table = pae ? pae_table : table;
  m.describe = describe;
  m.direct = m.image = half ? 0x80000000 : 0xc0000000;
  m.physmem_bits = m.flat_physmem_bits = pae ? 36 : 32;
  return m;
}

}  // namespace vmsift::test
