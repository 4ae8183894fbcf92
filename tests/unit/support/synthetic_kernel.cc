// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/support/synthetic_kernel.h"

#include <fmt/format.h>

#include <array>
#include <stdexcept>

namespace vmsift::test {
namespace {

constexpr std::uint64_t kStartKernelMap = 0xffffffff80000000;
constexpr std::uint64_t kKaslrOffset = 0x1e000000;  // phys_base is its negative: text at its link
constexpr std::uint64_t kSectionSize = 32;          // struct mem_section with page_ext

// Where the kernel's structures lie, in page frames.
constexpr Pfn kText = 0x200, kPgd = 0x300, kTables = 0x400, kRoots = 0x800, kSections = 0xa00,
              kPointer = 0xa40, kMemMap = 0x1000;

constexpr std::uint64_t kPresent = 1, kPageSizeBit = 1U << 7, kLargePat = 1U << 12,
                        kNoExecute = std::uint64_t{1} << 63;

constexpr std::uint64_t kNegative = 0xffffffff;  // a count of -1, that is none

// Flags and types: notes of 5.10.0-32, 6.1.0-50, 6.12.107 and 7.3.4 (tests/unit/data/vmcoreinfo);
// of 6.6 and 6.11 include/linux/page-flags.h. Types of 4.18 to 6.10 are cleared bits 7 and up of
// 0xffffffff, those of 6.11 bits 24 to 30, since 6.12 the top byte is a number. Second pages:
// struct page and struct folio in include/linux/mm_types.h (_entire_mapcount in 6.6 and since 6.15,
// compound_nr in 5.10, _nr_pages_mapped between).
using Compound = Encoding::Compound;
constexpr Encoding k510 = {
    "5.10.0-test",        4,          13, 10, 19, 23,         16,         9,
    0xffffff7f,           0xfffffeff, 0,  0,  0,  0xfffffbff, 0xfffff7ff, Compound::dtor,
    "page.compound_head", false,      0};
constexpr Encoding k61 = {
    "6.1.0-test",         4,          13, 10, 19, 23,         16,         9,
    0xffffff7f,           0xfffffeff, 0,  0,  0,  0xfffffdff, 0xfffffbff, Compound::dtor,
    "page.compound_head", false,      1};
constexpr Encoding k63 = {
    "6.3.0-test",         4,          13, 10, 19, 23,         16,         9,
    0xffffff7f,           0xfffffeff, 0,  0,  0,  0xfffffdff, 0xfffffbff, Compound::folio_dtor,
    "page.compound_head", false,      1};
constexpr Encoding k66 = {"6.6.0-test",
                          5,
                          15,
                          12,
                          19,
                          23,
                          6,
                          11,
                          0xffffff7f,
                          0xfffffeff,
                          0,
                          0,
                          0,
                          0xfffffdff,
                          0xfffffbff,
                          Compound::hugetlb_flag,
                          "page.compound_head",
                          false,
                          kNegative};
constexpr Encoding k69 = {
    "6.9.0-test",         5,          15, 12,         19, 23,         6,          11,
    0xffffff7f,           0xfffffeff, 0,  0xfffff7ff, 0,  0xfffffdff, 0xfffffbff, Compound::type,
    "page.compound_head", false,      1};
constexpr Encoding k611 = {"6.11.0-test",
                           5,
                           14,
                           10,
                           17,
                           20,
                           6,
                           -1,
                           0xbfffffff,
                           0xdfffffff,
                           0xfdffffff,
                           0xfbffffff,
                           0,
                           0xefffffff,
                           0xf7ffffff,
                           Compound::type,
                           "page.compound_head",
                           false,
                           1};
constexpr Encoding k612 = {"6.12.0-test",
                           5,
                           14,
                           10,
                           17,
                           20,
                           6,
                           -1,
                           0xf0000000,
                           0xf1000000,
                           0xf5000000,
                           0xf4000000,
                           0xf7000000,
                           0xf2000000,
                           0xf3000000,
                           Compound::type,
                           "page.compound_head",
                           false,
                           1};
constexpr Encoding k71 = {"7.3.4-test",
                          5,
                          14,
                          10,
                          17,
                          21,
                          6,
                          -1,
                          0xf0000000,
                          0xf1000000,
                          0xf5000000,
                          0xf4000000,
                          0xf7000000,
                          0xf2000000,
                          0xf3000000,
                          Compound::type,
                          "page.compound_info",
                          true,
                          kNegative};

std::uint64_t bit(unsigned n) {
  return std::uint64_t{1} << n;
}

}  // namespace

std::string name_of(Era era) {
  constexpr std::array<const char*, 9> kNames = {"v5_10", "v6_1",  "v6_3", "v6_6",     "v6_9",
                                                 "v6_11", "v6_12", "v7_1", "v7_1_mask"};
  return kNames.at(static_cast<std::size_t>(era));
}

const Encoding& encoding_of(Era era) {
  static constexpr std::array<const Encoding*, 9> kEncodings = {&k510, &k61,  &k63, &k66, &k69,
                                                                &k611, &k612, &k71, &k71};
  return *kEncodings.at(static_cast<std::size_t>(era));
}

SyntheticKernel::SyntheticKernel(const KernelShape& shape)
    : memory(shape.sections * kSection, shape.order),
      expected(shape.sections * kSection, PageClass::kernel),
      shape_(shape),
      encoding_(encoding_of(shape.era)),
      next_table_(kTables) {
  memory.add({0, shape.sections * kSection});
  for (std::uint64_t at = 0; at < 0x400000; at += 0x200000) {
    map({kStartKernelMap + kKaslrOffset + at}, {at}, 21);
  }
  lay_out_sections();
  write_note();
}

PhysAddr SyntheticKernel::pgd() const {
  return {kPgd * 4096};
}

// The direct map and vmemmap lie where KASLR put them.
static VirtAddr direct(const KernelShape& shape, std::uint64_t paddr) {
  return {(shape.levels == 5 ? 0xff38165bc0000000 : 0xffff961f80000000) + paddr};
}
static VirtAddr vmemmap(const KernelShape& shape) {
  return {shape.levels == 5 ? 0xffc13a9740000000 : 0xfffff5a240000000};
}

VirtAddr SyntheticKernel::struct_address(Pfn pfn) const {
  if (shape_.vmemmap) return vmemmap(shape_) + pfn * shape_.page_struct_size;
  return direct(shape_, struct_place(pfn).value);
}

PhysAddr SyntheticKernel::struct_place(Pfn pfn) const {
  const PhysAddr start{kMemMap * 4096};
  if (shape_.vmemmap) return start + pfn * shape_.page_struct_size;
  // The mem_maps of the sections stand in falling order, so that nothing fits by chance.
  const std::uint64_t part = kSection * shape_.page_struct_size;
  return start + (shape_.sections - 1 - pfn / kSection) * part +
         pfn % kSection * shape_.page_struct_size;
}

PhysAddr SyntheticKernel::section_entry(std::uint64_t section) const {
  return PhysAddr{kSections * 4096} + section * kSectionSize;
}

PhysAddr SyntheticKernel::entry_of(VirtAddr vaddr, unsigned shift) {
  PhysAddr table = pgd();
  for (unsigned level = shape_.levels == 5 ? 48 : 39;; level -= 9) {
    const PhysAddr entry = table + (vaddr.value >> level & 511) * 8;
    if (level == shift) return entry;
    auto raw = memory.get<std::uint64_t>(entry);
    if ((raw & kPageSizeBit) != 0) {  // a large leaf: becomes a table of smaller ones
      const std::uint64_t start = raw & 0x000fffffffe00000;
      raw = allocate() * 4096 | kPresent;
      for (std::uint64_t i = 0; i < 512; ++i) {
        memory.put<std::uint64_t>(PhysAddr{(raw & ~kPresent) + i * 8},
                                  (start + i * 4096) | kPresent);
      }
      memory.put(entry, raw);
    } else if ((raw & kPresent) == 0) {
      raw = allocate() * 4096 | kPresent;
      memory.put(entry, raw);
    }
    table = {raw & 0x000ffffffffff000};
  }
}

void SyntheticKernel::map(VirtAddr vaddr, PhysAddr paddr, unsigned shift) {
  const std::uint64_t large = shift > 12 ? kPageSizeBit | kLargePat : 0;
  memory.put<std::uint64_t>(entry_of(vaddr, shift), paddr.value | kPresent | kNoExecute | large);
}

void SyntheticKernel::lay_out_sections() {
  const std::uint64_t bytes = shape_.sections * kSection * 4096;
  for (std::uint64_t at = 0; at < bytes; at += bit(30)) map(direct(shape_, at), {at}, 30);
  const std::uint64_t structs = shape_.sections * kSection * shape_.page_struct_size;
  if (kMemMap + structs / 4096 > kFirstUnused)
    throw std::runtime_error("struct pages need more room");
  for (std::uint64_t at = 0; shape_.vmemmap && at < structs; at += bit(21)) {
    map(vmemmap(shape_) + at, {kMemMap * 4096 + at}, 21);
  }
  for (std::uint64_t s = 0; s < shape_.sections; ++s) {
    const Pfn first = s * kSection;
    const std::uint64_t coded = struct_address(first).value - first * shape_.page_struct_size;
    memory.put<std::uint64_t>(section_entry(s),
                              coded | 0xf);  // PRESENT, HAS_MEM_MAP, ONLINE, EARLY
  }
  memory.put<std::uint64_t>({kRoots * 4096}, direct(shape_, kSections * 4096).value);
  const Pfn array = shape_.extreme ? kRoots : kSections;
  memory.put<std::uint64_t>({kPointer * 4096}, direct(shape_, array * 4096).value);
}

void SyntheticKernel::write_note() {
  const Encoding& e = encoding_;
  const auto image = [](Pfn pfn) { return kStartKernelMap + kKaslrOffset + pfn * 4096; };
  const auto type = [this](const char* name, std::uint32_t value) {
    if (value != 0) note.set(fmt::format("NUMBER({})", name), static_cast<std::int32_t>(value));
  };
  note.set("OSRELEASE", e.release);
  note.set("PAGESIZE", 4096);
  note.set_hex("SYMBOL(swapper_pg_dir)", image(kPgd));
  note.set_hex("SYMBOL(_stext)", image(kText));
  if (shape_.vmemmap && (shape_.era >= Era::v6_9)) {
    note.set_hex("SYMBOL(vmemmap)", vmemmap(shape_).value);
  }
  const Pfn array = shape_.extreme ? kRoots : kSections;
  const Pfn symbol = shape_.mem_section_is_pointer ? kPointer : array;
  note.set_hex("SYMBOL(mem_section)", direct(shape_, symbol * 4096).value);
  // A root is one page of sections; 36 bits of memory are few enough for one array.
  const unsigned physmem_bits = !shape_.extreme ? 36 : shape_.levels == 5 ? 52 : 46;
  const std::uint64_t sections = bit(physmem_bits - 27);
  note.set("LENGTH(mem_section)",
           static_cast<long long>(shape_.extreme ? sections / (4096 / kSectionSize) : sections));
  note.set("SIZE(mem_section)", kSectionSize);
  note.set("OFFSET(mem_section.section_mem_map)", 0);
  note.set("NUMBER(SECTION_SIZE_BITS)", 27);
  note.set("NUMBER(MAX_PHYSMEM_BITS)", physmem_bits);
  note.set("SIZE(page)", shape_.page_struct_size);
  note.set("OFFSET(page.flags)", Encoding::kFlags);
  note.set("OFFSET(page._refcount)", 52);
  note.set("OFFSET(page.mapping)", Encoding::kMapping);
  note.set("OFFSET(page._mapcount)", Encoding::kMapcount);
  note.set("OFFSET(page.private)", Encoding::kPrivate);
  note.set(fmt::format("OFFSET({})", e.tail_key), Encoding::kCompound);
  note.set("LENGTH(zone.free_area)", kMaxOrder + 1);
  note.set("NUMBER(PG_lru)", e.lru);
  note.set("NUMBER(PG_private)", e.private_);
  note.set("NUMBER(PG_swapcache)", e.swap_cache);
  note.set("NUMBER(PG_swapbacked)", e.swap_backed);
  note.set("NUMBER(PG_hwpoison)", e.hwpoison);
  note.set("NUMBER(PG_head_mask)", static_cast<long long>(bit(e.head)));
  if (e.slab_flag >= 0) note.set("NUMBER(PG_slab)", e.slab_flag);
  type("PAGE_BUDDY_MAPCOUNT_VALUE", e.buddy);
  type("PAGE_OFFLINE_MAPCOUNT_VALUE", e.offline);
  type("PAGE_SLAB_MAPCOUNT_VALUE", e.slab);
  type("PAGE_HUGETLB_MAPCOUNT_VALUE", e.hugetlb);
  if (e.unaccepted_is_named) type("PAGE_UNACCEPTED_MAPCOUNT_VALUE", e.unaccepted);
  if (e.compound == Compound::dtor) {
    note.set("OFFSET(page.compound_dtor)", Encoding::kDtor);
    note.set("OFFSET(page.compound_order)", Encoding::kOrder);
    note.set("NUMBER(HUGETLB_PAGE_DTOR)", Encoding::kDtorHugetlb);
  } else if (e.compound == Compound::folio_dtor) {
    note.set("OFFSET(folio._folio_dtor)", shape_.page_struct_size + Encoding::kDtor);
    note.set("OFFSET(folio._folio_order)", shape_.page_struct_size + Encoding::kOrder);
    note.set("NUMBER(HUGETLB_PAGE_DTOR)", Encoding::kDtorHugetlb);
  } else if (e.compound == Compound::hugetlb_flag) {
    note.set("NUMBER(PG_hugetlb)", Encoding::kHugetlbFlag);
  }
  note.set("NUMBER(phys_base)", -static_cast<long long>(kKaslrOffset));
  note.set("NUMBER(pgtable_l5_enabled)", shape_.levels == 5);
  note.set("NUMBER(KERNEL_IMAGE_SIZE)", 1 << 30);
  note.set("NUMBER(sme_mask)", 0);
}

KernelModel SyntheticKernel::model() const {
  return KernelModel::detect(Vmcoreinfo(note.text()), memory);
}

void SyntheticKernel::expect(Pfn pfn, std::uint64_t pages, PageClass c) {
  std::fill_n(expected.begin() + static_cast<std::ptrdiff_t>(pfn), pages, c);
}

void SyntheticKernel::set_flag(Pfn pfn, unsigned n) {
  const PhysAddr flags = struct_place(pfn) + Encoding::kFlags;
  memory.put<std::uint64_t>(flags, memory.get<std::uint64_t>(flags) | bit(n));
}

void SyntheticKernel::set_type(Pfn pfn, std::uint32_t type, PageClass c) {
  put<std::uint32_t>(pfn, Encoding::kMapcount, type);
  expect(pfn, 1, c);
}

void SyntheticKernel::free_block(Pfn pfn, unsigned order) {
  set_type(pfn, encoding_.buddy, PageClass::free);
  put<std::uint64_t>(pfn, Encoding::kPrivate, order);
  expect(pfn, bit(order), PageClass::free);
}

void SyntheticKernel::unaccepted(Pfn pfn) {
  set_type(pfn, encoding_.unaccepted, PageClass::unaccepted);
  expect(pfn, bit(kMaxOrder), PageClass::unaccepted);
}

void SyntheticKernel::offline(Pfn pfn) {
  set_type(pfn, encoding_.offline, PageClass::offline);
}

void SyntheticKernel::page_table(Pfn pfn) {
  // Only since 6.12 is the value of this type known without its being in the note.
  const bool known = encoding_.buddy == 0xf0000000;
  set_type(pfn, encoding_.table, known ? PageClass::page_table : PageClass::kernel);
}

void SyntheticKernel::other_type(Pfn pfn) {
  set_type(pfn, encoding_.other, PageClass::kernel);
  put<std::uint64_t>(pfn, Encoding::kMapping, 1);  // means nothing under a type
}

void SyntheticKernel::fill_page(Pfn pfn, Kind kind) {
  constexpr std::uint64_t kPointerWord = 0xffff8881000000c0;
  put<std::uint32_t>(pfn, Encoding::kMapcount, 0xffffffff);
  if (kind == Kind::kernel) return;
  set_flag(pfn, encoding_.lru);
  set_flag(pfn, encoding_.swap_backed);
  put<std::uint64_t>(pfn, Encoding::kMapping, kPointerWord | (kind == Kind::anon ? 1U : 0U));
  if (kind == Kind::file_private) set_flag(pfn, encoding_.private_);
}

static PageClass class_of(Kind kind) {
  switch (kind) {
    case Kind::anon:
      return PageClass::user;
    case Kind::file:
      return PageClass::cache;
    case Kind::file_private:
      return PageClass::cache_private;
    case Kind::kernel:
      break;
  }
  return PageClass::kernel;
}

void SyntheticKernel::anon(Pfn pfn) {
  fill_page(pfn, Kind::anon);
  expect(pfn, 1, PageClass::user);
}

void SyntheticKernel::file(Pfn pfn, bool with_private) {
  const Kind kind = with_private ? Kind::file_private : Kind::file;
  fill_page(pfn, kind);
  expect(pfn, 1, class_of(kind));
}

void SyntheticKernel::swap_cache(Pfn pfn) {
  put<std::uint32_t>(pfn, Encoding::kMapcount, 0xffffffff);
  set_flag(pfn, encoding_.swap_cache);
  set_flag(pfn, encoding_.swap_backed);
  expect(pfn, 1, PageClass::cache);
}

// Head, order and the tails of which there are struct pages of their own.
void SyntheticKernel::write_block(Pfn pfn, unsigned order, std::uint64_t pages_written) {
  set_flag(pfn, encoding_.head);
  const std::uint64_t bytes = std::uint64_t{shape_.page_struct_size} << order;
  const std::uint64_t tail =
      (shape_.era == Era::v7_1_mask ? ~(bytes - 1) : struct_address(pfn).value) | 1;
  for (std::uint64_t i = 1; i < pages_written; ++i) {
    put<std::uint64_t>(pfn + i, Encoding::kCompound, tail);
    put<std::uint32_t>(pfn + i, Encoding::kMapcount, 0xffffffff);
  }
  put<std::uint64_t>(pfn + 1, Encoding::kMapping,
                     shape_.era == Era::v5_10 ? bit(order) : encoding_.second_mapping);
  if (encoding_.compound == Compound::dtor || encoding_.compound == Compound::folio_dtor) {
    put<std::uint8_t>(pfn + 1, Encoding::kDtor, 1);
    put<std::uint8_t>(pfn + 1, Encoding::kOrder, static_cast<std::uint8_t>(order));
  } else {
    put<std::uint64_t>(pfn + 1, Encoding::kFlags, order);
  }
}

void SyntheticKernel::slab(Pfn pfn, unsigned order, std::uint64_t mapping) {
  if (order != 0) write_block(pfn, order, bit(order));
  put<std::uint32_t>(pfn, Encoding::kMapcount, encoding_.slab != 0 ? encoding_.slab : 0xffffffff);
  if (encoding_.slab_flag >= 0) set_flag(pfn, static_cast<unsigned>(encoding_.slab_flag));
  put<std::uint64_t>(pfn, Encoding::kMapping, mapping);
  expect(pfn, bit(order), PageClass::slab);
}

void SyntheticKernel::compound(Pfn pfn, unsigned order, Kind kind) {
  fill_page(pfn, kind);
  write_block(pfn, order, bit(order));
  expect(pfn, bit(order), class_of(kind));
}

void SyntheticKernel::hugetlb(Pfn pfn, unsigned order, bool optimised) {
  const std::uint64_t per_page = 4096 / shape_.page_struct_size;
  write_block(pfn, order, optimised ? per_page : bit(order));
  put<std::uint32_t>(pfn, Encoding::kMapcount,
                     encoding_.hugetlb != 0 ? encoding_.hugetlb : 0xffffffff);
  if (encoding_.compound == Compound::hugetlb_flag) set_flag(pfn + 1, Encoding::kHugetlbFlag);
  if (encoding_.compound < Compound::hugetlb_flag) {
    put<std::uint8_t>(pfn + 1, Encoding::kDtor, std::uint8_t{Encoding::kDtorHugetlb});
  }
  expect(pfn, bit(order), PageClass::hugetlb);
  if (!optimised) return;
  // Until 7.0 every page of struct pages becomes the first one again (5.18 and later), which makes
  // heads where tails should be; since 7.1 one shared page that is full of tails.
  PhysAddr shared = struct_place(pfn);
  if (shape_.era == Era::v7_1_mask) {
    shared = {allocate() * 4096};
    for (std::uint64_t i = 0; i < per_page; ++i) {
      memory.put(shared + i * 64 + Encoding::kCompound,
                 memory.get<std::uint64_t>(struct_place(pfn + 1) + Encoding::kCompound));
      memory.put<std::uint32_t>(shared + i * 64 + Encoding::kMapcount, 0xffffffff);
    }
  }
  for (std::uint64_t at = per_page; at < bit(order); at += per_page) {
    map(struct_address(pfn + at), shared, 12);
  }
}

void SyntheticKernel::poison(Pfn pfn) {
  set_flag(pfn, encoding_.hwpoison);
  expect(pfn, 1, PageClass::hwpoison);
}

std::vector<PageClass> classify_pages(const KernelModel& model, const MemorySource& memory,
                                      PfnRange run, ClassSet skip, Anomalies* anomalies) {
  std::vector<PageClass> classes(run.size(), PageClass::hole);
  const auto classifier = make_classifier(model, memory);
  classifier->classify(run, skip, classes);
  if (anomalies != nullptr) *anomalies = classifier->anomalies();
  return classes;
}

}  // namespace vmsift::test
