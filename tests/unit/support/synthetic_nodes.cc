// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/support/synthetic_nodes.h"

#include "tests/unit/support/synthetic_kernel.h"

#include <algorithm>
#include <stdexcept>

namespace vmsift::test {
namespace {

constexpr Pfn kDmaPages = 0x1000;        // zone 0 of the first node
constexpr unsigned kNodesPossible = 64;  // MAX_NUMNODES

}  // namespace

SyntheticNodes::SyntheticNodes(SyntheticKernel& kernel, unsigned word, unsigned migrate_types)
    : kernel_(kernel), word_(word), types_(migrate_types) {
  area_bytes_ = 2 * word_ * types_ + word_;
  free_area_ = 8 * word_;
  spanned_ = free_area_ + kOrders * area_bytes_ + word_;
  vm_stat_ = spanned_ + 2 * word_;
  zone_bytes_ = align_up(vm_stat_ + 40 * word_, 64U);
  nr_zones_ = kZones * zone_bytes_;
}

void SyntheticNodes::add_node(const std::vector<PfnRange>& memory, PhysAddr pgdat,
                              VirtAddr mem_map) {
  const auto id = static_cast<std::uint32_t>(nodes_.size());
  Node& node = nodes_.emplace_back();
  node.at = pgdat;
  node.memory = memory;
  const Pfn begin = memory.front().begin;
  const Pfn end = memory.back().end;
  for (unsigned z = 0; z < kZones; ++z) node.zones.at(z).at = pgdat + z * zone_bytes_;
  // The first node has DMA and DMA32, each other NORMAL alone: zones 0 and 1 are empty there.
  if (id == 0) {
    const Pfn middle = std::min(begin + kDmaPages, end);
    write_zone(node.zones[0], {begin, middle});
    if (middle < end) write_zone(node.zones[1], {middle, end});
  } else {
    write_zone(node.zones[2], {begin, end});
  }
  PhysAddr at = pgdat + nr_zones_;
  kernel_.memory.put<std::uint32_t>(at, id == 0 ? 2 : 3);
  for (const std::uint64_t value : {mem_map.value, begin, end - begin, end - begin}) {
    at = at + word_;
    kernel_.put_word(at, value);
  }
  kernel_.memory.put<std::uint32_t>(at + word_, id);
}

void SyntheticNodes::write_zone(Zone& zone, PfnRange span) {
  zone.lists.resize(std::size_t{kOrders} * types_);
  for (std::size_t i = 0; i < zone.lists.size(); ++i) {
    const PhysAddr head = head_at(zone, i);
    tie(head, kernel_.direct(head), head, kernel_.direct(head));
  }
  kernel_.put_word(zone.at + (spanned_ - word_), span.begin);
  kernel_.put_word(zone.at + spanned_, span.size());
}

// Neighbours in a list; each has `next` and then `prev`.
void SyntheticNodes::tie(PhysAddr before, VirtAddr before_va, PhysAddr after, VirtAddr after_va) {
  kernel_.put_word(before, after_va.value);
  kernel_.put_word(after + word_, before_va.value);
}

// Blocks of one order are spread over the migrate types.
std::size_t SyntheticNodes::list_index(Pfn pfn, unsigned order) const {
  return std::size_t{order} * types_ + (pfn >> order) % types_;
}

PhysAddr SyntheticNodes::head_at(const Zone& zone, std::size_t index) const {
  return zone.at + free_area_ + index / types_ * area_bytes_ + index % types_ * 2 * word_;
}

const SyntheticNodes::Zone& SyntheticNodes::zone_of(Pfn pfn) const {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    const bool here = std::any_of(node.memory.begin(), node.memory.end(),
                                  [pfn](PfnRange r) { return pfn >= r.begin && pfn < r.end; });
    if (!here) continue;
    if (i != 0) return node.zones[2];
    return node.zones[pfn < node.memory.front().begin + kDmaPages ? 0 : 1];
  }
  throw std::runtime_error("a free page where no memory is");
}

SyntheticNodes::Zone& SyntheticNodes::zone_of(Pfn pfn) {
  return const_cast<Zone&>(std::as_const(*this).zone_of(pfn));
}

void SyntheticNodes::link(Pfn pfn, unsigned order) {
  if (nodes_.empty()) return;
  unlink(pfn);
  Zone& zone = zone_of(pfn);
  const std::size_t index = list_index(pfn, order);
  List& list = zone.lists.at(index);
  const std::uint32_t lru = kernel_.fields().lru;
  const PhysAddr head = head_at(zone, index);
  const PhysAddr own = kernel_.struct_place(pfn) + lru;
  const VirtAddr own_va = kernel_.struct_address(pfn) + lru;
  const PhysAddr first = list.empty() ? head : kernel_.struct_place(list.front()) + lru;
  const VirtAddr first_va =
      list.empty() ? kernel_.direct(head) : kernel_.struct_address(list.front()) + lru;
  tie(own, own_va, first, first_va);
  tie(head, kernel_.direct(head), own, own_va);
  list.insert(list.begin(), pfn);
  ++zone.nr_free.at(order);
  write_count(zone, order);
  count(pfn, std::int64_t{1} << order);
}

void SyntheticNodes::unlink(Pfn pfn) {
  if (nodes_.empty()) return;
  Zone& zone = zone_of(pfn);
  const std::uint32_t lru = kernel_.fields().lru;
  for (std::size_t index = 0; index < zone.lists.size(); ++index) {
    List& list = zone.lists[index];
    const auto at = std::find(list.begin(), list.end(), pfn);
    if (at == list.end()) continue;
    const PhysAddr head = head_at(zone, index);
    const bool is_first = at == list.begin();
    const bool is_last = at + 1 == list.end();
    const PhysAddr before = is_first ? head : kernel_.struct_place(at[-1]) + lru;
    const PhysAddr after = is_last ? head : kernel_.struct_place(at[1]) + lru;
    tie(before, is_first ? kernel_.direct(head) : kernel_.struct_address(at[-1]) + lru, after,
        is_last ? kernel_.direct(head) : kernel_.struct_address(at[1]) + lru);
    list.erase(at);
    const auto order = static_cast<unsigned>(index / types_);
    --zone.nr_free.at(order);
    write_count(zone, order);
    count(pfn, -(std::int64_t{1} << order));
    return;
  }
}

void SyntheticNodes::write_count(Zone& zone, unsigned order) {
  kernel_.put_word(zone.at + free_area_ + order * area_bytes_ + 2 * word_ * types_,
                   zone.nr_free.at(order));
}

void SyntheticNodes::count(Pfn pfn, std::int64_t pages) {
  if (nodes_.empty()) return;
  Zone& zone = zone_of(pfn);
  zone.free += pages;
  kernel_.put_word(zone.at + vm_stat_, static_cast<std::uint64_t>(zone.free));
}

PhysAddr SyntheticNodes::head_of(Pfn pfn, unsigned order) const {
  return head_at(zone_of(pfn), list_index(pfn, order));
}

PhysAddr SyntheticNodes::counter_of(Pfn pfn) const {
  return zone_of(pfn).at + vm_stat_;
}

void SyntheticNodes::describe(Note& note, bool node_mem_map) const {
  note.set("SIZE(pglist_data)", align_up(nr_zones_ + 6 * word_, 64U));
  note.set("SIZE(zone)", zone_bytes_);
  note.set("SIZE(free_area)", area_bytes_);
  note.set("SIZE(list_head)", 2 * word_);
  note.set("SIZE(nodemask_t)", kNodesPossible / 8);
  note.set("OFFSET(pglist_data.node_zones)", 0);
  note.set("OFFSET(pglist_data.nr_zones)", nr_zones_);
  if (node_mem_map) note.set("OFFSET(pglist_data.node_mem_map)", nr_zones_ + word_);
  note.set("OFFSET(pglist_data.node_start_pfn)", nr_zones_ + 2 * word_);
  note.set("OFFSET(pglist_data.node_spanned_pages)", nr_zones_ + 4 * word_);
  note.set("OFFSET(pglist_data.node_id)", nr_zones_ + 5 * word_);
  note.set("OFFSET(zone.free_area)", free_area_);
  note.set("OFFSET(zone.vm_stat)", vm_stat_);
  note.set("OFFSET(zone.spanned_pages)", spanned_);
  note.set("OFFSET(free_area.free_list)", 0);
  note.set("OFFSET(list_head.next)", 0);
  note.set("OFFSET(list_head.prev)", word_);
  note.set("LENGTH(zone.free_area)", kOrders);
  note.set("LENGTH(free_area.free_list)", types_);
  note.set("NUMBER(NR_FREE_PAGES)", 0);
}

}  // namespace vmsift::test
