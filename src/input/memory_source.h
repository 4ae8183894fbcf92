// SPDX-License-Identifier: GPL-2.0-or-later
// A dump seen as the physical memory of the crashed machine, whatever file format it came in.
//
// A MemorySource is immutable once readers exist; every thread works through a PageReader of its
// own. Readers hand out pages by batches, so that nothing is looked up or called per page.
#pragma once

#include "src/base/bitmap.h"
#include "src/base/bytes.h"
#include "src/base/result.h"
#include "src/base/types.h"
#include "src/kdump/format.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace vmsift {

// A page in the form in which a dump stores it.
struct StoredPage {
  std::span<const std::byte> bytes;
  std::uint32_t page_flag = 0;  // of the codec, 0: raw
  bool zero = false;            // known to be zeros; false says nothing
};

class PageReader {
 public:
  virtual ~PageReader() = default;

  // Makes a prefix of `pfns` (ascending, not empty) readable and returns its length, at least 1.
  // pages[i] points to one page, or is nullptr when that page cannot be had: not in the dump, or
  // the read failed. Pointers stay valid until the next call.
  virtual std::size_t fetch(std::span<const Pfn> pfns, std::span<const std::byte*> pages) = 0;

  // As fetch(), but pages as the dump stores them, for copying on without decoding. Only where
  // info().stores_encoded; never asked otherwise. A page that cannot be had has no bytes.
  virtual std::size_t fetch_stored(std::span<const Pfn> /*pfns*/, std::span<StoredPage> /*pages*/) {
    return 0;
  }

  // False when the memory behind the last fetch() changed under the caller (an I/O error under a
  // mapping). What was computed from those pages must be thrown away and fetched once more; the
  // reader has then given up mapping the file.
  virtual bool intact() = 0;

  // Why the last page that was handed out as nullptr could not be read; empty when it is simply
  // not part of the dump.
  [[nodiscard]] virtual std::string last_error() const = 0;
};

// A kernel virtual range whose physical place the dump's headers give.
struct VirtualRange {
  VirtAddr vaddr;
  PhysAddr paddr;
  std::uint64_t size = 0;
  bool operator==(const VirtualRange&) const = default;
};

struct MemoryRange {
  PhysAddr begin;
  PhysAddr end;
};

// What the dump's headers say, beside the memory itself.
struct DumpInfo {
  std::string path;
  std::string format;         // "ELF core", "kdump-compressed"
  std::uint16_t machine = 0;  // e_machine; 0: only its name is known
  std::string machine_name;   // as uname -m says it; empty: only its number is known
  ByteOrder order = ByteOrder::little;
  std::size_t page_size = 4096;
  Pfn max_pfn = 0;                      // one past the last page frame
  std::vector<std::byte> notes;         // all ELF notes, each padded to 4 bytes
  std::string vmcoreinfo;               // text of the VMCOREINFO note, empty: none
  std::uint32_t cpus = 0;               // NT_PRSTATUS notes
  kdump::Abi abi = kdump::Abi::bits64;  // of the crashed kernel
  // What a kdump header says, for dumps whose note does not: QEMU may write a wrong phys_base.
  std::uint64_t phys_base = 0;
  std::uint64_t crash_time = 0;
  kdump::Utsname utsname;
  std::vector<VirtualRange> virtual_ranges;
  std::vector<MemoryRange> memory;  // sorted and disjoint; empty: only presence() tells
  std::uint32_t elf_flags = 0;      // e_flags of an ELF core, without the mark of incomplete ones
  std::uint8_t elf_os_abi = 0;
  unsigned elf_class = 0;         // of an ELF core: 32 or 64, whatever the kernel's words are
  bool live = false;              // /proc/kcore: memory goes on changing while it is read
  unsigned dump_level = 0;        // pages of these classes are gone already
  bool stores_encoded = false;    // fetch_stored() may be used
  std::uint32_t codec_flag = 0;   // page flag of the codec that the whole dump was written with
  bool excluded_vmemmap = false;  // struct pages of no use were left out (-e)
  bool incomplete = false;        // the input says, or shows, that memory is missing
  std::vector<std::string> warnings;
};

class MemorySource {
 public:
  virtual ~MemorySource() = default;

  [[nodiscard]] virtual const DumpInfo& info() const = 0;

  // Once, before the first reader, when the kernel says that its pages have another size than
  // info().page_size. Power of two, 4 KiB to 256 KiB.
  virtual Result<void> set_page_size(std::uint64_t bytes) = 0;

  // Sets bit i of `exists` when page window.begin + i is memory of the machine, and of `stored`
  // when the dump also has at least one byte of it. window.begin is a multiple of 8. Both spans are
  // cleared first and hold at least window.size() bits; bits beyond the window mean nothing.
  virtual Result<void> presence(PfnRange window, BitSpan exists, BitSpan stored) const = 0;

  // The first page frame at or after `from` in an aligned window of `granule` page frames that has
  // any memory; info().max_pfn when there is none. Lets walks pass over holes of any size.
  [[nodiscard]] virtual Pfn next_window(Pfn from, std::uint64_t granule) const = 0;

  [[nodiscard]] virtual std::unique_ptr<PageReader> reader() const = 0;

  // Bytes that a reader takes at most, and that the source itself holds: for the memory plan.
  [[nodiscard]] virtual std::size_t reader_memory() const { return info().page_size; }
  [[nodiscard]] virtual std::size_t memory() const { return 0; }
};

}  // namespace vmsift
