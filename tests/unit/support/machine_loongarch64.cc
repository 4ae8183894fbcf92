// SPDX-License-Identifier: GPL-2.0-or-later
// loongarch64 with pages of 4, 16 or 64 KiB (reference manual, volume 1, 5.4), memory in a window
// of the processor.
#include "tests/unit/support/synthetic_kernel.h"

#include <stdexcept>

namespace vmsift::test {
namespace {

constexpr std::uint64_t kValid = 1, kDirty = 2, kCached = 0x10, kGlobal = 0x40, kPresent = 0x80,
                        kWrite = 0x100, kHuge = 0x40, kHugeGlobal = 0x1000;
constexpr std::uint64_t kWindow = 0x9000000000000000;
constexpr std::uint16_t kLoongarch = 258;  // EM_LOONGARCH

// A large leaf has its Global bit where others have the lowest of the frame.
std::uint64_t leaf(std::uint64_t frame, unsigned shift, const Machine& m) {
  const bool large = shift != m.page_shift;
  return frame | kValid | kDirty | kCached | kPresent | kWrite |
         (large ? kHuge | kHugeGlobal : kGlobal);
}

std::uint64_t table(std::uint64_t at, unsigned, const Machine&) {
  return kWindow + at;
}

}  // namespace

Machine make_loongarch64(const KernelShape& shape) {
  Machine m;
  m.arch = find_arch(kLoongarch, {}, 8);
  m.page_shift = shape.page_shift;
  // Three levels, four or two with the variants of these names.
  const unsigned levels = shape.variant == "4-level" ? 4 : shape.variant == "2-level" ? 2 : 3;
  m.levels = levels_of_pages(m.page_shift, m.page_shift + levels * (m.page_shift - 3));
  m.leaf = leaf;
  m.table = table;
  m.prepare = link_empty_entries;
  m.direct_in_tables = false;
  m.direct = m.image = kWindow;
  m.vmemmap = 0xfffffe0000000000;
  m.physmem_bits = 48;
  if (shape.first_pfn != 0) throw std::runtime_error("the window is to memory from 0 on");
  return m;
}

}  // namespace vmsift::test
