// SPDX-License-Identifier: GPL-2.0-or-later
#include "arch/page_table.h"

#include <algorithm>
#include <array>

namespace vmsift {

namespace {

// Depth first, entries in rising order.
class FirstMapping {
 public:
  FirstMapping(const PageTable& table, const ReadPhysical& read) : table_(table), read_(read) {}

  using Found = std::optional<std::pair<VirtAddr, Translation>>;

  // In the table at `at`, which maps addresses from `base` on; none below `from` is wanted.
  Found search(PhysAddr at, std::size_t depth, std::uint64_t base, std::uint64_t from) {
    if (depth == table_.levels.size() || searched_++ >= kMostTablesSearched) return std::nullopt;
    const PageTableLevel& level = table_.levels[depth];
    const std::uint64_t entries = std::uint64_t{1} << level.bits;
    const std::uint64_t size = std::uint64_t{1} << level.shift;
    for (std::uint64_t i = from > base ? (from - base) / size : 0; i < entries; ++i) {
      std::array<std::byte, 8> raw;
      if (!read_(at + i * raw.size(), raw)) return std::nullopt;
      const std::uint64_t bits = load<std::uint64_t>(raw.data(), table_.order);
      const PageTableEntry entry = table_.decode(bits & ~table_.encryption_mask, level);
      const std::uint64_t vaddr = base + i * size;
      if (entry.kind == EntryKind::leaf) {
        const std::uint64_t inside = std::max(from, vaddr) - vaddr;
        return std::pair{VirtAddr{vaddr + inside},
                         Translation{{align_down(entry.frame, size) + inside}, size - inside}};
      }
      if (entry.kind == EntryKind::table) {
        if (auto found = search({entry.frame}, depth + 1, vaddr, from)) return found;
      }
      if (searched_ >= kMostTablesSearched) return std::nullopt;
    }
    return std::nullopt;
  }

 private:
  const PageTable& table_;
  const ReadPhysical& read_;
  unsigned searched_ = 0;
};

}  // namespace

std::optional<std::pair<VirtAddr, Translation>> first_mapping(const PageTable& table, VirtAddr from,
                                                              const ReadPhysical& read) {
  if (table.levels.empty()) return std::nullopt;
  // The root maps the whole of what its addresses can say, sign extended.
  const PageTableLevel& root = table.levels.front();
  const unsigned width = root.shift + root.bits;
  const std::uint64_t base = width >= 64 ? 0 : from.value >> width << width;
  return FirstMapping(table, read).search(table.root, 0, base, from.value);
}

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
