// SPDX-License-Identifier: GPL-2.0-or-later
// arm64 with pages of 4, 16 or 64 KiB (Arm ARM DDI 0487, D8.3). Variants:
//   (none)    48 bits (16 KiB: 47), linear map below
//   small     39, 36 or 42 bits
//   lpa2      52 bits (64 KiB pages: LVA and LPA)
//   fallback  configured for 52 bits on a processor that has 48, or 47
//   old       until 5.3: the linear map is the upper half
//   oldest    until 4.5: the image is in the linear map, the note says nothing
#include "tests/unit/support/note.h"
#include "tests/unit/support/synthetic_kernel.h"

#include <elf.h>

#include <stdexcept>

namespace vmsift::test {
namespace {

constexpr std::uint64_t kValid = 1, kTableOrPage = 2, kAccessed = 1U << 10, kInnerShareable = 0x300,
                        kUxnPxn = std::uint64_t{3} << 53, kContiguous = std::uint64_t{1} << 52;

struct Bits {
  unsigned configured, used;
  bool upper;  // the linear map is the upper half
};

Bits bits_of(const KernelShape& shape) {
  const unsigned page = shape.page_shift;
  const unsigned usual = page == 14 ? 47 : 48;
  if (shape.variant.empty()) return {usual, usual, false};
  if (shape.variant == "lpa2") return {52, 52, false};
  if (shape.variant == "fallback") return {52, usual, false};
  if (shape.variant == "old" || shape.variant == "oldest") return {48, 48, true};
  if (shape.variant != "small") throw std::runtime_error(shape.variant + " is no variant of arm64");
  const unsigned small = page == 12 ? 39 : page == 14 ? 36 : 42;
  return {small, small, false};
}

std::uint64_t top(unsigned bits) {
  return ~std::uint64_t{0} << bits;
}

// Where an entry has the address bits that do not fit: D8.3.1, "VMSAv8-64 descriptor formats".
std::uint64_t address(std::uint64_t at, unsigned page_shift, bool lpa2) {
  if (page_shift == 16) return (at & 0xffffffff0000) | (at >> 48 & 0xf) << 12;
  if (lpa2) return (at & 0x3ffffffffffff) | (at >> 50 & 3) << 8;
  return at;
}

bool is_lpa2(const Machine& m) {
  return m.page_shift != 16 && m.levels.front().shift + m.levels.front().bits == 52;
}

std::uint64_t leaf(std::uint64_t frame, unsigned shift, const Machine& m) {
  const std::uint64_t attributes =
      kAccessed | kUxnPxn | kContiguous | (is_lpa2(m) ? 0 : kInnerShareable);
  return address(frame, m.page_shift, is_lpa2(m)) | attributes | kValid |
         (shift == m.page_shift ? kTableOrPage : 0);
}

std::uint64_t table(std::uint64_t at, unsigned, const Machine& m) {
  return address(at, m.page_shift, is_lpa2(m)) | kValid | kTableOrPage;
}

void describe(const SyntheticKernel& kernel, Note& note) {
  const Bits bits = bits_of(kernel.shape());
  if (kernel.shape().variant == "oldest") return;
  const std::uint64_t start = kernel.start().value;
  note.set("NUMBER(VA_BITS)", bits.configured);
  const auto hex = [&](const char* key, std::uint64_t value) {
    note.set(
        key, "0x" + [&] {
          Note one;
          one.set_hex("x", value);
          return *one.get("x");
        }());
  };
  hex("NUMBER(kimage_voffset)", kernel.image(kernel.start()).value - start);
  hex("NUMBER(PHYS_OFFSET)", start - (top(bits.used) - top(bits.configured)));
  if (!bits.upper) hex("NUMBER(TCR_EL1_T1SZ)", 64 - bits.used);
  note.set_hex("KERNELOFFSET", kernel.machine().kaslr);
}

}  // namespace

Machine make_arm64(const KernelShape& shape) {
  const Bits bits = bits_of(shape);
  const unsigned page = shape.page_shift;
  Machine m;
  m.arch = find_arch(EM_AARCH64, {}, 8);
  m.page_shift = page;
  // 64 KiB pages index as many bits as were configured.
  m.levels = levels_of_pages(page, page == 16 ? bits.configured : bits.used);
  m.leaf = leaf;
  m.table = table;
  m.describe = describe;
  const unsigned large = m.levels.at(m.levels.size() - 2).shift;
  m.direct_shift = page == 12 ? 30 : large;
  m.image_shift = large;
  const unsigned least = bits.configured == 52 ? (page == 14 ? 47 : 48) : bits.configured;
  const unsigned per_page = page - 6;  // log2 of memory to its struct pages
  m.physmem_bits = bits.used == 52 ? 52 : 48;
  if (bits.upper) {
    m.direct = top(bits.used - 1);
    m.image = top(bits.used) + 0x20000000;
    m.vmemmap = m.direct - (std::uint64_t{1} << (bits.used - 1 - per_page));
  } else {
    m.direct = top(bits.used);
    m.image = top(least - 1) + 0x80000000;
    m.vmemmap = top(bits.used - per_page);
  }
  if (shape.kaslr) m.kaslr = std::uint64_t{3} << large;
  if (shape.variant == "oldest") {
    m.image = m.direct;
    m.image_shift = 0;
    m.kaslr = 0;
  }
  return m;
}

}  // namespace vmsift::test
