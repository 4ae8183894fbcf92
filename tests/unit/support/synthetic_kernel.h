// SPDX-License-Identifier: GPL-2.0-or-later
// A kernel made up in memory: page tables, mem_section, struct pages and the VMCOREINFO text of one
// release, with pages that a test puts where it wants them. It writes struct pages from a table of
// encodings of its own, and keeps a class for each page as it goes: what a classifier should find.
#pragma once

#include "filters/page_class.h"
#include "src/classify/classifier.h"
#include "src/classify/kernel_model.h"
#include "tests/unit/support/note.h"
#include "tests/unit/support/synthetic_memory.h"

#include <cstdint>
#include <string>
#include <vector>

namespace vmsift::test {

// Named by the first release of each encoding; v7_1_mask: CONFIG_HUGETLB_PAGE_OPTIMIZE_VMEMMAP.
enum class Era { v5_10, v6_1, v6_3, v6_6, v6_9, v6_11, v6_12, v7_1, v7_1_mask };
constexpr Era kEras[] = {Era::v5_10, Era::v6_1,  Era::v6_3, Era::v6_6,     Era::v6_9,
                         Era::v6_11, Era::v6_12, Era::v7_1, Era::v7_1_mask};
std::string name_of(Era era);

struct KernelShape {
  Era era = Era::v6_12;
  unsigned levels = 5;
  bool vmemmap = true;                  // else every section has a mem_map of its own
  bool extreme = true;                  // else mem_section is one array
  bool mem_section_is_pointer = false;  // the note has the address of a pointer to it
  std::uint32_t page_struct_size = 64;
  ByteOrder order = ByteOrder::little;
  std::uint64_t sections = 2;  // of 32768 pages
};

// struct page of one era; offsets are those of every x86_64 kernel since 4.18.
struct Encoding {
  const char* release;
  unsigned lru, private_, swap_cache, swap_backed, hwpoison, head;
  int slab_flag;                                                          // -1: a type
  std::uint32_t buddy, offline, slab, hugetlb, unaccepted, table, other;  // 0: not a type
  enum class Compound { dtor, folio_dtor, hugetlb_flag, type } compound;
  const char* tail_key;
  bool unaccepted_is_named;
  // Second page of a block, the word at page.mapping: bit 0 is no sign of anything there.
  std::uint64_t second_mapping;

  static constexpr std::uint32_t kFlags = 0, kCompound = 8, kDtor = 16, kOrder = 17, kMapping = 24,
                                 kPrivate = 40, kMapcount = 48;
  static constexpr std::uint64_t kDtorHugetlb = 2;
  static constexpr unsigned kHugetlbFlag = 8;  // PG_hugetlb of 6.6 is PG_active
};
const Encoding& encoding_of(Era era);

enum class Kind { anon, file, file_private, kernel };

class SyntheticKernel {
 public:
  static constexpr Pfn kSection = 32768;
  static constexpr unsigned kMaxOrder = 10;
  static constexpr Pfn kFirstUnused = 0x4000;  // below lie the kernel's own structures

  explicit SyntheticKernel(const KernelShape& shape);

  SyntheticMemory memory;
  Note note;
  std::vector<PageClass> expected;  // by page frame; kernel until something was put there

  [[nodiscard]] KernelModel model() const;

  void free_block(Pfn pfn, unsigned order);
  void unaccepted(Pfn pfn);
  void anon(Pfn pfn);
  void file(Pfn pfn, bool with_private);
  void swap_cache(Pfn pfn);  // not on the LRU
  void offline(Pfn pfn);
  void page_table(Pfn pfn);
  void other_type(Pfn pfn);
  void slab(Pfn pfn, unsigned order, std::uint64_t mapping = 0);
  void compound(Pfn pfn, unsigned order, Kind kind);
  void hugetlb(Pfn pfn, unsigned order, bool optimised = false);
  void poison(Pfn pfn);

  // For what no call above does.
  [[nodiscard]] const Encoding& encoding() const { return encoding_; }
  [[nodiscard]] VirtAddr struct_address(Pfn pfn) const;
  [[nodiscard]] PhysAddr struct_place(Pfn pfn) const;  // before optimisation of hugetlb
  template <class T>
  void put(Pfn pfn, std::uint32_t offset, T value) {
    memory.put<T>(struct_place(pfn) + offset, value);
  }
  void set_flag(Pfn pfn, unsigned bit);
  void set_type(Pfn pfn, std::uint32_t type, PageClass c);
  void expect(Pfn pfn, std::uint64_t pages, PageClass c);
  [[nodiscard]] PhysAddr section_entry(std::uint64_t section) const;  // its section_mem_map
  [[nodiscard]] PhysAddr pgd() const;
  // Maps 2^shift bytes (12, 21 or 30); splits a 2 MiB leaf that is in the way of a page.
  void map(VirtAddr vaddr, PhysAddr paddr, unsigned shift);

 private:
  void lay_out_sections();
  void write_note();
  void write_block(Pfn pfn, unsigned order, std::uint64_t pages_written);
  void fill_page(Pfn pfn, Kind kind);
  PhysAddr entry_of(VirtAddr vaddr, unsigned shift);
  Pfn allocate() { return next_table_++; }

  KernelShape shape_;
  const Encoding& encoding_;
  Pfn next_table_;
};

// The class of every page frame of `run`, by page frame from run.begin on.
std::vector<PageClass> classify_pages(const KernelModel& model, const MemorySource& memory,
                                      PfnRange run, ClassSet skip = {},
                                      Anomalies* anomalies = nullptr);

}  // namespace vmsift::test
