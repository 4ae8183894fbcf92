// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/classify/kernel_counters.h"

#include <algorithm>
#include <array>
#include <optional>

namespace vmsift {
namespace {

constexpr std::int64_t kMostItems = 256;    // enum node_stat_item has some 60
constexpr std::uint64_t kMostHstates = 32;  // HUGE_MAX_HSTATE is 15 at most so far
constexpr std::uint64_t kMostPages = std::uint64_t{1} << 52;
constexpr std::uint32_t kMostHugeOrder = 22;  // 16 GiB in 4 KiB pages

struct Item {
  std::string_view what;
  std::string_view name;
  std::vector<PageClass> classes;
  std::vector<const char*> keys;  // enumerators; their counters are added up
};

// File pages include shared memory and the swap cache; slab is counted in pages here, whatever the
// enumerators are called (vmstat_item_in_bytes()).
std::vector<Item> items() {
  return {
      {"cache pages",
       "NR_FILE_PAGES",
       {PageClass::cache, PageClass::cache_private},
       {"NR_FILE_PAGES"}},
      {"user process data pages", "NR_ANON_MAPPED", {PageClass::user}, {"NR_ANON_MAPPED"}},
      {"slab pages",
       "NR_SLAB_RECLAIMABLE_B, NR_SLAB_UNRECLAIMABLE_B",
       {PageClass::slab},
       {"NR_SLAB_RECLAIMABLE_B", "NR_SLAB_UNRECLAIMABLE_B"}},
      {"page tables", "NR_PAGETABLE", {PageClass::page_table}, {"NR_PAGETABLE"}},
  };
}

// nullopt: not there, or no count. Below zero is what CPUs took away and did not say yet.
std::optional<std::uint64_t> read_count(VirtAddr at, AddressSpace& memory) {
  const auto raw = memory.read_word(at);
  if (!raw) return std::nullopt;
  const auto count =
      memory.word_bytes() == 4 ? static_cast<std::int32_t>(*raw) : static_cast<std::int64_t>(*raw);
  if (count < 0) return 0;
  return static_cast<std::uint64_t>(count) < kMostPages
             ? std::optional(static_cast<std::uint64_t>(count))
             : std::nullopt;
}

std::optional<std::uint64_t> read_item(const char* item, VirtAddr counters, const Vmcoreinfo& note,
                                       AddressSpace& memory) {
  const auto index = note.number(item);
  if (!index || *index < 0 || *index >= kMostItems) return std::nullopt;
  return read_count(counters + static_cast<std::uint64_t>(*index) * memory.word_bytes(), memory);
}

std::optional<std::uint64_t> read_items(const Item& item, VirtAddr counters, const Vmcoreinfo& note,
                                        AddressSpace& memory) {
  std::uint64_t sum = 0;
  for (const char* key : item.keys) {
    const auto count = read_item(key, counters, note, memory);
    if (!count) return std::nullopt;
    sum += *count;
  }
  return sum;
}

std::optional<std::uint64_t> read_huge_pages(const Vmcoreinfo& note, AddressSpace& memory) {
  const auto states = note.symbol("hstates");
  const auto last = note.symbol("hugetlb_max_hstate");
  const auto size = note.size("hstate");
  const auto order_at = note.offset("hstate.order");
  const auto pages_at = note.offset("hstate.nr_huge_pages");
  if (!states || !last || !size || !order_at || !pages_at) return std::nullopt;
  const auto count = memory.read_value<std::uint32_t>(*last);
  if (!count || *count > kMostHstates) return std::nullopt;
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const VirtAddr state = *states + i * *size;
    const auto order = memory.read_value<std::uint32_t>(state + *order_at);
    const auto pages = read_count(state + *pages_at, memory);
    if (!order || *order > kMostHugeOrder || !pages) return std::nullopt;
    sum += *pages << *order;
  }
  return sum;
}

}  // namespace

std::vector<KernelCounter> read_kernel_counters(const Vmcoreinfo& note, AddressSpace& memory) {
  std::vector<KernelCounter> counters;
  if (const auto at = note.symbol("vm_node_stat")) {
    for (Item& item : items()) {
      if (const auto pages = read_items(item, *at, note, memory)) {
        counters.push_back({item.what, item.name, std::move(item.classes), *pages});
      }
    }
  }
  if (const auto pages = read_huge_pages(note, memory)) {
    counters.push_back({"hugetlb pages", "hstate.nr_huge_pages", {PageClass::hugetlb}, *pages});
  }
  return counters;
}

std::optional<std::uint64_t> read_zone_counter(const char* item, const Vmcoreinfo& note,
                                               AddressSpace& memory) {
  const auto counters = note.symbol("vm_zone_stat");
  return counters ? read_item(item, *counters, note, memory) : std::nullopt;
}

}  // namespace vmsift
