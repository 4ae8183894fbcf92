// SPDX-License-Identifier: GPL-2.0-or-later
#include "mm-model/zones.h"

#include <algorithm>

namespace vmsift {
namespace {

// More page frames than 64 bits of address have in the smallest pages.
constexpr Pfn kMostFrames = Pfn{1} << 52;

// What CPUs have not yet added may make a counter of few pages look negative; more is no counter.
constexpr std::uint64_t kMostBelowZero = std::uint64_t{1} << 24;

std::int64_t as_signed(std::uint64_t value, unsigned bytes) {
  return bytes == 4 ? static_cast<std::int32_t>(value) : static_cast<std::int64_t>(value);
}

}  // namespace

Result<Zones> Zones::detect(const Vmcoreinfo& note, const Nodes& nodes, AddressSpace& memory) {
  Zones zones;
  for (const Node& node : nodes.all()) {
    if (auto added = zones.add_node(note, node, memory); !added) return added.take_error();
  }
  if (zones.zones_.empty()) return error("no zone of any node spans a page");
  if (nodes.unreadable() != 0) {
    zones.no_free_pages_ = fmt::format("{} online nodes cannot be read", nodes.unreadable());
    return zones;
  }
  auto free = zones.count_free(note, memory);
  if (free) {
    zones.free_pages_ = *free;
  } else {
    zones.no_free_pages_ = free.message();
  }
  return zones;
}

Result<void> Zones::add_node(const Vmcoreinfo& note, const Node& node, AddressSpace& memory) {
  const auto array = note.offset("pglist_data.node_zones");
  const auto count_at = note.offset("pglist_data.nr_zones");
  const auto node_size = note.size("pglist_data");
  const auto size = note.size("zone");
  const auto spanned_at = note.offset("zone.spanned_pages");
  const auto start_at =
      note.offset("zone.zone_start_pfn");  // no note has it, debug information has
  const unsigned word = memory.word_bytes();
  if (!array) return error("OFFSET(pglist_data.node_zones) is missing");
  if (!count_at) return error("OFFSET(pglist_data.nr_zones) is missing");
  if (!size || *size == 0) return error("SIZE(zone) is missing");
  if (!spanned_at) return error("OFFSET(zone.spanned_pages) is missing");
  if (*spanned_at + std::uint64_t{word} > *size || *spanned_at % word != 0) {
    return error("OFFSET(zone.spanned_pages)={} is not within SIZE(zone)={}", *spanned_at, *size);
  }
  const auto count = memory.read_value<std::uint32_t>(node.pgdat + *count_at);
  if (!count) return error("pglist_data.nr_zones of node {} cannot be read", node.id);
  if (*count > kMostPerNode) {
    return error("node {} cannot have {} zones", node.id, *count);
  }
  const std::uint64_t end = *array + std::uint64_t{*size} * *count;
  if (node_size && end > *node_size) {
    return error("{} zones of SIZE(zone)={} are more than SIZE(pglist_data)={}", *count, *size,
                 *node_size);
  }
  for (unsigned i = 0; i < *count; ++i) {
    const VirtAddr at = node.pgdat + *array + std::uint64_t{i} * *size;
    const auto spanned = memory.read_word(at + *spanned_at);
    const auto start = start_at ? memory.read_word(at + *start_at) : node.start_pfn;
    if (!spanned || !start) return error("zone {} of node {} cannot be read", i, node.id);
    if (*spanned == 0) continue;
    if (*spanned >= kMostFrames || *start >= kMostFrames) {
      return error("zone {} of node {} cannot span {:#x} pages from {:#x}", i, node.id, *spanned,
                   *start);
    }
    if (node.spanned_pages != 0 && *spanned > node.spanned_pages) {
      return error("zone {} of node {} spans {:#x} pages, the node {:#x}", i, node.id, *spanned,
                   node.spanned_pages);
    }
    PfnRange pages{0, kMostFrames};
    if (start_at) {
      pages = {*start, *start + *spanned};
    } else if (node.spanned_pages != 0) {
      pages = {node.start_pfn, node.start_pfn + node.spanned_pages};
    }
    zones_.push_back({at, node.id, i, *spanned, pages});
  }
  return {};
}

Result<std::uint64_t> Zones::count_free(const Vmcoreinfo& note, AddressSpace& memory) const {
  const auto counters = note.offset("zone.vm_stat");
  const auto index = note.number("NR_FREE_PAGES");
  const auto size = note.size("zone");
  const unsigned word = memory.word_bytes();
  if (!counters) return error("OFFSET(zone.vm_stat) is missing");
  if (!index) return error("NUMBER(NR_FREE_PAGES) is missing");
  if (*index < 0 || *index >= *size || *counters % word != 0 ||
      *counters + (static_cast<std::uint64_t>(*index) + 1) * word > *size) {
    return error("NUMBER(NR_FREE_PAGES)={} at OFFSET(zone.vm_stat)={} is not within SIZE(zone)={}",
                 *index, *counters, *size);
  }
  std::uint64_t sum = 0;
  for (const Zone& zone : zones_) {
    const auto raw =
        memory.read_word(zone.at + *counters + static_cast<std::uint64_t>(*index) * word);
    if (!raw)
      return error("NR_FREE_PAGES of zone {} of node {} cannot be read", zone.index, zone.node);
    const std::int64_t count = as_signed(*raw, word);
    if (count < -static_cast<std::int64_t>(kMostBelowZero) ||
        count > static_cast<std::int64_t>(zone.spanned_pages)) {
      return error("zone {} of node {} cannot have {} free pages (NR_FREE_PAGES)", zone.index,
                   zone.node, count);
    }
    if (count > 0) sum += static_cast<std::uint64_t>(count);
  }
  return sum;
}

}  // namespace vmsift
