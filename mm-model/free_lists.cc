// SPDX-License-Identifier: GPL-2.0-or-later
#include "mm-model/free_lists.h"

#include <algorithm>

namespace vmsift {
namespace {

constexpr unsigned kMostTypes = 16;  // MIGRATE_TYPES is 7 at most so far

}  // namespace

Result<FreeLists> FreeLists::detect(const Vmcoreinfo& note, const PageLayout& layout, Zones zones,
                                    Pfn max_pfn, unsigned word_bytes) {
  FreeLists lists;
  lists.zones_ = std::move(zones);
  lists.max_pfn_ = max_pfn;
  lists.word_ = word_bytes;
  const std::uint64_t word = word_bytes;

  const bool renamed = note.offset("page._refcount").has_value();  // 4.7
  const char* count = renamed ? "page._refcount" : "page._count";
  const auto orders = note.length("zone.free_area");
  lists.types_ = note.length("free_area.free_list").value_or(1);  // one list before 2.6.24
  if (!orders || *orders == 0 || *orders > 32) {
    return error("LENGTH(zone.free_area) is missing or impossible");
  }
  if (lists.types_ == 0 || lists.types_ > kMostTypes) {
    return error("LENGTH(free_area.free_list)={} cannot be", lists.types_);
  }
  lists.orders_ = *orders;

  const struct {
    const char* name;
    std::optional<std::uint32_t> value;
    std::uint32_t* into;
  } needed[] = {
      {"OFFSET(zone.free_area)", note.offset("zone.free_area"), &lists.free_area_},
      {"SIZE(free_area)", note.size("free_area"), &lists.free_area_size_},
      {"OFFSET(free_area.free_list)", note.offset("free_area.free_list"), &lists.free_list_},
      {"SIZE(list_head)", note.size("list_head"), &lists.list_head_size_},
      {"OFFSET(list_head.next)", note.offset("list_head.next"), &lists.next_},
      {"OFFSET(list_head.prev)", note.offset("list_head.prev"), &lists.prev_},
      {"OFFSET(page.lru)", note.offset("page.lru"), &lists.lru_}};
  for (const auto& n : needed) {
    if (!n.value) return error("{} is missing", n.name);
    *n.into = *n.value;
    if (*n.value % word != 0) return error("{}={} is no multiple of a word", n.name, *n.value);
  }
  const auto count_at = note.offset(count);
  if (!count_at) return error("OFFSET({}) is missing", count);
  if (!layout.has(Feature::flags)) return error("{} is missing", layout.missing(Feature::flags));
  lists.count_ = *count_at;
  lists.flags_ = layout.flags;
  lists.slab_mask_ = layout.slab_mask;

  if (lists.list_head_size_ != 2 * word || lists.next_ + lists.prev_ != word) {
    return error("a list_head of SIZE={}, next at {}, prev at {} cannot be", lists.list_head_size_,
                 lists.next_, lists.prev_);
  }
  if (lists.lru_ + 2 * word > layout.size || lists.count_ + std::uint64_t{4} > layout.size) {
    return error("OFFSET(page.lru) or OFFSET({}) is not within SIZE(page)", count);
  }
  // free_area.nr_free stands behind the lists.
  if (lists.free_list_ + lists.types_ * 2 * word + word > lists.free_area_size_) {
    return error("LENGTH(free_area.free_list)={} is not within SIZE(free_area)={}", lists.types_,
                 lists.free_area_size_);
  }
  const std::uint32_t zone_size = note.size("zone").value_or(0);
  if (lists.free_area_ + std::uint64_t{lists.orders_} * lists.free_area_size_ > zone_size) {
    return error("LENGTH(zone.free_area)={} is not within SIZE(zone)={}", lists.orders_, zone_size);
  }
  return lists;
}

FreeListTotals FreeLists::walk(PfnRange pages, const MemoryMap& map, AddressSpace& memory,
                               const Sink& sink) const {
  FreeListTotals totals;
  for (const Zone& zone : zones_.all()) {
    if (zone.pages.begin < pages.end && pages.begin < zone.pages.end) {
      walk_zone(zone, map, memory, sink, totals);
    }
  }
  return totals;
}

void FreeLists::walk_zone(const Zone& zone, const MemoryMap& map, AddressSpace& memory,
                          const Sink& sink, FreeListTotals& totals) const {
  // A zone has no more free pages than pages: what links on and on ends here.
  std::uint64_t left = std::min(zone.spanned_pages, max_pfn_);
  for (unsigned order = 0; order < orders_; ++order) {
    const VirtAddr lists =
        zone.at + free_area_ + std::uint64_t{order} * free_area_size_ + free_list_;
    const auto blocks = memory.read_word(lists + std::uint64_t{types_} * list_head_size_);
    if (blocks && *blocks <= zone.spanned_pages >> order) totals.counted += *blocks << order;
    for (unsigned type = 0; type < types_; ++type) {
      const List list{lists + std::uint64_t{type} * list_head_size_, zone.pages, order};
      walk_list(list, map, memory, sink, left, totals);
    }
  }
}

void FreeLists::walk_list(const List& list, const MemoryMap& map, AddressSpace& memory,
                          const Sink& sink, std::uint64_t& left, FreeListTotals& totals) const {
  ++totals.lists;
  Link link{list.head, VirtAddr{memory.read_word(list.head + next_).value_or(0)}};
  PfnRange block;
  Step step;
  while ((step = take(list, link, block, map, memory)) == Step::block && block.size() <= left) {
    left -= block.size();
    ++totals.blocks;
    totals.pages += block.size();
    sink(block);
  }
  totals.torn_lists += step != Step::end;
}

// A cycle that does not lead back to the head has an element with two elements in front of it, and
// only one of them is where that element's back link leads.
FreeLists::Step FreeLists::take(const List& list, Link& link, PfnRange& block, const MemoryMap& map,
                                AddressSpace& memory) const {
  const auto back = memory.read_word(link.to + prev_);
  if (!back || VirtAddr{*back} != link.from) return Step::torn;
  if (link.to == list.head) return Step::end;
  const VirtAddr structs{link.to.value - lru_};
  const auto pfn = map.pfn_of(structs, memory);
  const Pfn size = Pfn{1} << list.order;
  if (!pfn || *pfn % size != 0) return Step::torn;
  block = {*pfn, *pfn + size};
  if (block.begin < list.within.begin || block.end > list.within.end || block.end > max_pfn_) {
    return Step::torn;
  }
  const auto next = memory.read_word(link.to + next_);
  if (!next || !is_free(structs, map, block, memory)) return Step::torn;
  link = {link.to, VirtAddr{*next}};
  return Step::block;
}

// Nobody uses the first page of the block, nor the first of its second half: the order is right.
bool FreeLists::is_free(VirtAddr structs, const MemoryMap& map, const PfnRange& block,
                        AddressSpace& memory) const {
  const auto unused = [&](VirtAddr at) {
    const auto count = memory.read_value<std::uint32_t>(at + count_);
    const auto flags = memory.read_word(at + flags_);
    return count && *count == 0 && flags && (*flags & slab_mask_) == 0;
  };
  if (!unused(structs)) return false;
  if (block.size() == 1) return true;
  const auto middle = map.part(block.begin + block.size() / 2, memory).structs;
  return middle && unused(*middle);
}

}  // namespace vmsift
