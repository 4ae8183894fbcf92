// SPDX-License-Identifier: GPL-2.0-or-later
// SPARSEMEM beyond x86_64: words of 4 bytes, pages and sections of other sizes, notes that leave
// open how many sections there are, the way back from a struct page, and blocks that are offline.
#include "mm-model/section_map.h"

#include <gtest/gtest.h>

#include "tests/unit/mm-model/plain_machine.h"

#include <bit>

namespace vmsift {
namespace {

using test::PlainMachine;
using test::PlainShape;

constexpr std::uint64_t kText = 0x1000;
constexpr std::uint64_t kSectionFlags = 0xf;  // PRESENT, HAS_MEM_MAP, ONLINE, EARLY

struct SparseShape {
  PlainShape machine = {};
  unsigned section_bits = 27;
  unsigned physmem_bits = 46;
  std::uint32_t section_size = 16;
  bool extreme = true;
  bool contiguous = false;  // as with VMEMMAP: all parts in one array
};

// Sections with all the memory that the machine has. Structures lie where its memory begins.
class Sparse {
 public:
  explicit Sparse(const SparseShape& shape)
      : machine(shape.machine),
        shape_(shape),
        base_(shape.machine.pages.begin * shape.machine.page_size),
        pages_(std::uint64_t{1} << shape.section_bits) {
    pages_ /= shape.machine.page_size;
    const std::uint64_t all = std::uint64_t{1} << (shape.physmem_bits - shape.section_bits);
    const std::uint64_t in_page = shape.machine.page_size / shape.section_size;
    machine.note.set("SIZE(mem_section)", shape.section_size);
    machine.note.set("OFFSET(mem_section.section_mem_map)", 0);
    machine.note.set("LENGTH(mem_section)",
                     static_cast<long long>(shape.extreme ? ceil_div(all, in_page) : all));
    machine.note.set("NUMBER(SECTION_SIZE_BITS)", shape.section_bits);
    machine.note.set("NUMBER(MAX_PHYSMEM_BITS)", shape.physmem_bits);
    machine.note.set("SIZE(page)", shape.machine.page_struct_size);
    machine.note.set("OFFSET(page.flags)", 0);
    machine.note.set_hex("SYMBOL(_stext)", machine.direct(base_ + kText).value);
    machine.note.set_hex("SYMBOL(mem_section)",
                         machine.direct(base_ + (shape.extreme ? kRoots : kSections)).value);
    for (std::uint64_t s = first(); s < first() + sections(); ++s) {
      set_word(s, coded(s) | kSectionFlags);
      if (shape.extreme) {
        const std::uint64_t page = s / in_page;
        machine.put_word(base_ + kRoots + page * shape.machine.word_bytes,
                         machine.direct(base_ + kSections + page * shape.machine.page_size).value);
      }
    }
  }

  [[nodiscard]] std::uint64_t first() const { return shape_.machine.pages.begin / pages_; }
  [[nodiscard]] std::uint64_t sections() const { return shape_.machine.pages.size() / pages_; }
  [[nodiscard]] Pfn pages() const { return pages_; }

  // Where the struct page of a page frame is: the arrays of sections stand in falling order.
  [[nodiscard]] std::uint64_t place(Pfn pfn) const {
    const std::uint64_t size = shape_.machine.page_struct_size;
    const std::uint64_t section = pfn / pages_ - first();
    const std::uint64_t slot = shape_.contiguous ? section : sections() - 1 - section;
    return base_ + kMemMaps + slot * pages_ * size + pfn % pages_ * size;
  }
  [[nodiscard]] VirtAddr structs(Pfn pfn) const { return machine.direct(place(pfn)); }
  // section_mem_map without its flags.
  [[nodiscard]] std::uint64_t coded(std::uint64_t section) const {
    return structs(section * pages_).value - section * pages_ * shape_.machine.page_struct_size;
  }
  void set_word(std::uint64_t section, std::uint64_t word) {
    machine.put_word(base_ + kSections + section * shape_.section_size, word);
  }
  // As the kernel does without VMEMMAP: the section's number in the top bits of page.flags.
  void number_pages() {
    const unsigned shift =
        shape_.machine.word_bytes * 8 - (shape_.physmem_bits - shape_.section_bits);
    for (Pfn pfn = first() * pages_; pfn < (first() + sections()) * pages_; pfn += 1021) {
      machine.put_word(place(pfn), pfn / pages_ << shift | 0x40);
    }
  }

  PlainMachine machine;

 private:
  static constexpr std::uint64_t kRoots = 0x100000, kSections = 0x200000, kMemMaps = 0x800000;
  SparseShape shape_;
  std::uint64_t base_;
  std::uint64_t pages_;
};

const SparseShape kShapes[] = {
    {},
    {.contiguous = true},
    {.machine = {.order = ByteOrder::big}, .section_size = 32},
    {.machine = {.page_struct_size = 56}, .physmem_bits = 40, .extreme = false},
    // i386 with PAE, without and with memory that begins late; sections of 64 and 512 MiB.
    {.machine = {.word_bytes = 4, .pages = {0, 0x20000}, .page_struct_size = 32},
     .section_bits = 26,
     .physmem_bits = 32,
     .section_size = 8,
     .extreme = false},
    {.machine = {.word_bytes = 4,
                 .order = ByteOrder::big,
                 .pages = {0x20000, 0x60000},
                 .page_struct_size = 36},
     .section_bits = 29,
     .physmem_bits = 36,
     .section_size = 8,
     .extreme = false},
    // arm64 and ppc64 with pages of 64 KiB, mips64 with 16.
    {.machine = {.page_size = 65536, .pages = {0x8000, 0x10000}},
     .section_bits = 29,
     .physmem_bits = 52,
     .contiguous = true},
    {.machine = {.page_size = 65536, .pages = {0, 0x2000}},
     .section_bits = 24,
     .physmem_bits = 46,
     .contiguous = true},
    {.machine = {.page_size = 16384, .pages = {0, 0x10000}},
     .section_bits = 29,
     .physmem_bits = 48},
};

class SparseOfAnyKind : public testing::TestWithParam<SparseShape> {};

TEST_P(SparseOfAnyKind, FindsEveryStructPageAndTheWayBack) {
  Sparse kernel(GetParam());
  kernel.number_pages();
  const auto map = kernel.machine.detect();
  ASSERT_TRUE(map) << map.message();
  EXPECT_EQ((*map)->why_never_offline(), "");
  AddressSpace memory = kernel.machine.space();
  for (Pfn pfn = kernel.first() * kernel.pages();
       pfn < (kernel.first() + kernel.sections()) * kernel.pages(); pfn += 1021) {
    const MapPart part = (*map)->part(pfn, memory);
    ASSERT_EQ(part.structs, kernel.structs(pfn)) << pfn;
    ASSERT_EQ(part.end, (pfn / kernel.pages() + 1) * kernel.pages());
    ASSERT_FALSE(part.offline);
    ASSERT_EQ((*map)->pfn_of(kernel.structs(pfn), memory), pfn);
    ASSERT_EQ((*map)->pfn_of(kernel.structs(pfn) + 4, memory), std::nullopt);
  }
  EXPECT_EQ((*map)->pfn_of({0}, memory), std::nullopt);
  EXPECT_EQ((*map)->pfn_of({0x1230}, memory), std::nullopt);
}

// The numbers of bits are in no note before 5.9 and 5.13. What the note says less, the length of
// mem_section and the sections that are there say.
TEST_P(SparseOfAnyKind, WithLessInTheNoteItIsTheSame) {
  for (const char* key : {"NUMBER(SECTION_SIZE_BITS)", "NUMBER(MAX_PHYSMEM_BITS)"}) {
    Sparse kernel(GetParam());
    kernel.machine.note.remove(key);
    if (key == std::string("NUMBER(MAX_PHYSMEM_BITS)")) {
      kernel.machine.layout.max_physmem_bits = 50;  // another kernel's
    } else {
      kernel.machine.layout.section_size_bits = 30;
    }
    const auto map = kernel.machine.detect();
    ASSERT_TRUE(map) << key << ": " << map.message();
    AddressSpace memory = kernel.machine.space();
    const Pfn last = (kernel.first() + kernel.sections()) * kernel.pages() - 1;
    EXPECT_EQ((*map)->part(last, memory).structs, kernel.structs(last)) << key;
  }
}

INSTANTIATE_TEST_SUITE_P(All, SparseOfAnyKind, testing::ValuesIn(kShapes));

// With both numbers in the note a length that fits neither way is an error; so is one that could
// only be the length of an impossible section.
TEST(SectionMap, ALengthThatStandsForNoSectionsIsAnError) {
  for (const char* length : {"100", "3", "1"}) {
    Sparse kernel({});
    kernel.machine.note.remove("NUMBER(SECTION_SIZE_BITS)");
    kernel.machine.note.set("LENGTH(mem_section)", length);
    const auto map = kernel.machine.detect();
    ASSERT_FALSE(map) << length;
    EXPECT_NE(map.message().find("mem_section"), std::string::npos);
  }
}

// Where sections agree, bits 6 to 11 are flags of kernels to come; where they do not, they may be
// part of an address.
TEST(SectionMap, FlagsThatNoKernelHasToday) {
  for (const bool contiguous : {true, false}) {
    Sparse kernel({.contiguous = contiguous});
    kernel.set_word(2, kernel.coded(2) | kSectionFlags | 0x30);
    const auto known = kernel.machine.detect();
    ASSERT_TRUE(known);
    AddressSpace memory = kernel.machine.space();
    EXPECT_EQ((*known)->part(2 * kernel.pages(), memory).structs,
              kernel.structs(2 * kernel.pages()));

    kernel.set_word(2, kernel.coded(2) | kSectionFlags | 0xfc0);
    const auto unknown = kernel.machine.detect();
    ASSERT_TRUE(unknown);
    AddressSpace again = kernel.machine.space();
    const auto found = (*unknown)->part(2 * kernel.pages(), again).structs;
    EXPECT_EQ(found == kernel.structs(2 * kernel.pages()), contiguous);
  }
}

TEST(SectionMap, TheWayBackIsConfirmedOrNotGone) {
  Sparse kernel({});
  kernel.number_pages();
  const auto map = kernel.machine.detect();
  ASSERT_TRUE(map);
  AddressSpace memory = kernel.machine.space();
  // A struct page that says another section is its own: nothing can be believed.
  kernel.machine.memory.put<std::uint64_t>({kernel.place(0)}, std::uint64_t{1} << (64 - 19));
  EXPECT_EQ((*map)->pfn_of(kernel.structs(0), memory), std::nullopt);
  kernel.machine.memory.put<std::uint64_t>({kernel.place(1021)}, ~std::uint64_t{0});
  EXPECT_EQ((*map)->pfn_of(kernel.structs(1021), memory), std::nullopt);
}

TEST(SectionMap, BlocksThatAreOffline) {
  constexpr std::uint64_t kOnline = 4, kDevice = 16, kPreinit = 32;
  struct Case {
    std::uint64_t flags;
    bool offline;
  };
  for (const Case& c : {Case{kSectionFlags, false},
                        Case{kSectionFlags & ~kOnline, true},
                        {3, true},
                        {3 | kDevice, false},
                        {3 | kPreinit, true},
                        {3 | kOnline | kDevice, false}}) {
    Sparse kernel({});
    kernel.set_word(2, kernel.coded(2) | c.flags);
    const auto map = kernel.machine.detect();
    ASSERT_TRUE(map);
    AddressSpace memory = kernel.machine.space();
    const MapPart part = (*map)->part(2 * kernel.pages() + 7, memory);
    EXPECT_EQ(part.structs, kernel.structs(2 * kernel.pages() + 7));
    EXPECT_EQ(part.offline, c.offline) << c.flags;
    EXPECT_FALSE((*map)->part(kernel.pages(), memory).offline);
  }
}

// Kernels before 4.13 have no such bit: then the section of the kernel's text has none either.
TEST(SectionMap, WithoutTheBitNoBlockIsOffline) {
  for (const char* text : {"bit", "symbol", "place"}) {
    Sparse kernel({});
    for (std::uint64_t s = 0; s < kernel.sections(); ++s) {
      if (text == std::string("bit") || s != 0) kernel.set_word(s, kernel.coded(s) | 3);
    }
    if (text == std::string("symbol")) kernel.machine.note.remove("SYMBOL(_stext)");
    if (text == std::string("place")) kernel.machine.note.set_hex("SYMBOL(_stext)", 0x1000);
    const auto map = kernel.machine.detect();
    ASSERT_TRUE(map);
    AddressSpace memory = kernel.machine.space();
    EXPECT_NE((*map)->why_never_offline(), "") << text;
    EXPECT_FALSE((*map)->part(2 * kernel.pages(), memory).offline) << text;
    EXPECT_TRUE((*map)->part(2 * kernel.pages(), memory).structs) << text;
  }
}

// The first subsections of the only section that is left may be unplugged.
TEST(SectionMap, SectionsThatArePopulatedInPart) {
  Sparse kernel({.machine = {.pages = {0, 0x8000}}});
  // Beyond what is mapped.
  const std::uint64_t far = kernel.machine.direct(0x8000 * 4096ULL).value - 0x7000 * 64;
  kernel.set_word(0, far | kSectionFlags);
  const auto map = kernel.machine.detect();
  ASSERT_TRUE(map) << map.message();
  AddressSpace memory = kernel.machine.space();
  EXPECT_EQ((*map)->part(5, memory).structs->value, far + 5 * 64);
}

TEST(SectionMap, RootsThatPointIntoThemselves) {
  for (const unsigned word_bytes : {8U, 4U}) {
    Sparse kernel({.machine = {.word_bytes = word_bytes, .pages = {0, 0x8000}},
                   .physmem_bits = word_bytes == 8 ? 46U : 36U});
    const VirtAddr roots = *Vmcoreinfo(kernel.machine.note.text()).symbol("mem_section");
    for (const std::uint64_t root :
         {roots.value, roots.value + 1, std::uint64_t{0}, std::uint64_t{3}, ~std::uint64_t{0}}) {
      kernel.machine.put_word(0x100000, root);
      EXPECT_FALSE(kernel.machine.detect()) << std::hex << root;
    }
  }
}

}  // namespace
}  // namespace vmsift
