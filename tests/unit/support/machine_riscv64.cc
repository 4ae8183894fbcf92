// SPDX-License-Identifier: GPL-2.0-or-later
// riscv64 with Sv39, Sv48 or Sv57 (privileged architecture, 12.4 to 12.6).
#include "tests/unit/support/note.h"
#include "tests/unit/support/synthetic_kernel.h"

#include <fmt/format.h>

namespace vmsift::test {
namespace {

constexpr std::uint64_t kValid = 1, kRead = 2, kWrite = 4, kGlobal = 0x20, kAccessed = 0x40,
                        kDirty = 0x80;
constexpr std::uint16_t kRiscv = 243;  // EM_RISCV
constexpr std::uint64_t kLink = 0xffffffff80000000, kImageBytes = 32 << 20;

std::uint64_t leaf(std::uint64_t frame, unsigned, const Machine&) {
  return frame >> 12 << 10 | kValid | kRead | kWrite | kGlobal | kAccessed | kDirty;
}

std::uint64_t table(std::uint64_t at, unsigned, const Machine&) {
  return at >> 12 << 10 | kValid;
}

void hex(Note& note, const char* name, std::uint64_t value) {
  note.set(fmt::format("NUMBER({})", name), fmt::format("{:#x}", value));
}

void describe(const SyntheticKernel& kernel, Note& note) {
  const Machine& m = kernel.machine();
  const unsigned bits = m.levels.front().shift + 9;
  const std::uint64_t begin = m.image + m.kaslr;
  note.set("NUMBER(VA_BITS)", bits);
  note.set("NUMBER(phys_ram_base)", static_cast<long long>(kernel.start().value));
  hex(note, "PAGE_OFFSET", m.direct);
  hex(note, "MODULES_VADDR", begin + kImageBytes - (std::uint64_t{2} << 30));
  hex(note, "MODULES_END", begin);
  hex(note, "KERNEL_LINK_ADDR", kLink);
  hex(note, "va_kernel_pa_offset", begin - kernel.start().value);
  if (kernel.shape().era < Era::v7_1) return;
  note.set_hex("KERNELOFFSET", m.kaslr);
  const std::uint64_t mode = 8 + (bits - 39) / 9;
  hex(note, "satp", mode << 60 | kernel.pgd().value >> 12);
}

}  // namespace

Machine make_riscv64(const KernelShape& shape) {
  Machine m;
  m.arch = find_arch(kRiscv, {}, 8);
  const unsigned bits = shape.variant == "sv39" ? 39 : shape.variant == "sv48" ? 48 : 57;
  m.levels = levels_of_pages(12, bits);
  m.leaf = leaf;
  m.table = table;
  m.describe = describe;
  m.image = kLink;
  m.image_shift = 21;
  m.direct_shift = bits == 57 && shape.first_pfn == 0 ? 39 : 30;
  m.kaslr = shape.kaslr ? 0x1e000000 : 0;
  m.physmem_bits = 56;
  m.direct = bits == 39 ? 0xffffffd600000000 : bits == 48 ? 0xffffaf8000000000 : 0xff60000000000000;
  m.vmemmap = bits == 39   ? 0xffffffc500000000
              : bits == 48 ? 0xffff8d8000000000
                           : 0xff1c000000000000;
  return m;
}

}  // namespace vmsift::test
