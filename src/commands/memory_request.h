// SPDX-License-Identifier: GPL-2.0-or-later
// What a run needs of memory, summed up from the sizes that each part of the program declares: the
// formula of README, "Memory".
#pragma once

#include "compress/codec.h"
#include "compress/frame.h"
#include "src/base/types.h"
#include "src/memory/memory_plan.h"

#include <cstddef>
#include <cstdint>

namespace vmsift {

// As much of a run as decides on its memory.
struct RunShape {
  unsigned threads = 1;                 // at least 1
  const Codec* codec = nullptr;         // of the dump that is written
  const FrameFormat* frames = nullptr;  // with --stream
  std::size_t page_size = 4096;         // of the dump
  Pfn max_pfn = 0;                      // of the dump: all page frames are below
  std::size_t loads = 0;                // PT_LOADs of the input, or runs of memory
  std::size_t members = 1;              // files that are written
  bool classifies_again = false;        // -F, -E, --dry-run: no bitmap can be read back
  bool split = false;
  bool dedup = false;
  bool live = false;           // /proc/kcore
  bool encoded_input = false;  // a kdump-compressed dump
  bool free_lists = false;     // the kernel's marks of free pages are not known
};

MemoryRequest memory_request(const RunShape& shape);

}  // namespace vmsift
