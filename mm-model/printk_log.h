// SPDX-License-Identifier: GPL-2.0-or-later
// The kernel's log (dmesg) out of a dump. There are three generations of it, and which one a dump
// has is told by the entries of its note alone, since distributions backport:
//
//   lockless ring     5.10    SYMBOL(prb)             printk_ring.cc
//   variable records  3.5     SYMBOL(log_first_idx)   printk_records.cc
//   flat ring         before  SYMBOL(log_end)         printk_flat.cc
//
// Nothing but address translation is needed: no memory map, no struct page, no page size.
#pragma once

#include "mm-model/address_space.h"
#include "mm-model/vmcoreinfo.h"
#include "src/base/result.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace vmsift {

// Takes the text piece by piece, at most some KiB at a time.
using LogSink = std::function<Result<void>(std::string_view text)>;

struct LogSummary {
  std::uint64_t bytes = 0;            // of text that went to the sink
  bool complete = true;               // every record that the log has was read
  std::vector<std::string> warnings;  // where not, and whatever else a user should know
};

// `since_clear`: only what was logged after the last `dmesg --clear`. A damaged log gives what can
// be read of it, and warnings; an error says that nothing could be read, or is the sink's.
Result<LogSummary> read_printk_log(const Vmcoreinfo& note, ByteOrder order, AddressSpace& memory,
                                   bool since_clear, const LogSink& sink);

}  // namespace vmsift
