// SPDX-License-Identifier: GPL-2.0-or-later
#include "mm-model/nodes.h"

#include <algorithm>
#include <optional>

namespace vmsift {
namespace {

// More page frames than 64 bits of address have in the smallest pages.
constexpr Pfn kMostFrames = Pfn{1} << 52;

// The ids whose bit is set in node_online_map, an array of longs of SIZE(nodemask_t) bytes.
Result<std::vector<unsigned>> online_nodes(const Vmcoreinfo& note, AddressSpace& memory) {
  const auto map = note.symbol("node_online_map");
  const auto size = note.size("nodemask_t");
  const unsigned word = memory.word_bytes();
  if (!map) return error("SYMBOL(node_online_map) is missing");
  if (!size || *size == 0 || *size % word != 0 || *size > Nodes::kMost / 8) {
    return error("SIZE(nodemask_t) is missing or impossible");
  }
  std::vector<unsigned> ids;
  for (std::uint32_t at = 0; at < *size; at += word) {
    const auto bits = memory.read_word(*map + at);
    if (!bits) return error("SYMBOL(node_online_map) {:#x} cannot be read", map->value);
    for (unsigned bit = 0; bit < word * 8; ++bit) {
      if ((*bits >> bit & 1U) != 0) ids.push_back(at * 8 + bit);
    }
  }
  if (ids.empty()) return error("SYMBOL(node_online_map) {:#x} has no node", map->value);
  return ids;
}

}  // namespace

Result<Nodes> Nodes::detect(const Vmcoreinfo& note, AddressSpace& memory) {
  Nodes nodes;
  auto array = note.symbol("node_data");
  if (!array) array = note.symbol("pgdat_list");  // ia64
  if (!array) {
    const auto only = note.symbol("contig_page_data");
    if (!only) return error("SYMBOL(node_data) and SYMBOL(contig_page_data) are missing");
    if (auto added = nodes.add(note, memory, 0, *only); !added) return added.take_error();
  } else {
    auto ids = online_nodes(note, memory);
    if (!ids) return ids.take_error();
    auto length = note.length("node_data");
    if (!length) length = note.length("pgdat_list");
    const unsigned entries = length.value_or(kMost);
    for (const unsigned id : *ids) {
      if (id >= entries) return error("node {} is online, LENGTH(node_data) is {}", id, entries);
      const auto pgdat = memory.read_word(*array + std::uint64_t{id} * memory.word_bytes());
      auto added = nodes.add(note, memory, id, VirtAddr{pgdat.value_or(0)});
      if (!added) return added.take_error();
    }
  }
  if (nodes.nodes_.empty()) return error("no struct pglist_data can be read");
  return nodes;
}

Result<void> Nodes::add(const Vmcoreinfo& note, AddressSpace& memory, unsigned id, VirtAddr pgdat) {
  const auto id_at = note.offset("pglist_data.node_id");
  const auto start_at = note.offset("pglist_data.node_start_pfn");
  const auto spanned_at = note.offset("pglist_data.node_spanned_pages");
  const auto known = id_at ? memory.read_value<std::uint32_t>(pgdat + *id_at) : std::nullopt;
  const auto start = start_at ? memory.read_word(pgdat + *start_at) : 0;
  const auto spanned = spanned_at ? memory.read_word(pgdat + *spanned_at) : 0;
  if (pgdat.value == 0 || (id_at && !known) || !start || !spanned) {
    ++unreadable_;
    return {};
  }
  if (known && *known != id) {
    return error("node {} says at OFFSET(pglist_data.node_id) that it is {}", id, *known);
  }
  if (*start >= kMostFrames || *spanned >= kMostFrames) {
    return error("node {} cannot begin at page frame {:#x} and have {:#x}", id, *start, *spanned);
  }
  nodes_.push_back({id, pgdat, *start, *spanned});
  return {};
}

}  // namespace vmsift
