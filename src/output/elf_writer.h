// SPDX-License-Identifier: GPL-2.0-or-later
// Writes an ELF core (-E) in one pass over the pages. How many program headers there will be is
// known last, so the first stage reserves room for as many as there can be:
//
//   ELF header | room for program headers (and one section header, see PN_XNUM) | notes | pages
//
// The file is born incomplete: bit 0 of e_flags says so until everything is on disk, and headers
// are brought up to date as segments are finished. What gdb, drgn and crash need: p_vaddr of the
// direct map, a second set of segments for the kernel image's own mapping that shares the data of
// the first, and never a single PT_LOAD with memory beyond the file (crash then reads no zeros).
#pragma once

#include "src/input/memory_source.h"
#include "src/output/dump_writer.h"
#include "src/output/elf_segments.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace vmsift {

struct ElfSpec {
  bool is_64bit = true;  // ELF64 at any rate where ELF32 is too small
  // Bytes of the crashed kernel's pointers, which its virtual addresses have room in.
  unsigned word_bytes = 8;
  ByteOrder order = ByteOrder::little;
  std::uint16_t machine = 0;  // e_machine
  std::uint8_t os_abi = 0;
  std::uint32_t flags = 0;                  // e_flags; bit 0 is the mark "incomplete"
  std::span<const std::byte> notes;         // all of them
  bool leave_out_zeros = false;             // zero pages are left out
  std::optional<std::uint64_t> direct_map;  // virtual address of physical 0; nullopt: p_vaddr is 0
  std::vector<VirtualRange> other_maps;     // of the kernel image
};

class ElfWriter final : public DumpWriter {
 public:
  // Bytes in front of the pages are a multiple of this.
  static constexpr std::uint64_t kHeaderAlignment = 65536;

  // `source` must outlive the writer. Nothing is written before begin_pages().
  ElfWriter(std::unique_ptr<ByteSink> sink, ElfSpec spec, const MemorySource& source);

  Result<void> put_window(Pfn first, std::span<const std::byte> exists,
                          std::span<const std::byte> kept) override;
  Result<void> begin_pages() override;
  Result<void> put_pages(const StoredPages& pages) override;
  Result<void> finish(bool complete) override;
  [[nodiscard]] ByteSink& sink() override { return *sink_; }

 private:
  struct ProgramHeader {
    std::uint32_t type = 0;
    std::uint64_t offset = 0;
    std::uint64_t vaddr = 0;
    std::uint64_t paddr = 0;
    std::uint64_t filesz = 0;
    std::uint64_t memsz = 0;
  };

  void choose_class();
  Result<void> write_file_header();
  Result<void> add(const Segment& segment);
  Result<void> add_load(const ProgramHeader& header);
  void trim(ProgramHeader& header) const;
  void split_single_load();
  Result<void> flush_headers();
  Result<void> write_counts(bool last);
  Result<void> place(const StoredPages& pages);
  Result<void> fill_to(std::uint64_t offset);
  Result<void> write_data(std::uint64_t at, std::span<const std::byte> data,
                          std::span<const std::byte> frame);
  [[nodiscard]] std::uint64_t headers_due() const;

  std::unique_ptr<ByteSink> sink_;
  ElfSpec spec_;
  const MemorySource& source_;
  std::size_t page_size_;
  GapCounts counts_;
  std::optional<SegmentBuilder> segments_;
  std::uint64_t most_headers_ = 0;
  std::uint64_t section_header_ = 0;    // its offset; 0: none may be needed
  std::vector<ProgramHeader> pending_;  // that are not written yet
  std::uint64_t flushed_ = 0;           // that are
  std::uint64_t written_end_ = 0;       // of page data
  std::uint64_t flushed_at_ = 0;        // written_end_ when headers were flushed last
  std::uint64_t put_ = 0;               // pages
  bool failed_ = false;
};

}  // namespace vmsift
