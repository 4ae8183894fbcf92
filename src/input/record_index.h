// SPDX-License-Identifier: GPL-2.0-or-later
// Where a flattened stream keeps which bytes of its dump, in bounded memory: a dump of 1 TiB has
// tens of millions of records, but writers emit only a few sequences at a time (bitmaps,
// descriptors, page data), in which each record goes on where the one before ended.
//
// A run is a stretch of the dump that such a sequence covers. It names its first record; who looks
// for a byte walks the stream from there and takes each record that begins where the last one of
// the run ended. Runs are cut so that no walk passes more than 2^n records, with n as small as the
// number of runs allows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace vmsift {

struct RecordRun {
  std::uint64_t begin = 0;  // bytes of the dump that are to be taken from this run
  std::uint64_t end = 0;
  std::uint64_t first_at = 0;      // where in the stream the header of its first record is
  std::uint64_t first_offset = 0;  // and what that one says; at most `begin`
  std::uint64_t last_at = 0;       // the header of its last record
};

class RecordIndexBuilder {
 public:
  static constexpr std::size_t kMaxRuns = 1U << 16;
  static constexpr unsigned kMaxWalkShift = 16;  // 65536 records

  // The next record of the stream: `size` bytes, not 0, for `offset` of the dump; later records win
  // over earlier ones. False when the records are so far out of order that kMaxRuns do not do.
  [[nodiscard]] bool add(std::uint64_t offset, std::uint64_t size, std::uint64_t at);

  // Runs by rising offset; they do not overlap.
  [[nodiscard]] std::vector<RecordRun> take();

  [[nodiscard]] unsigned walk_shift() const { return shift_; }

 private:
  struct Node {
    RecordRun run;
    std::uint64_t ordinal = 0;  // of the first record
    // Nothing may join it: its last record is covered in part, or there is more than one record
    // that begins at its end, and a walk would take the first of these.
    bool closed = false;
  };
  using Runs = std::map<std::uint64_t, Node>;  // by begin

  void cover(std::uint64_t begin, std::uint64_t end);
  bool coarsen();

  Runs runs_;
  std::uint64_t records_ = 0;
  unsigned shift_ = 0;
};

}  // namespace vmsift
