// SPDX-License-Identifier: GPL-2.0-or-later
// s390x with tables of 3, 4 or 5 levels (Principles of Operation, "Dynamic Address Translation").
#include "tests/unit/support/note.h"
#include "tests/unit/support/synthetic_kernel.h"
#include "tests/unit/support/synthetic_variables.h"

#include <elf.h>

namespace vmsift::test {
namespace {

constexpr std::uint64_t kWhole = 3;  // tables have all their entries
constexpr std::uint64_t kEmpty = 0x20, kEmptyPage = 0x400;
constexpr std::uint64_t kEnhanced = 0x400;   // a leaf of a segment or of a region
constexpr std::uint64_t kSoftware = 0x3003;  // bits that Linux has in large leaves
constexpr std::uint64_t kPageBits = 0x21d;

// Of the entries of this level: 3 to 1 for regions, 0 for segments.
std::uint64_t type_bits(unsigned shift) {
  return (shift - 20) / 11 << 2;
}

std::uint64_t leaf(std::uint64_t frame, unsigned shift, const Machine&) {
  if (shift == 12) return frame | kPageBits;
  return frame | kEnhanced | kSoftware | type_bits(shift);
}

std::uint64_t table(std::uint64_t at, unsigned shift, const Machine&) {
  return at | type_bits(shift) | (shift > 20 ? kWhole : 0);
}

bool apart(const KernelShape& shape) {
  return shape.era >= Era::v6_11;
}

void describe(const SyntheticKernel& kernel, Note& note) {
  const PhysAddr text = kernel.own(variables::kText);
  note.set_hex("SAMODE31", text.value - 0x3000);
  note.set_hex("EAMODE31", text.value);
  if (!apart(kernel.shape())) {
    note.set("KERNELOFFSET", "0");
    return;
  }
  note.set_hex("IDENTITYBASE", kernel.machine().direct - kernel.start().value);
  note.set_hex("KERNELOFFSET", kernel.image(text).value);
  note.set_hex("KERNELOFFPHYS", text.value);
}

// Empty entries say of which level they are.
void fill(SyntheticKernel& kernel, PhysAddr at, std::size_t depth) {
  const PageTableLevel level = kernel.machine().levels.at(depth);
  for (std::uint64_t i = 0; i < std::uint64_t{1} << level.bits; ++i) {
    const PhysAddr entry = at + i * 8;
    const std::uint64_t raw = kernel.get_word(entry);
    if (raw == 0) {
      kernel.put_word(entry, level.shift == 12 ? kEmptyPage : kEmpty | type_bits(level.shift));
    } else if (level.shift > 12 && (raw & kEnhanced) == 0 && (raw & kEmpty) == 0) {
      fill(kernel, {raw & ~std::uint64_t{0x7ff}}, depth + 1);
    }
  }
}

void prepare(SyntheticKernel& kernel) {
  fill(kernel, kernel.pgd(), 0);
}

}  // namespace

// Up to 6.9 addresses are physical. Later kernels have memory at IDENTITYBASE, which is 0 without a
// variant and without KASLR.
Machine make_s390x(const KernelShape& shape) {
  Machine m;
  m.arch = find_arch(EM_S390, {}, 8);
  m.levels = {{31, 11}, {20, 11}, {12, 8}};
  if (shape.variant == "4-level" || shape.variant == "5-level") {
    m.levels.insert(m.levels.begin(), {42, 11});
  }
  if (shape.variant == "5-level") m.levels.insert(m.levels.begin(), {53, 11});
  m.leaf = leaf;
  m.table = table;
  m.describe = describe;
  m.prepare = prepare;
  const std::uint64_t start = shape.first_pfn << 12;
  m.direct = m.image = start;
  m.direct_shift = 20;
  m.vmemmap = m.levels.front().shift >= 42 ? 0xfc37200000000 : 0x37200000000;
  if (apart(shape)) {
    m.image = m.levels.front().shift >= 42 ? 0x1f83fffe000000 : 0x3fffe000000;
    m.image_shift = 20;
    if (shape.kaslr || !shape.variant.empty()) m.direct += 0x2000000000;
    if (start == 0) m.direct_shift = 31;
  }
  return m;
}

}  // namespace vmsift::test
