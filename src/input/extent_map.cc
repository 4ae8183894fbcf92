// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/extent_map.h"

#include <algorithm>
#include <set>

namespace vmsift {
namespace {

// Where an extent begins or ends.
struct Edge {
  PhysAddr at;
  std::size_t extent;
};

std::vector<Edge> sorted_edges(const std::vector<Extent>& extents) {
  std::vector<Edge> edges;
  edges.reserve(2 * extents.size());
  for (std::size_t i = 0; i < extents.size(); ++i) {
    if (extents[i].begin >= extents[i].end) continue;
    edges.push_back({extents[i].begin, i});
    edges.push_back({extents[i].end, i});
  }
  std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) { return a.at < b.at; });
  return edges;
}

// Pieces that the cutting left side by side are one run of the file again.
void append(std::vector<Extent>& to, const Extent& piece) {
  if (!to.empty()) {
    Extent& last = to.back();
    if (last.end == piece.begin && last.offset_of(last.end) == piece.offset) {
      last.end = piece.end;
      return;
    }
  }
  to.push_back(piece);
}

}  // namespace

ExtentMap ExtentMap::from_overlapping(std::vector<Extent> extents) {
  ExtentMap result;
  std::set<std::size_t> open;  // extents that hold the address that is passed
  PhysAddr from;
  for (const Edge& edge : sorted_edges(extents)) {
    if (!open.empty() && from < edge.at) {
      const Extent& first = extents[*open.begin()];
      append(result.extents_, {from, edge.at, first.offset_of(from)});
    }
    from = edge.at;
    if (edge.at == extents[edge.extent].begin) {
      open.insert(edge.extent);
    } else {
      open.erase(edge.extent);
    }
  }
  return result;
}

std::size_t ExtentMap::find(PhysAddr a) const {
  const auto it = std::upper_bound(extents_.begin(), extents_.end(), a,
                                   [](PhysAddr x, const Extent& e) { return x < e.end; });
  return static_cast<std::size_t>(it - extents_.begin());
}

}  // namespace vmsift
