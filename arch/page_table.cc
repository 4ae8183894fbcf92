// SPDX-License-Identifier: GPL-2.0-or-later
#include "arch/page_table.h"

#include <algorithm>
#include <array>

namespace vmsift {

namespace {

std::optional<std::uint64_t> read_entry(const PageTable& table, PhysAddr at, std::uint64_t index,
                                        const ReadPhysical& read) {
  std::array<std::byte, 8> raw;
  const auto bytes = std::span(raw).first(table.entry_bytes);
  if (!read(at + index * bytes.size(), bytes)) return std::nullopt;
  if (bytes.size() == sizeof(std::uint32_t)) return load<std::uint32_t>(raw.data(), table.order);
  return load<std::uint64_t>(raw.data(), table.order);
}

PageTableEntry decode(const PageTable& table, std::uint64_t raw, const PageTableLevel& level) {
  return table.decode(raw & ~table.encryption_mask, level, table);
}

Translation inside_leaf(const PageTableEntry& leaf, const PageTableLevel& level, VirtAddr vaddr) {
  const std::uint64_t size = std::uint64_t{1} << (leaf.shift != 0 ? leaf.shift : level.shift);
  const std::uint64_t inside = vaddr.value & (size - 1);
  return {{align_down(leaf.frame, size) + inside}, size - inside};
}

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
      const auto bits = read_entry(table_, at, i, read_);
      if (!bits) return std::nullopt;
      const PageTableEntry entry = decode(table_, *bits, level);
      const std::uint64_t vaddr = base + i * size;
      if (entry.kind == EntryKind::leaf) {
        const VirtAddr lowest{std::max(from, vaddr)};
        return std::pair{lowest, inside_leaf(entry, level, lowest)};
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
  const std::uint64_t above = vaddr.value & table.upper_mask;
  if (above != table.upper && !(above == 0 && table.lower_half)) return std::nullopt;
  PhysAddr at = table.root;
  for (const PageTableLevel& level : table.levels) {
    const std::uint64_t index = vaddr.value >> level.shift & ((std::uint64_t{1} << level.bits) - 1);
    const auto bits = read_entry(table, at, index, read);
    const PageTableEntry entry = bits ? decode(table, *bits, level) : PageTableEntry{};
    if (observer != nullptr) {
      const PhysAddr place = at + index * table.entry_bytes;
      (*observer)({level, place, bits.has_value(), bits.value_or(0), entry});
    }
    if (entry.kind == EntryKind::absent) return std::nullopt;
    if (entry.kind == EntryKind::leaf) return inside_leaf(entry, level, vaddr);
    at = {entry.frame};
  }
  return std::nullopt;
}

}  // namespace vmsift
