// SPDX-License-Identifier: GPL-2.0-or-later
// A kdump-compressed file as physical memory: what vmsift wrote before (LZ4 dumps too), and other
// version 6 files of 64-bit kernels.
#pragma once

#include "src/input/byte_store.h"
#include "src/input/file_window.h"
#include "src/input/memory_source.h"

#include <memory>

namespace vmsift {

Result<std::unique_ptr<MemorySource>> open_kdump_core(std::unique_ptr<ByteStore> file,
                                                      ReadMode mode);

}  // namespace vmsift
