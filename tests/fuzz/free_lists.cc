// SPDX-License-Identifier: GPL-2.0-or-later
// An input is a note, up to a zero byte, and from kMemoryAt on the memory of a machine: its node in
// the first page, struct pages in the others. Whatever these say, a walk of the free lists ends,
// and what it finds are blocks of the machine.
#include "mm-model/free_lists.h"

#include "tests/fuzz/input_memory.h"
#include "tests/unit/support/synthetic_zones.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace vmsift::fuzz {
namespace {

constexpr std::size_t kMemoryAt = 2048;
constexpr std::uint32_t kStruct = 64;
constexpr VirtAddr kBase{0xffffffff80000000};
constexpr VirtAddr kStructs{0xffffffff80001000};
constexpr Pfn kMostPages = 9;
constexpr Pfn kFrames = (kMostPages - 1) * kMemoryPage / kStruct;  // that there are struct pages of

class FixedMap : public MemoryMap {
 public:
  [[nodiscard]] std::string_view model() const override { return "fixed"; }
  [[nodiscard]] MapPart part(Pfn pfn, AddressSpace&) const override {
    if (pfn >= kFrames) return {~Pfn{0}, std::nullopt};
    return {kFrames, kStructs + pfn * kStruct};
  }
  [[nodiscard]] std::optional<Pfn> pfn_of(VirtAddr at, AddressSpace&) const override {
    const std::uint64_t inside = at - kStructs;
    if (inside % kStruct != 0 || inside / kStruct >= kFrames) return std::nullopt;
    return inside / kStruct;
  }
};

void walk(const Vmcoreinfo& note, AddressSpace& memory) {
  auto nodes = Nodes::detect(note, memory);
  if (!nodes) return;
  auto zones = Zones::detect(note, *nodes, memory);
  if (!zones) {
    if (zones.message().empty()) std::abort();
    return;
  }
  std::uint64_t spanned = 0;
  for (const Zone& zone : zones->all()) spanned += zone.spanned_pages;
  if (zones->free_pages() && *zones->free_pages() > spanned) std::abort();
  const auto lists = FreeLists::detect(note, PageLayout::detect(note), std::move(*zones), kFrames,
                                       memory.word_bytes());
  if (!lists) return;
  std::uint64_t pages = 0;
  const auto totals = lists->walk({0, ~Pfn{0}}, FixedMap(), memory, [&](PfnRange block) {
    if (block.end > kFrames || block.begin % block.size() != 0) std::abort();
    pages += block.size();
  });
  if (totals.pages != pages || pages > spanned || totals.torn_lists > totals.lists) std::abort();
}

// A list of each order, of two blocks.
std::vector<std::byte> seed() {
  using Layout = test::SyntheticZones;
  test::Note note;
  Layout::write_note(note, kBase);
  note.set("SIZE(page)", kStruct);
  note.set("OFFSET(page.flags)", 0);
  note.set("OFFSET(page._refcount)", Layout::kCount);
  note.set("LENGTH(zone.free_area)", Layout::kOrders);
  auto seed = test::text_bytes(note.text());
  seed.resize(kMemoryAt + kMostPages * kMemoryPage);
  const auto put = [&](VirtAddr at, std::uint64_t value) {
    store(&seed[kMemoryAt + (at - kBase)], value, ByteOrder::little);
  };
  put(kBase + Layout::kNrZones, 2);
  put(kBase + Layout::kNodeSpanned, kFrames);
  put(kBase + Layout::zone(1) + Layout::kSpanned, kFrames);
  const auto link = [&](VirtAddr from, VirtAddr to) {
    put(from, to.value);
    put(to + 8, from.value);
  };
  for (unsigned z = 0; z < 2; ++z) {
    for (unsigned order = 0; order < Layout::kOrders; ++order) {
      for (unsigned type = 0; type < Layout::kTypes; ++type) {
        const VirtAddr head = kBase + Layout::area(z, order) + std::uint64_t{16} * type;
        link(head, head);
        if (z == 0 || type != 0 || order > 6) continue;
        const VirtAddr one = kStructs + (Pfn{2} << order) * kStruct + Layout::kLru;
        const VirtAddr two = kStructs + (Pfn{3} << order) * kStruct + Layout::kLru;
        link(head, one);
        link(one, two);
        link(two, head);
      }
    }
  }
  return seed;
}

}  // namespace

void fuzz_free_lists(Input input) {
  const auto text = input.first(std::min(input.size(), kMemoryAt));
  std::string_view note(reinterpret_cast<const char*>(text.data()), text.size());
  note = note.substr(0, note.find('\0'));
  const test::ScriptedSource source = memory_of(input, kMemoryAt, kMostPages);
  AddressLayout layout;
  layout.linear.push_back({kBase, {0}, source.info().max_pfn * kMemoryPage});
  AddressSpace memory(layout, source);
  walk(Vmcoreinfo(note), memory);
}

std::vector<std::vector<std::byte>> free_lists_seeds() {
  return {seed()};
}

}  // namespace vmsift::fuzz
