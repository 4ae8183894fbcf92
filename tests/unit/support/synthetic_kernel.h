// SPDX-License-Identifier: GPL-2.0-or-later
// A kernel made up in memory: page tables, a memory model, struct pages, nodes, zones and free
// lists, the log and the VMCOREINFO text of one release, with pages that a test puts where it wants
// them. It keeps a class for each page as it goes: what a classifier should find, given what that
// release's note names.
#pragma once

#include "filters/page_class.h"
#include "src/classify/classifier.h"
#include "src/classify/kernel_model.h"
#include "tests/unit/support/note.h"
#include "tests/unit/support/synthetic_machine.h"
#include "tests/unit/support/synthetic_memory.h"
#include "tests/unit/support/synthetic_nodes.h"
#include "tests/unit/support/synthetic_release.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace vmsift::test {

class SyntheticLog;

enum class Model { sparse, flat, discontig };

struct KernelShape {
  Era era = Era::v6_12;
  unsigned levels = 5;
  bool vmemmap = true;                  // else every section has a mem_map of its own
  bool extreme = true;                  // else mem_section is one array
  bool mem_section_is_pointer = false;  // the note has the address of a pointer to it
  std::uint32_t page_struct_size = 0;   // 0: as the release has it
  ByteOrder order = ByteOrder::little;
  std::uint64_t sections = 2;   // of 128 MiB
  Model model = Model::sparse;  // of the others the four about sections above say nothing
  Pfn first_pfn = 0;            // of memory: a multiple of a section
  std::vector<std::vector<PfnRange>> nodes = {};  // the memory of each; empty: one node has all
  bool kaslr = true;
  unsigned made_up_word = 0;  // 4 or 8: a made-up machine in place of x86_64
  unsigned page_shift = 12;
  std::string machine = {};  // another one; see synthetic_machine.cc
  std::string variant = {};  // of that machine
};

enum class Kind { anon, file, file_private, kernel };

class SyntheticKernel {
 public:
  static constexpr Pfn kSection = 32768;  // of 4 KiB pages
  static constexpr unsigned kMaxOrder = 10;
  static constexpr Pfn kFirstUnused = 0x4000;  // below lie the kernel's own structures

  explicit SyntheticKernel(const KernelShape& shape);

  SyntheticMemory memory;
  Note note;
  std::vector<PageClass> expected;  // by page frame; kernel until something was put there

  [[nodiscard]] KernelModel model() const;
  [[nodiscard]] Result<AddressLayout> layout() const;  // as its note and headers tell

  void free_block(Pfn pfn, unsigned order);
  void unaccepted(Pfn pfn);
  void anon(Pfn pfn);
  void ksm(Pfn pfn);
  void file(Pfn pfn, bool with_private);
  void swap_cache(Pfn pfn);  // not on the LRU
  void offline(Pfn pfn);
  void page_table(Pfn pfn);
  void other_type(Pfn pfn);
  void slab(Pfn pfn, unsigned order, std::uint64_t mapping = 0);
  void compound(Pfn pfn, unsigned order, Kind kind);
  void hugetlb(Pfn pfn, unsigned order, bool optimised = false);
  void poison(Pfn pfn);

  // Pages where nothing was put so far are the kernel's, in use.
  void use_the_rest();
  // The kernel's log; `log` must be of the same word size and byte order. Without KASLR only.
  void adopt(const SyntheticLog& log);

  // For what no call above does.
  [[nodiscard]] const KernelShape& shape() const { return shape_; }
  [[nodiscard]] const Machine& machine() const { return machine_; }
  [[nodiscard]] const Encoding& encoding() const { return encoding_; }
  [[nodiscard]] const PageFields& fields() const { return fields_; }
  [[nodiscard]] SyntheticNodes& nodes() { return nodes_; }
  [[nodiscard]] Pfn end() const { return end_; }
  [[nodiscard]] std::uint64_t pages_per_section() const;
  [[nodiscard]] PhysAddr start() const { return own(0); }       // of memory
  [[nodiscard]] VirtAddr variable(std::uint64_t offset) const;  // of synthetic_variables.h
  [[nodiscard]] VirtAddr direct(PhysAddr at) const;
  [[nodiscard]] VirtAddr image(PhysAddr at) const;
  [[nodiscard]] VirtAddr struct_address(Pfn pfn) const;
  [[nodiscard]] PhysAddr struct_place(Pfn pfn) const;  // before optimisation of hugetlb
  template <class T>
  void put(Pfn pfn, std::uint32_t offset, T value) {
    memory.put<T>(struct_place(pfn) + offset, value);
  }
  void put_word(PhysAddr at, std::uint64_t value);
  [[nodiscard]] std::uint64_t get_word(PhysAddr at);
  void set_flag(Pfn pfn, unsigned bit);
  void set_type(Pfn pfn, std::uint32_t type, PageClass c);
  void expect(Pfn pfn, std::uint64_t pages, PageClass c);
  [[nodiscard]] PhysAddr section_entry(std::uint64_t section) const;  // its section_mem_map
  [[nodiscard]] PhysAddr section_root(std::uint64_t root) const;      // with EXTREME
  [[nodiscard]] PhysAddr pgd() const;
  // Of the kernel's structures, counted from the first page frame.
  [[nodiscard]] PhysAddr own(Pfn pfn) const;
  // Maps 2^shift bytes, as one level of the table does; splits larger leaves that are in the way.
  void map(VirtAddr vaddr, PhysAddr paddr, unsigned shift);

 private:
  friend class NoteWriter;

  [[nodiscard]] PhysAddr sections_start() const;
  [[nodiscard]] std::uint64_t sections_per_root() const;
  [[nodiscard]] unsigned physmem_bits() const;
  // What flags have in their top bits: the section, without VMEMMAP.
  [[nodiscard]] std::uint64_t section_in_flags(Pfn pfn) const;
  void map_memory();
  void lay_out_sections();
  void lay_out_mem_map();
  void lay_out_variables();
  void describe_dump();
  // Does a note of this release name it?
  [[nodiscard]] bool since(Era era) const { return shape_.era >= era; }
  void put_field(Pfn pfn, std::uint32_t offset, std::uint64_t value);
  void write_block(Pfn pfn, unsigned order, std::uint64_t pages_written, bool hugetlb);
  void write_tail(Pfn head, Pfn tail, unsigned order);
  void expect_block(Pfn pfn, unsigned order, PageClass c);
  void use(Pfn pfn, std::uint32_t mapcount);
  void fill_page(Pfn pfn, Kind kind);
  PhysAddr entry_of(VirtAddr vaddr, unsigned shift);
  PhysAddr allocate_table(unsigned bits);
  void put_entry(PhysAddr at, std::uint64_t raw);
  void put_leaf(PhysAddr at, std::uint64_t frame, unsigned shift);

  struct Mapped {
    bool leaf = false;
    std::uint64_t frame = 0;
  };
  std::map<std::uint64_t, Mapped> entries_;  // of page tables, by their place

  KernelShape shape_;
  Machine machine_;
  const Encoding& encoding_;
  PageFields fields_;
  Pfn end_ = 0;
  std::vector<PhysAddr> node_maps_;  // DISCONTIGMEM: of the first page frame of each node
  Pfn next_table_;
  SyntheticNodes nodes_;
};

// The class of every page frame of `run`, by page frame from run.begin on.
std::vector<PageClass> classify_pages(const KernelModel& model, const MemorySource& memory,
                                      PfnRange run, ClassSet skip = {},
                                      Anomalies* anomalies = nullptr);

}  // namespace vmsift::test
