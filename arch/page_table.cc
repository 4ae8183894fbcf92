// SPDX-License-Identifier: GPL-2.0-or-later
#include "arch/page_table.h"

#include <array>

namespace vmsift {

std::optional<Translation> walk_page_table(const PageTable& table, VirtAddr vaddr,
                                           const ReadPhysical& read, const WalkObserver* observer) {
  constexpr std::uint64_t kEntrySize = 8;
  // A torn pointer must not be taken for the address that its low bits would be.
  const auto above = static_cast<std::int64_t>(vaddr.value) >> table.sign_bit;
  if (above != 0 && above != -1) return std::nullopt;
  PhysAddr at = table.root;
  for (const PageTableLevel& level : table.levels) {
    const std::uint64_t index = vaddr.value >> level.shift & ((std::uint64_t{1} << level.bits) - 1);
    std::array<std::byte, kEntrySize> raw;
    const bool readable = read(at + index * kEntrySize, raw);
    const std::uint64_t bits = readable ? load<std::uint64_t>(raw.data(), table.order) : 0;
    const PageTableEntry entry =
        readable ? table.decode(bits & ~table.encryption_mask, level) : PageTableEntry{};
    if (observer != nullptr) (*observer)({level, at + index * kEntrySize, readable, bits, entry});
    if (entry.kind == EntryKind::absent) return std::nullopt;
    if (entry.kind == EntryKind::leaf) {
      const std::uint64_t size = std::uint64_t{1} << level.shift;
      const std::uint64_t inside = vaddr.value & (size - 1);
      return Translation{{align_down(entry.frame, size) + inside}, size - inside};
    }
    at = {entry.frame};
  }
  return std::nullopt;
}

}  // namespace vmsift
