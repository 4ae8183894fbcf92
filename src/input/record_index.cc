// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/record_index.h"

#include <algorithm>
#include <iterator>

namespace vmsift {

// Takes [begin, end) away from the runs that are there.
void RecordIndexBuilder::cover(std::uint64_t begin, std::uint64_t end) {
  auto it = runs_.lower_bound(begin);
  if (it != runs_.begin()) {
    Node& before = std::prev(it)->second;
    Node rest = before;
    if (before.run.end >= begin) before.closed = true;
    before.run.end = std::min(before.run.end, begin);
    if (rest.run.end > end) {
      rest.run.begin = end;
      it = runs_.emplace(end, rest).first;
    }
  }
  while (it != runs_.end() && it->second.run.begin < end) {
    Node rest = it->second;
    it = runs_.erase(it);
    if (rest.run.end > end) {
      rest.run.begin = end;
      it = runs_.emplace(end, rest).first;
    }
  }
}

// Joins what a walk of twice as many records reaches. False: walks are as long as they may be.
bool RecordIndexBuilder::coarsen() {
  if (shift_ == kMaxWalkShift) return false;
  ++shift_;
  for (auto it = runs_.begin(); it != runs_.end();) {
    const auto next = std::next(it);
    if (next == runs_.end()) break;
    Node& a = it->second;
    const Node& b = next->second;
    if (!a.closed && a.run.end == b.run.begin && b.run.first_offset == b.run.begin &&
        a.run.last_at < b.run.first_at && a.ordinal >> shift_ == b.ordinal >> shift_) {
      a.run.end = b.run.end;
      a.run.last_at = b.run.last_at;
      a.closed = b.closed;
      runs_.erase(next);
    } else {
      it = next;
    }
  }
  return true;
}

bool RecordIndexBuilder::add(std::uint64_t offset, std::uint64_t size, std::uint64_t at) {
  const std::uint64_t end = offset + size;
  const std::uint64_t ordinal = records_++;
  auto next = runs_.lower_bound(offset);
  const auto before = next == runs_.begin() ? runs_.end() : std::prev(next);
  const bool overlaps = (next != runs_.end() && next->second.run.begin < end) ||
                        (before != runs_.end() && before->second.run.end > offset);
  if (overlaps) {
    cover(offset, end);
  } else if (before != runs_.end()) {
    Node& n = before->second;
    if (!n.closed && n.run.end == offset && n.ordinal >> shift_ == ordinal >> shift_) {
      n.run.end = end;
      n.run.last_at = at;
      return true;
    }
  }
  runs_.emplace(offset, Node{{offset, end, at, offset, at}, ordinal, false});
  while (runs_.size() > kMaxRuns) {
    if (!coarsen()) return false;
  }
  return true;
}

std::vector<RecordRun> RecordIndexBuilder::take() {
  std::vector<RecordRun> runs;
  runs.reserve(runs_.size());
  while (!runs_.empty()) {
    runs.push_back(runs_.begin()->second.run);
    runs_.erase(runs_.begin());
  }
  return runs;
}

}  // namespace vmsift
