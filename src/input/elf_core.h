// SPDX-License-Identifier: GPL-2.0-or-later
// An ELF core as physical memory: /proc/vmcore, a copy of it, or what QEMU and libvirt write.
#pragma once

#include "src/input/byte_store.h"
#include "src/input/file_window.h"
#include "src/input/memory_source.h"

#include <memory>

namespace vmsift {

Result<std::unique_ptr<MemorySource>> open_elf_core(std::unique_ptr<ByteStore> file, ReadMode mode);

}  // namespace vmsift
