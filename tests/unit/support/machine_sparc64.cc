// SPDX-License-Identifier: GPL-2.0-or-later
// sparc64 since 3.18: memory at PAGE_OFFSET and the image at 4 MiB by the headers alone, tables of
// four levels for the rest. Entries are of sun4v (UltraSPARC Architecture 2005, 14.3), or of sun4u
// (UltraSPARC IIi manual, 15.2), with the bits that the processor leaves to the kernel.
#include "tests/unit/support/synthetic_kernel.h"
#include "tests/unit/support/synthetic_variables.h"

#include <elf.h>

#include <stdexcept>

namespace vmsift::test {
namespace {

constexpr std::uint64_t kValid = std::uint64_t{1} << 63;
constexpr std::uint64_t kHuge = std::uint64_t{1} << 56;  // the kernel's
// sun4v: the kernel's modified, accessed, readable, writable; cached, privileged, writable; 4 MiB.
constexpr std::uint64_t kPage4v = kValid | std::uint64_t{0xf} << 58 | 0x740;
constexpr std::uint64_t kSize4M4v = 3;
// sun4u: the kernel's as above; cached, privileged, writable; 4 MiB.
constexpr std::uint64_t kPage4u = kValid | 0xf80 | 0x36;
constexpr std::uint64_t kSize4M4u = std::uint64_t{3} << 61;

std::uint64_t leaf_4v(std::uint64_t frame, unsigned shift, const Machine&) {
  return frame | kPage4v | (shift != 13 ? kHuge | kSize4M4v : 0);
}
std::uint64_t leaf_4u(std::uint64_t frame, unsigned shift, const Machine&) {
  return frame | kPage4u | (shift != 13 ? kHuge | kSize4M4u : 0);
}
std::uint64_t table(std::uint64_t at, unsigned, const Machine&) {
  return at;
}

// One page of modules, so that there are tables without vmemmap too, and what the headers say.
void prepare(SyntheticKernel& kernel) {
  kernel.map({0x10000000}, kernel.own(0x211), 13);
  const PhysAddr text = kernel.own(variables::kText);
  const PhysAddr begin = kernel.start();
  const std::uint64_t bytes = (kernel.end() << 13) - begin.value;
  kernel.memory.edit_info().virtual_ranges = {{kernel.direct(begin), begin, bytes},
                                              {kernel.image(text), text, 0x400000}};
}

}  // namespace

Machine make_sparc64(const KernelShape& shape) {
  const bool sun4u = shape.variant == "sun4u";
  if (!sun4u && !shape.variant.empty()) throw std::runtime_error("sun4u or none");
  if (shape.page_shift != 13) throw std::runtime_error("sparc64 has pages of 8 KiB");
  Machine m;
  m.arch = find_arch(EM_SPARCV9, {}, 8);
  m.page_shift = 13;
  m.levels = {{43, 10}, {33, 10}, {23, 10}, {13, 10}};
  m.leaf = sun4u ? leaf_4u : leaf_4v;
  m.table = table;
  m.prepare = prepare;
  // Of processors with 44 and with 48 bits.
  m.direct = (sun4u ? 0xfffff80000000000 : 0xffff800000000000) + (shape.first_pfn << 13);
  m.direct_in_tables = false;
  m.image = 0x400000;
  m.vmemmap = 0x80000000000;
  m.physmem_bits = 53;
  return m;
}

}  // namespace vmsift::test
