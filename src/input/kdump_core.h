// SPDX-License-Identifier: GPL-2.0-or-later
// A kdump-compressed file as physical memory: dumps of vmsift (LZ4 too), makedumpfile and QEMU, of
// header versions 0 to 6, of 32-bit and 64-bit kernels and either byte order. A member of a split
// set is read as far as it goes; see kdump_set.h for all of them together.
#pragma once

#include "src/input/byte_store.h"
#include "src/input/file_window.h"
#include "src/input/memory_source.h"

#include <memory>

namespace vmsift {

Result<std::unique_ptr<MemorySource>> open_kdump_core(std::unique_ptr<ByteStore> file,
                                                      ReadMode mode);

}  // namespace vmsift
