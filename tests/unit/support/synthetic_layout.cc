// SPDX-License-Identifier: GPL-2.0-or-later
// Where a synthetic kernel has its own structures: page tables, the memory model, variables, nodes.
#include "tests/unit/support/synthetic_kernel.h"
#include "tests/unit/support/synthetic_log.h"
#include "tests/unit/support/synthetic_variables.h"

#include <algorithm>
#include <stdexcept>

namespace vmsift::test {
namespace {

// In page frames from the first of memory. The log has the first 64; an array of all sections that
// there can be, as releases without MAX_PHYSMEM_BITS in the note need it, is mostly empty.
constexpr Pfn kTables = 0x400, kRoots = 0x800, kSections = 0xa00, kNodes = 0x320, kPagesOfNode = 8,
              kMemMap = 0x1000, kAllSections = 0x3000;

// Bits of section_mem_map that each release sets: PRESENT and HAS_MEM_MAP, ONLINE, EARLY.
std::uint64_t section_flags(Era era) {
  return era >= Era::v5_4 ? 0xf : era >= Era::v4_19 ? 7 : 3;
}

}  // namespace

SyntheticKernel::SyntheticKernel(const KernelShape& shape)
    : memory(1, shape.order),
      shape_(shape),
      machine_(make_machine(shape)),
      encoding_(encoding_of(shape.era)),
      fields_(fields_of(shape.era, machine_.word)),
      next_table_(kTables),
      nodes_(*this, machine_.word, encoding_.migrate_types) {
  if (shape_.page_struct_size == 0) shape_.page_struct_size = fields_.size;
  end_ = shape_.first_pfn + shape_.sections * pages_per_section();
  if (shape_.nodes.empty()) shape_.nodes = {{{shape_.first_pfn, end_}}};
  expected.assign(end_, PageClass::hole);
  describe_dump();
  map_memory();
  lay_out_mem_map();
  if (shape_.model == Model::sparse) lay_out_sections();
  lay_out_variables();
  write_note(*this);
  if (machine_.prepare != nullptr) machine_.prepare(*this);
}

void SyntheticKernel::describe_dump() {
  DumpInfo& info = memory.edit_info();
  if (!memory.set_page_size(machine_.page())) throw std::runtime_error("page size");
  info.machine = machine_.arch->elf_machine;
  if (machine_.word == 4) info.abi = kdump::Abi::padded32;
  info.max_pfn = end_;
  for (const auto& node : shape_.nodes) {
    for (const PfnRange range : node) {
      memory.add(range);
      expect(range.begin, range.size(), PageClass::kernel);
    }
  }
  // The only word on where the image lies, before the note had NUMBER(phys_base).
  const PhysAddr text = own(variables::kText);
  const std::uint64_t bytes = own(kTables) - text;
  const bool apart = machine_.image_shift != 0;
  if (!since(Era::v4_19) && apart) info.virtual_ranges = {{image(text), text, bytes}};
}

std::uint64_t SyntheticKernel::pages_per_section() const {
  return std::uint64_t{1} << (kSectionBits - machine_.page_shift);
}

PhysAddr SyntheticKernel::own(Pfn pfn) const {
  return {(shape_.first_pfn + pfn) << machine_.page_shift};
}

PhysAddr SyntheticKernel::pgd() const {
  return own(variables::kPgd);
}

VirtAddr SyntheticKernel::variable(std::uint64_t offset) const {
  return image(own(variables::kData) + offset);
}

VirtAddr SyntheticKernel::direct(PhysAddr at) const {
  return {machine_.direct + (at.value - own(0).value)};
}

VirtAddr SyntheticKernel::image(PhysAddr at) const {
  return {machine_.image + machine_.kaslr + (at.value - own(0).value)};
}

void SyntheticKernel::put_word(PhysAddr at, std::uint64_t value) {
  if (machine_.word == 4) {
    memory.put(at, static_cast<std::uint32_t>(value));
  } else {
    memory.put(at, value);
  }
}

std::uint64_t SyntheticKernel::get_word(PhysAddr at) {
  return machine_.word == 4 ? memory.get<std::uint32_t>(at) : memory.get<std::uint64_t>(at);
}

// ---- page tables ----

PhysAddr SyntheticKernel::allocate_table(unsigned bits) {
  const PhysAddr table = own(next_table_);
  next_table_ += std::max<Pfn>((Pfn{machine_.entry_bytes} << bits) >> machine_.page_shift, 1);
  if (next_table_ > kRoots) throw std::runtime_error("page tables need more room");
  return table;
}

PhysAddr SyntheticKernel::entry_of(VirtAddr vaddr, unsigned shift) {
  PhysAddr table = pgd();
  for (std::size_t i = 0;; ++i) {
    const PageTableLevel level = machine_.levels.at(i);
    const std::uint64_t index = vaddr.value >> level.shift & ((1U << level.bits) - 1);
    const PhysAddr entry = table + index * machine_.entry_bytes;
    if (level.shift == shift) return entry;
    const PageTableLevel next = machine_.levels.at(i + 1);
    const auto known = entries_.find(entry.value);
    if (known != entries_.end() && !known->second.leaf) {
      table = {known->second.frame};
      continue;
    }
    table = allocate_table(next.bits);
    if (known != entries_.end()) {  // a large leaf: becomes a table of smaller ones
      for (std::uint64_t n = 0; n < 1U << next.bits; ++n) {
        put_leaf(table + n * machine_.entry_bytes, known->second.frame + (n << next.shift),
                 next.shift);
      }
    }
    put_entry(entry, machine_.table(table.value, level.shift, machine_));
    entries_[entry.value] = {false, table.value};
  }
}

void SyntheticKernel::put_entry(PhysAddr at, std::uint64_t raw) {
  if (machine_.entry_order && *machine_.entry_order != shape_.order) {
    raw = machine_.entry_bytes == 4 ? __builtin_bswap32(static_cast<std::uint32_t>(raw))
                                    : __builtin_bswap64(raw);
  }
  if (machine_.entry_bytes == 4) {
    memory.put(at, static_cast<std::uint32_t>(raw));
  } else {
    memory.put(at, raw);
  }
}

void SyntheticKernel::put_leaf(PhysAddr at, std::uint64_t frame, unsigned shift) {
  put_entry(at, machine_.leaf(frame, shift, machine_));
  entries_[at.value] = {true, frame};
}

void SyntheticKernel::map(VirtAddr vaddr, PhysAddr paddr, unsigned shift) {
  put_leaf(entry_of(vaddr, shift), align_down(paddr.value, std::uint64_t{1} << shift), shift);
}

void SyntheticKernel::map_memory() {
  const std::uint64_t large = std::uint64_t{1} << machine_.direct_shift;
  const std::uint64_t bytes = (end_ << machine_.page_shift) - own(0).value;
  for (std::uint64_t at = 0; at < bytes && machine_.direct_in_tables; at += large) {
    map(direct(own(0)) + at, own(0) + at, machine_.direct_shift);
  }
  if (machine_.image_shift == 0) return;
  for (std::uint64_t at = 0; at < own(kTables) - own(0);
       at += std::uint64_t{1} << machine_.image_shift) {
    map(image(own(0)) + at, own(0) + at, machine_.image_shift);
  }
}

// ---- struct pages ----

void SyntheticKernel::lay_out_mem_map() {
  const bool by_node = shape_.model == Model::discontig;
  std::uint64_t pages = end_ - shape_.first_pfn;
  PhysAddr at = own(kMemMap);
  node_maps_.resize(shape_.nodes.size());
  if (by_node) {  // of the last node first, so that nothing fits by chance
    pages = 0;
    for (std::size_t i = shape_.nodes.size(); i-- > 0;) {
      const std::uint64_t span = shape_.nodes[i].back().end - shape_.nodes[i].front().begin;
      node_maps_[i] = at + pages * shape_.page_struct_size;
      pages += span;
    }
  }
  const std::uint64_t bytes = pages * shape_.page_struct_size;
  const Pfn room = shape_.extreme ? kFirstUnused : kAllSections;
  if (at + bytes > own(room)) throw std::runtime_error("struct pages need more room");
  if (shape_.model != Model::sparse) return;
  if (!shape_.vmemmap) {
    for (Pfn pfn = shape_.first_pfn; pfn < end_; ++pfn) {
      put_field(pfn, fields_.flags, section_in_flags(pfn));
    }
    return;
  }
  if (!machine_.vmemmap_in_tables) return;
  const VirtAddr start = struct_address(shape_.first_pfn);
  unsigned shift = machine_.levels.at(machine_.levels.size() - 2).shift;
  // Not where large leaves can begin: pages.
  const std::uint64_t inside = (std::uint64_t{1} << shift) - 1;
  if (((at.value | start.value) & inside) != 0) shift = machine_.page_shift;
  for (std::uint64_t done = 0; done < bytes; done += std::uint64_t{1} << shift) {
    map(start + done, at + done, shift);
  }
}

PhysAddr SyntheticKernel::struct_place(Pfn pfn) const {
  const std::uint64_t size = shape_.page_struct_size;
  if (shape_.model == Model::discontig) {
    for (std::size_t i = 0; i < shape_.nodes.size(); ++i) {
      for (const PfnRange r : shape_.nodes[i]) {
        if (pfn < r.begin || pfn >= r.end) continue;
        return node_maps_[i] + (pfn - shape_.nodes[i].front().begin) * size;
      }
    }
    throw std::runtime_error("no node has that page frame");
  }
  const Pfn index = pfn - shape_.first_pfn;
  if (shape_.model == Model::flat || shape_.vmemmap) return own(kMemMap) + index * size;
  // The mem_maps of the sections stand in falling order, so that nothing fits by chance.
  const std::uint64_t per_section = pages_per_section();
  return own(kMemMap) + (shape_.sections - 1 - index / per_section) * per_section * size +
         index % per_section * size;
}

VirtAddr SyntheticKernel::struct_address(Pfn pfn) const {
  if (shape_.model == Model::sparse && shape_.vmemmap) {
    return VirtAddr{machine_.vmemmap} + pfn * shape_.page_struct_size;
  }
  return direct(struct_place(pfn));
}

// ---- sections ----

// Where the note says how much memory there can be, an array of all sections need not be large.
unsigned SyntheticKernel::physmem_bits() const {
  const bool named = since(Era::v5_10) || machine_.word == 4;
  if (!shape_.extreme && named) return machine_.flat_physmem_bits;
  return machine_.physmem_bits != 0 ? machine_.physmem_bits : encoding_.physmem_bits;
}

std::uint64_t SyntheticKernel::section_in_flags(Pfn pfn) const {
  if (shape_.model != Model::sparse || shape_.vmemmap) return 0;
  return pfn / pages_per_section() << (machine_.word * 8 - (physmem_bits() - kSectionBits));
}

std::uint64_t SyntheticKernel::sections_per_root() const {
  return shape_.extreme ? machine_.page() / encoding_.section_bytes : 1;
}

PhysAddr SyntheticKernel::sections_start() const {
  return own(shape_.extreme ? kSections : kAllSections);
}

PhysAddr SyntheticKernel::section_entry(std::uint64_t section) const {
  return sections_start() + section * encoding_.section_bytes;
}

PhysAddr SyntheticKernel::section_root(std::uint64_t root) const {
  return own(kRoots) + root * machine_.word;
}

void SyntheticKernel::lay_out_sections() {
  const std::uint64_t per_section = pages_per_section();
  const std::uint64_t begin = shape_.first_pfn / per_section;
  for (std::uint64_t s = begin; s < begin + shape_.sections; ++s) {
    const Pfn first = s * per_section;
    // Memory may begin or end inside a section, which then has a whole mem_map all the same.
    bool any = false;
    for (const auto& node : shape_.nodes) {
      for (const PfnRange r : node) any |= r.begin < first + per_section && r.end > first;
    }
    if (!any) continue;
    const std::uint64_t coded = struct_address(first).value - first * shape_.page_struct_size;
    put_word(section_entry(s), coded | section_flags(shape_.era));
    if (shape_.extreme) {
      const std::uint64_t root = s / sections_per_root();
      put_word(section_root(root), direct(section_entry(root * sections_per_root())).value);
    }
  }
  const PhysAddr array = shape_.extreme ? section_root(0) : sections_start();
  put_word(own(variables::kData) + variables::kMemSection, direct(array).value);
}

// ---- variables ----

void SyntheticKernel::lay_out_variables() {
  const PhysAddr data = own(variables::kData);
  const bool has_mem_map = shape_.model != Model::sparse;
  for (std::size_t i = 0; i < shape_.nodes.size(); ++i) {
    const PhysAddr at = own(kNodes + i * kPagesOfNode);
    const Pfn begin = shape_.nodes[i].front().begin;
    nodes_.add_node(shape_.nodes[i], at, has_mem_map ? struct_address(begin) : VirtAddr{0});
    put_word(data + variables::kNodeData + i * machine_.word, direct(at).value);
  }
  // A bitmap of longs.
  put_word(data + variables::kNodeOnlineMap, (std::uint64_t{1} << shape_.nodes.size()) - 1);
  if (shape_.model == Model::flat) {
    put_word(data + variables::kMemMap, struct_address(shape_.first_pfn).value);
  }
  put_word(data + variables::kPhysBase, own(0).value - machine_.kaslr);
  // struct new_utsname; behind a reference count until 5.10.
  const char* const kNames[] = {"Linux", "synthetic", encoding_.release, "#1 SMP",
                                machine_.arch->name.data()};
  for (std::size_t i = 0; i < std::size(kNames); ++i) {
    PhysAddr at = data + variables::kUts + (since(Era::v6_1) ? 0 : 4) + 65 * i;
    for (const char* c = kNames[i]; *c != 0; ++c, at = at + 1) {
      memory.put(at, static_cast<std::uint8_t>(*c));
    }
  }
}

void SyntheticKernel::adopt(const SyntheticLog& log) {
  if (machine_.kaslr != 0 || image(own(0)) != log.base) {
    throw std::runtime_error("the log is made for another place");
  }
  const auto reader = log.memory.reader();
  for (Pfn pfn = 0; pfn < SyntheticLog::kPages; ++pfn) {
    const std::byte* page = nullptr;
    reader->fetch({&pfn, 1}, {&page, 1});
    for (std::size_t i = 0; page != nullptr && i < 4096; ++i) {
      memory.put(own(0) + pfn * 4096 + i, std::to_integer<std::uint8_t>(page[i]));
    }
  }
  for (const auto& [key, value] : log.note.lines()) {
    if (!note.get(key)) note.set(key, value);
  }
}

}  // namespace vmsift::test
