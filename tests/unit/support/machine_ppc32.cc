// SPDX-License-Identifier: GPL-2.0-or-later
// ppc32: the kernel's tables of two levels, that hold physical addresses (Book3S/32, the default)
// or virtual ones ("e500"). Low memory is in none of them.
#include "tests/unit/support/synthetic_kernel.h"

#include <elf.h>

#include <stdexcept>

namespace vmsift::test {
namespace {

constexpr std::uint64_t kPageOffset = 0xc0000000;

// _PAGE_PRESENT, _PAGE_RW, dirty, accessed, coherent.
std::uint64_t leaf(std::uint64_t frame, unsigned, const Machine&) {
  return frame | 0x591;
}
std::uint64_t physical_table(std::uint64_t at, unsigned, const Machine&) {
  return at;
}
std::uint64_t virtual_table(std::uint64_t at, unsigned, const Machine&) {
  return at + kPageOffset;
}

// One page of vmalloc, so that the tables are not empty.
void prepare(SyntheticKernel& kernel) {
  kernel.map({0xf1000000}, kernel.own(0x211), 12);
}

}  // namespace

Machine make_ppc32(const KernelShape& shape) {
  if (!shape.variant.empty() && shape.variant != "e500") throw std::runtime_error("e500 or none");
  Machine m;
  m.arch = find_arch(EM_PPC, {}, 4);
  m.word = m.entry_bytes = 4;
  m.levels = {{22, 10}, {12, 10}};
  m.leaf = leaf;
  m.table = shape.variant.empty() ? physical_table : virtual_table;
  m.direct = m.image = kPageOffset;
  m.direct_in_tables = false;
  m.physmem_bits = m.flat_physmem_bits = 32;
  m.prepare = prepare;
  return m;
}

}  // namespace vmsift::test
