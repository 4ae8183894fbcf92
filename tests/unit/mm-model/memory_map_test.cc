// SPDX-License-Identifier: GPL-2.0-or-later
// Where the struct pages of a section are, for every way in which kernels say it.
#include "mm-model/memory_map.h"

#include "tests/unit/support/synthetic_kernel.h"

#include <gtest/gtest.h>

namespace vmsift {
namespace {

using test::Era;
using test::KernelShape;
using test::SyntheticKernel;

constexpr Pfn kSection = SyntheticKernel::kSection;

// A kernel's memory map and what it needs to be asked.
struct Mapped {
  explicit Mapped(const SyntheticKernel& kernel)
      : model(kernel.model()), memory(model.addresses(), kernel.memory) {}
  std::optional<VirtAddr> at(Pfn pfn) {
    return model.memory_map() ? model.memory_map()->part(pfn, memory).structs : std::nullopt;
  }
  KernelModel model;
  AddressSpace memory;
};

struct Variant {
  const char* name;
  KernelShape shape;
  const char* model;
};

class MemoryMapVariant : public testing::TestWithParam<Variant> {};

TEST_P(MemoryMapVariant, FindsEveryStructPage) {
  KernelShape shape = GetParam().shape;
  shape.sections = 4;
  const SyntheticKernel kernel(shape);
  Mapped mapped(kernel);
  ASSERT_TRUE(mapped.model.memory_map()) << mapped.model.downgrades().at(0).reason;
  EXPECT_EQ(mapped.model.memory_map()->model(), GetParam().model);
  EXPECT_EQ(mapped.model.memory_map()->part(5, mapped.memory).end, kSection);
  for (Pfn pfn = 0; pfn < 4 * kSection; pfn += 4099) {
    EXPECT_EQ(mapped.at(pfn), kernel.struct_address(pfn)) << pfn;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, MemoryMapVariant,
    testing::Values(
        Variant{"symbol", {.era = Era::v6_12}, "SPARSEMEM_EXTREME, vmemmap"},
        Variant{"four_levels", {.era = Era::v7_1, .levels = 4}, "SPARSEMEM_EXTREME, vmemmap"},
        Variant{"no_symbol", {.era = Era::v5_10, .levels = 4}, "SPARSEMEM_EXTREME"},
        Variant{"pointer", {.era = Era::v6_1, .mem_section_is_pointer = true}, "SPARSEMEM_EXTREME"},
        Variant{"static_array", {.era = Era::v6_12, .extreme = false}, "SPARSEMEM, vmemmap"},
        Variant{"static_pointer",
                {.era = Era::v6_1, .extreme = false, .mem_section_is_pointer = true},
                "SPARSEMEM"},
        Variant{"classic", {.era = Era::v6_1, .vmemmap = false}, "SPARSEMEM_EXTREME"},
        Variant{"classic_static",
                {.era = Era::v5_10, .levels = 4, .vmemmap = false, .extreme = false},
                "SPARSEMEM"},
        Variant{
            "size_56", {.era = Era::v6_12, .page_struct_size = 56}, "SPARSEMEM_EXTREME, vmemmap"},
        Variant{"size_56_classic",
                {.era = Era::v6_1, .vmemmap = false, .page_struct_size = 56},
                "SPARSEMEM_EXTREME"},
        Variant{"big_endian",
                {.era = Era::v6_12, .order = ByteOrder::big},
                "SPARSEMEM_EXTREME, vmemmap"}),
    [](const auto& variant) { return variant.param.name; });

// include/linux/mmzone.h: 4 is TAINT_ZONE_DEVICE (5.12), 5 VMEMMAP_PREINIT (6.15).
TEST(MemoryMap, NoFlagOfASectionIsPartOfTheAddress) {
  for (const Era era : {Era::v6_1, Era::v7_1}) {
    SyntheticKernel kernel({.era = era});
    const auto entry = kernel.memory.get<std::uint64_t>(kernel.section_entry(1));
    const unsigned highest = era == Era::v7_1 ? 11 : 5;  // vmemmap is known to be page-aligned
    for (unsigned bit = 2; bit <= highest; ++bit) {
      kernel.memory.put<std::uint64_t>(kernel.section_entry(1), entry | std::uint64_t{1} << bit);
      Mapped mapped(kernel);
      EXPECT_EQ(mapped.at(kSection + 5), kernel.struct_address(kSection + 5)) << "bit " << bit;
    }
  }
}

TEST(MemoryMap, ASectionThatIsNotPresentHasNone) {
  SyntheticKernel kernel({});
  const auto entry = kernel.memory.get<std::uint64_t>(kernel.section_entry(1));
  for (const std::uint64_t flags : {0U, 1U, 2U, 0xcU}) {
    kernel.memory.put<std::uint64_t>(kernel.section_entry(1), (entry & ~std::uint64_t{15}) | flags);
    Mapped mapped(kernel);
    EXPECT_TRUE(mapped.at(0));
    EXPECT_FALSE(mapped.at(kSection)) << flags;
  }
}

TEST(MemoryMap, ASectionThatContradictsSymbolVmemmapHasNone) {
  SyntheticKernel kernel({});
  const auto entry = kernel.memory.get<std::uint64_t>(kernel.section_entry(1));
  kernel.memory.put<std::uint64_t>(kernel.section_entry(1), entry + 0x40000);
  Mapped mapped(kernel);
  EXPECT_TRUE(mapped.at(kSection - 1));
  EXPECT_FALSE(mapped.at(kSection));
}

TEST(MemoryMap, AWrongSymbolVmemmapIsNotBelieved) {
  SyntheticKernel kernel({});
  kernel.note.set("SYMBOL(vmemmap)", "ffc13a9780000000");
  EXPECT_FALSE(kernel.model().memory_map());
}

TEST(MemoryMap, SectionsBeyondTheRootsHaveNone) {
  const SyntheticKernel kernel({});
  Mapped mapped(kernel);
  EXPECT_TRUE(mapped.at(kSection));
  EXPECT_FALSE(mapped.at(128 * kSection));                          // root 1 is not there
  EXPECT_FALSE(mapped.at(std::uint64_t{262144} * 128 * kSection));  // behind the last root
  EXPECT_FALSE(mapped.at(~Pfn{0}));
}

TEST(MemoryMap, RootsThatPointNowhereOrInCircles) {
  const SyntheticKernel plain({});
  const VirtAddr roots = *Vmcoreinfo(plain.note.text()).symbol("mem_section");
  for (const std::uint64_t root : {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{0x1000},
                                   roots.value, roots.value + 1, plain.struct_address(0).value}) {
    SyntheticKernel kernel({});
    kernel.memory.put<std::uint64_t>({0x800 * 4096}, root);
    Mapped mapped(kernel);
    for (const Pfn pfn : {Pfn{0}, kSection, 200 * kSection}) {
      EXPECT_FALSE(mapped.at(pfn)) << std::hex << root;
    }
    if (!mapped.model.memory_map()) {
      EXPECT_NE(mapped.model.downgrades().at(0).reason.find("mem_section"), std::string::npos);
    }
  }
}

TEST(MemoryMap, KeysThatAreMissingOrCannotBeAreErrors) {
  struct Change {
    const char* key;
    const char* value;
  };
  for (const Change& change : {Change{"SYMBOL(mem_section)", "0"},
                               {"SYMBOL(mem_section)", "10"},
                               {"LENGTH(mem_section)", "0"},
                               {"LENGTH(mem_section)", "-5"},
                               {"SIZE(mem_section)", "0"},
                               {"SIZE(mem_section)", "7"},
                               {"SIZE(mem_section)", "8192"},
                               {"OFFSET(mem_section.section_mem_map)", "25"},
                               {"OFFSET(mem_section.section_mem_map)", "2147483647"},
                               {"NUMBER(SECTION_SIZE_BITS)", "0"},
                               {"NUMBER(SECTION_SIZE_BITS)", "12"},
                               {"NUMBER(SECTION_SIZE_BITS)", "-27"},
                               {"NUMBER(SECTION_SIZE_BITS)", "64"},
                               {"NUMBER(MAX_PHYSMEM_BITS)", "26"},
                               {"NUMBER(MAX_PHYSMEM_BITS)", "64"},
                               {"NUMBER(MAX_PHYSMEM_BITS)", "9223372036854775807"}}) {
    SyntheticKernel kernel({});
    kernel.note.set(change.key, change.value);
    const KernelModel model = kernel.model();
    EXPECT_FALSE(model.memory_map()) << change.key << "=" << change.value;
    ASSERT_FALSE(model.downgrades().empty());
    EXPECT_EQ(model.downgrades()[0].rule, "all page classes");
  }
}

// mem_section has either an entry for each possible section, or one for each page of them.
TEST(MemoryMap, ALengthThatFitsNeitherWayIsNotUsed) {
  for (const char* length : {"262143", "262145", "1000000", "33554431", "2147483647", "1"}) {
    SyntheticKernel kernel({.era = Era::v6_1, .vmemmap = false});
    kernel.note.set("LENGTH(mem_section)", length);
    // Behind the page of sections lies what could be one.
    kernel.memory.put(kernel.section_entry(129),
                      kernel.memory.get<std::uint64_t>(kernel.section_entry(1)));
    Mapped mapped(kernel);
    for (const Pfn pfn : {Pfn{0}, kSection, 129 * kSection}) {
      const auto at = mapped.at(pfn);
      // What it finds must be right, if it finds something.
      EXPECT_EQ(at.value_or(kernel.struct_address(pfn)), kernel.struct_address(pfn))
          << length << " " << pfn;
    }
    EXPECT_FALSE(mapped.at(129 * kSection)) << length;
  }
}

TEST(MemoryMap, WithoutBitsInTheNoteTheArchitectureKnows) {
  SyntheticKernel kernel({.era = Era::v5_10, .levels = 4});
  kernel.note.remove("NUMBER(SECTION_SIZE_BITS)");
  kernel.note.remove("NUMBER(MAX_PHYSMEM_BITS)");
  Mapped mapped(kernel);
  EXPECT_EQ(mapped.at(kSection + 1), kernel.struct_address(kSection + 1));
}

// Memory may begin late: the first sections with memory decide, not the first sections.
TEST(MemoryMap, MemoryThatBeginsLate) {
  SyntheticKernel kernel({.sections = 16});
  for (std::uint64_t s = 1; s < 12; ++s) {
    kernel.memory.put<std::uint64_t>(kernel.section_entry(s), 0);
  }
  Mapped mapped(kernel);
  EXPECT_FALSE(mapped.at(5 * kSection));
  EXPECT_EQ(mapped.at(12 * kSection), kernel.struct_address(12 * kSection));
}

}  // namespace
}  // namespace vmsift
