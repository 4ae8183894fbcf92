// SPDX-License-Identifier: GPL-2.0-or-later
// Machines that do not exist: words of 4 or 8 bytes, pages of 4 or 16 KiB, tables that look like
// those of x86_64. Memory and the image are in one direct map.
#include "tests/unit/support/note.h"
#include "tests/unit/support/synthetic_kernel.h"

#include <array>
#include <stdexcept>

namespace vmsift::test {
namespace {

constexpr std::uint64_t kPresent = 1, kLarge = 1U << 7, kFrame = 0x000ffffffffff000;
// Numbers that ELF gives to no machine.
constexpr std::uint16_t kMadeUp32 = 0xfe20, kMadeUp64 = 0xfe40;
constexpr std::array<std::size_t, 2> kPageSizes = {4096, 16384};
// Where they have their direct maps, and how much they map.
constexpr std::uint64_t kBase32 = 0x80000000, kBase64 = 0xffffffff80000000;
constexpr std::uint64_t kDirectBytes = std::uint64_t{1} << 30;

std::vector<PageTableLevel> levels_of(unsigned word, unsigned page_shift) {
  return levels_of_pages(page_shift, word == 4 ? 32 : 48);
}

// Every leaf has the bit that x86_64 keeps for large ones.
PageTableEntry decode_entry(std::uint64_t raw, const PageTableLevel&, const PageTable&) {
  if ((raw & kPresent) == 0) return {};
  return {(raw & kLarge) != 0 ? EntryKind::leaf : EntryKind::table, raw & kFrame};
}
std::uint64_t leaf(std::uint64_t frame, unsigned, const Machine&) {
  return frame | kPresent | kLarge;
}
std::uint64_t table(std::uint64_t at, unsigned, const Machine&) {
  return at | kPresent;
}

template <unsigned kWord>
Result<AddressLayout> detect_layout(const MemorySource& source, const Vmcoreinfo& note) {
  const auto root = note.symbol("swapper_pg_dir");
  if (!root) return error("SYMBOL(swapper_pg_dir) is missing");
  const auto start = note.number("PHYS_OFFSET");
  if (!start) return error("NUMBER(PHYS_OFFSET) is missing");
  const VirtAddr base{kWord == 4 ? kBase32 : kBase64};
  const PhysAddr first{static_cast<std::uint64_t>(*start)};
  AddressLayout layout;
  layout.linear.push_back({base, first, kDirectBytes});
  layout.table.levels = levels_of(kWord, source.info().page_size == 4096 ? 12 : 14);
  layout.table.root = first + (*root - base);
  layout.table.order = source.info().order;
  if (kWord == 8) layout.table.upper_mask = layout.table.upper = ~std::uint64_t{0} << 47;
  layout.table.decode = decode_entry;
  layout.section_size_bits = 27;
  layout.max_physmem_bits = kWord == 4 ? 32 : 46;
  return layout;
}

Arch make_arch(unsigned word) {
  Arch arch{};
  arch.name = word == 4 ? "made-up-32" : "made-up-64";
  arch.elf_machine = word == 4 ? kMadeUp32 : kMadeUp64;
  arch.word_bytes = word;
  arch.page_sizes = kPageSizes;
  arch.detect_layout = word == 4 ? detect_layout<4> : detect_layout<8>;
  arch.image_start = word == 4 ? kBase32 : kBase64;
  return arch;
}

void describe(const SyntheticKernel& kernel, Note& note) {
  note.set("NUMBER(PHYS_OFFSET)", static_cast<long long>(kernel.start().value));
}

}  // namespace

Machine make_made_up(const KernelShape& shape) {
  static const Arch k32 = make_arch(4);
  static const Arch k64 = make_arch(8);
  const unsigned page_shift = shape.page_shift;
  if (page_shift != 12 && page_shift != 14) throw std::runtime_error("pages of 4 or 16 KiB");
  Machine m;
  m.word = shape.made_up_word;
  m.arch = m.word == 4 ? &k32 : &k64;
  m.page_shift = page_shift;
  m.levels = levels_of(m.word, page_shift);
  m.leaf = leaf;
  m.table = table;
  m.direct_shift = m.levels[m.levels.size() - 2].shift;
  m.direct = m.image = m.arch->image_start;
  m.vmemmap = m.word == 4 ? 0xe0000000 : 0xffffea0000000000;
  if (m.word == 4) m.physmem_bits = m.flat_physmem_bits = 32;
  m.describe = describe;
  return m;
}

}  // namespace vmsift::test
