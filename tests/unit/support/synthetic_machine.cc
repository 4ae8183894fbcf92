// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/support/synthetic_machine.h"

#include <elf.h>

#include <algorithm>
#include <stdexcept>

namespace vmsift::test {
namespace {

constexpr std::uint64_t kLargePat = 1U << 12, kNoExecute = std::uint64_t{1} << 63;

// Numbers that ELF gives to no machine.
constexpr std::uint16_t kMadeUp32 = 0xfe20, kMadeUp64 = 0xfe40;
// Where they have their direct maps, and how much they map.
constexpr std::uint64_t kBase32 = 0x80000000, kBase64 = 0xffffffff80000000;
constexpr std::uint64_t kDirectBytes = std::uint64_t{1} << 30;

std::vector<PageTableLevel> levels_of(unsigned word, unsigned page_shift) {
  const unsigned top = word == 4 ? 32 : 48;
  std::vector<PageTableLevel> levels;
  for (unsigned shift = page_shift; shift < top;) {
    const unsigned bits = std::min(page_shift - 3, top - shift);
    levels.push_back({static_cast<std::uint8_t>(shift), static_cast<std::uint8_t>(bits)});
    shift += bits;
  }
  std::reverse(levels.begin(), levels.end());
  return levels;
}

// Every leaf of a made-up table has the bit that x86_64 keeps for large ones.
PageTableEntry decode_entry(std::uint64_t raw, const PageTableLevel&) {
  if ((raw & kEntryPresent) == 0) return {};
  return {(raw & kEntryLarge) != 0 ? EntryKind::leaf : EntryKind::table, raw & kEntryFrame};
}

template <unsigned kWord>
Result<AddressLayout> detect_layout(const DumpInfo& dump, const Vmcoreinfo& note) {
  static const auto kLevels4K = levels_of(kWord, 12);
  static const auto kLevels16K = levels_of(kWord, 14);
  const auto root = note.symbol("swapper_pg_dir");
  if (!root) return error("SYMBOL(swapper_pg_dir) is missing");
  const auto start = note.number("PHYS_OFFSET");
  if (!start) return error("NUMBER(PHYS_OFFSET) is missing");
  const VirtAddr base{kWord == 4 ? kBase32 : kBase64};
  const PhysAddr first{static_cast<std::uint64_t>(*start)};
  AddressLayout layout;
  layout.word_bytes = kWord;
  layout.linear.push_back({base, first, kDirectBytes});
  layout.table.levels = dump.page_size == 4096 ? kLevels4K : kLevels16K;
  layout.table.root = first + (*root - base);
  layout.table.sign_bit = kWord == 4 ? 63 : 47;
  layout.table.decode = decode_entry;
  return layout;
}

Arch make_arch(unsigned word) {
  Arch arch{};
  arch.name = word == 4 ? "made-up-32" : "made-up-64";
  arch.elf_machine = word == 4 ? kMadeUp32 : kMadeUp64;
  arch.word_bytes = word;
  arch.page_size = 4096;
  arch.section_size_bits = 27;
  arch.max_physmem_bits = word == 4 ? 32 : 46;
  arch.detect_layout = word == 4 ? detect_layout<4> : detect_layout<8>;
  arch.image_start = word == 4 ? kBase32 : kBase64;
  return arch;
}

}  // namespace

bool Machine::is_x86_64() const {
  return arch->elf_machine == EM_X86_64;
}

std::uint64_t Machine::leaf(std::uint64_t frame, unsigned shift) const {
  const bool large = !is_x86_64() || shift > page_shift;
  return frame | kEntryPresent | (large ? kEntryLarge : 0) |
         (is_x86_64() && large ? kLargePat : 0) | kNoExecute;
}

Machine make_x86_64(unsigned levels, bool kaslr) {
  Machine m;
  m.arch = find_arch(EM_X86_64, {});
  m.levels = levels_of(8, 12);
  if (levels == 5) m.levels.insert(m.levels.begin(), {48, 9});
  m.image = 0xffffffff80000000;
  if (kaslr) {
    m.direct = levels == 5 ? 0xff38165bc0000000 : 0xffff961f80000000;
    m.vmemmap = levels == 5 ? 0xffc13a9740000000 : 0xfffff5a240000000;
    m.kaslr = 0x1e000000;
  } else {
    m.direct = 0xffff880000000000;
    m.vmemmap = 0xffffea0000000000;
  }
  return m;
}

Machine make_made_up(unsigned word, unsigned page_shift) {
  static const Arch k32 = make_arch(4);
  static const Arch k64 = make_arch(8);
  if (page_shift != 12 && page_shift != 14) throw std::runtime_error("pages of 4 or 16 KiB");
  Machine m;
  m.arch = word == 4 ? &k32 : &k64;
  m.word = word;
  m.page_shift = page_shift;
  m.levels = levels_of(word, page_shift);
  m.direct_shift = m.levels[m.levels.size() - 2].shift;
  m.direct = m.image = m.arch->image_start;
  m.vmemmap = word == 4 ? 0xe0000000 : 0xffffea0000000000;
  return m;
}

}  // namespace vmsift::test
