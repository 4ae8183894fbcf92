// SPDX-License-Identifier: GPL-2.0-or-later
// One kdump-compressed file: a whole dump, or a member of a split set. Both are read in one way, as
// a list of members.
#pragma once

#include "src/input/byte_store.h"
#include "src/input/elf_headers.h"
#include "src/input/file_window.h"
#include "src/input/kdump_index.h"
#include "src/input/memory_source.h"
#include "src/kdump/format.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace vmsift {

struct KdumpMember {
  std::unique_ptr<ByteStore> file;
  kdump::Header header;
  ByteOrder order = ByteOrder::little;
  PfnRange pages;  // that the file has descriptors for, where bitmap 2 says so

  // Set by open_kdump_members().
  std::uint64_t first = 0;        // descriptors of the whole machine in front of `pages`
  std::uint64_t zero_offset = 0;  // of the zero page that pages share; 0: there is none
};

// Reads and checks the headers.
Result<KdumpMember> read_kdump_member(std::unique_ptr<ByteStore> file);
Result<ElfNotes> read_kdump_notes(const KdumpMember& member);

// Not empty; `pages` ascend and do not overlap, and the headers and bitmaps are of one dump.
Result<std::unique_ptr<MemorySource>> open_kdump_members(std::vector<KdumpMember> members,
                                                         ReadMode mode);

// One thread's. `zeros` is a page of zeros that outlives it, as do the others.
std::unique_ptr<PageReader> make_kdump_reader(std::span<const KdumpMember> members,
                                              const KdumpIndex& index,
                                              std::span<const std::byte> zeros, ReadMode mode);
// Bytes that it takes: pages of one fetch, descriptors, pages that stand apart, windows.
std::size_t kdump_reader_memory(std::size_t page_size, ReadMode mode);

}  // namespace vmsift
