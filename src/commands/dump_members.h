// SPDX-License-Identifier: GPL-2.0-or-later
// The files of a dump: one, or the stream, or those of a split dump, which get a range of the page
// frames each. All see every window; each takes the pages of its range.
#pragma once

#include "src/base/types.h"
#include "src/cli/options.h"
#include "src/commands/input.h"
#include "src/commands/split_ranges.h"
#include "src/copy/copy_pages.h"
#include "src/output/dump_writer.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vmsift {

struct DumpMember {
  std::unique_ptr<DumpWriter> writer;
  PfnRange range;           // of page frames that it gets
  std::uint64_t pages = 0;  // kept ones among them
  bool ended = false;       // with all that belongs behind the pages
  bool complete = false;
  CopyResult copied;
  std::optional<Error> failure;
};

class DumpMembers {
 public:
  explicit DumpMembers(const Options& options) : options_(options) {}

  // Of a dump of `input`; `level` as of make_writer(). After an error no file is left.
  Result<void> create(const Input& input, unsigned level);
  Result<void> put_window(Pfn first, std::span<const std::byte> exists,
                          std::span<const std::byte> kept);
  // After the last window, with the number of pages that are kept.
  Result<void> share_out(std::uint64_t kept_pages);
  // From here on a failure leaves an incomplete dump.
  Result<void> begin_pages();
  // Ends all of them; those without a failure and lost pages as complete where `may_be_complete`.
  void finish(bool may_be_complete);
  // Removes the files.
  void discard();

  [[nodiscard]] std::vector<DumpMember>& all() { return members_; }
  [[nodiscard]] const std::vector<DumpMember>& all() const { return members_; }
  [[nodiscard]] bool empty() const { return members_.empty(); }
  [[nodiscard]] bool begun() const { return begun_; }  // there may be pages in them
  [[nodiscard]] bool out_of_space() const;

 private:
  const Options& options_;
  std::vector<DumpMember> members_;
  std::optional<SplitRanges> ranges_;  // of a split dump
  bool begun_ = false;
};

}  // namespace vmsift
