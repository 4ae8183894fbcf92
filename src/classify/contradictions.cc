// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/classify/contradictions.h"

#include "mm-model/address_space.h"

#include <algorithm>

namespace vmsift {
namespace {

Result<void> check_page_size(const Arch& arch, const DumpInfo& dump, const Vmcoreinfo& note) {
  const auto stated = note.decimal("PAGESIZE");
  if (!stated) return {};
  const auto bytes = static_cast<std::size_t>(*stated);
  if (std::find(arch.page_sizes.begin(), arch.page_sizes.end(), bytes) == arch.page_sizes.end()) {
    return error(
        "the note contradicts the dump's header: PAGESIZE={}, but {} has pages of {} bytes",
        *stated, arch.name, fmt::join(arch.page_sizes, " or "));
  }
  if (bytes != dump.page_size) {
    return error(
        "the note contradicts the dump's header: PAGESIZE={}, but its blocks are of {} "
        "bytes",
        *stated, dump.page_size);
  }
  return {};
}

Result<void> check_symbols(const Arch& arch, const Vmcoreinfo& note) {
  constexpr std::string_view kKind = "SYMBOL(";
  if (arch.word_bytes != 4) return {};
  for (auto it = note.entries().lower_bound(kKind);
       it != note.entries().end() && it->first.starts_with(kKind); ++it) {
    const std::string_view key = it->first;
    const auto at = note.symbol(key.substr(kKind.size(), key.size() - kKind.size() - 1));
    if (!at || at->value >> 32 == 0) continue;
    return error("the note contradicts the dump's header: {}={:x}, but {} has addresses of 32 bits",
                 key, at->value, arch.name);
  }
  return {};
}

// Of a PT_LOAD; false where nobody filled it in, or with what says nothing.
bool is_kernel_address(const VirtualRange& load, const AddressLayout& layout) {
  if (load.vaddr.value == load.paddr.value) return false;
  return layout.word_bytes == 8 ? load.vaddr.value >> 63 != 0 : load.vaddr.value != 0;
}

}  // namespace

Result<void> check_note_values(const Arch& arch, const MemorySource& source,
                               const Vmcoreinfo& note) {
  if (auto size = check_page_size(arch, source.info(), note); !size) return size;
  return check_symbols(arch, note);
}

Result<void> check_mapped_memory(const AddressLayout& layout, const MemorySource& source) {
  const auto& loads = source.info().virtual_ranges;
  const PageTable& table = layout.table;
  AddressSpace memory(layout, source);
  for (std::size_t i = 0; i < std::min(loads.size(), kMostLoadsChecked); ++i) {
    const VirtualRange& load = loads[i];
    if (!is_kernel_address(load, layout)) continue;
    const auto mapped = memory.translate(load.vaddr);
    if (mapped && mapped->paddr != load.paddr) {
      return error(
          "the note contradicts the dump's header: {:#x} is at {:#x} by the note and at "
          "{:#x} by its PT_LOAD",
          load.vaddr.value, mapped->paddr.value, load.paddr.value);
    }
    if (!mapped && (load.vaddr.value & table.upper_mask) != table.upper) {
      return error(
          "the note contradicts the dump's header: a PT_LOAD is at {:#x}, and by the note "
          "the kernel's addresses begin at {:#x}",
          load.vaddr.value, table.upper);
    }
  }
  return {};
}

}  // namespace vmsift
