// SPDX-License-Identifier: GPL-2.0-or-later
// The members of a split set (makedumpfile --split) as one dump. Every member has the headers,
// notes and bitmaps of the whole machine, and the pages of one range.
#pragma once

#include "src/input/byte_store.h"
#include "src/input/file_window.h"
#include "src/input/memory_source.h"

#include <memory>
#include <vector>

namespace vmsift {

// In any order. Refuses files of different dumps, and ranges that overlap. Where a member is
// missing, or is marked incomplete, so is the whole, and a warning names the range.
Result<std::unique_ptr<MemorySource>> open_kdump_set(
    std::vector<std::unique_ptr<ByteStore>> members, ReadMode mode);

}  // namespace vmsift
