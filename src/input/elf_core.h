// SPDX-License-Identifier: GPL-2.0-or-later
// An ELF core as physical memory: /proc/vmcore, a copy of it, or what QEMU and libvirt write.
#pragma once

#include "src/input/byte_store.h"
#include "src/input/file_window.h"
#include "src/input/memory_source.h"

#include <memory>

namespace vmsift {

// Bytes that a reader of such a core takes, and the core itself for each PT_LOAD, of which the
// headers, three lists of extents and the ranges are held while it is opened.
constexpr std::size_t elf_core_reader_memory(std::size_t page_size, ReadMode mode) {
  return page_size + FileWindow::memory(mode);
}
inline constexpr std::size_t kElfCoreSegmentMemory = 256;

Result<std::unique_ptr<MemorySource>> open_elf_core(std::unique_ptr<ByteStore> file, ReadMode mode);

}  // namespace vmsift
