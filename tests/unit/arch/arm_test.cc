// SPDX-License-Identifier: GPL-2.0-or-later
// arm: where PAGE_OFFSET is in memory, and tables entry by entry (Arm ARM DDI 0406, B3.5 and B3.6).
#include "arch/arch.h"
#include "mm-model/address_space.h"
#include "tests/unit/arch/scattered_pages.h"
#include "tests/unit/support/entry_walk.h"
#include "tests/unit/support/note.h"
#include "tests/unit/support/synthetic_kernel.h"

#include <elf.h>
#include <gtest/gtest.h>

namespace vmsift {
namespace {

using test::KernelShape;
using test::Note;
using test::SyntheticKernel;
using test::walk;

const Arch& arm() {
  return *find_arch(EM_ARM, "", 4);
}

// Memory in which the root of a real note maps itself, and what follows it.
class Machine {
 public:
  Machine(const char* name, std::uint64_t ram)
      : note(Note::real(name)), memory((ram >> 12) + 4096) {
    memory.add({ram >> 12, (ram >> 12) + 4096});
    memory.edit_info().abi = kdump::Abi::padded32;
    const std::uint64_t root = Vmcoreinfo(note.text()).symbol("swapper_pg_dir")->value;
    const PhysAddr pgd{ram + (root & 0xfffffff)};
    if (note.get("CONFIG_ARM_LPAE")) {
      const PhysAddr pmd = pgd + 0x1000;
      memory.put<std::uint64_t>(pgd + (root >> 30) * 8, pmd.value | 3);
      for (std::uint64_t i = 0; i < 8; ++i) {
        memory.put<std::uint64_t>(pmd + i * 8, (ram + (i << 21)) | 0x701);
      }
    } else {
      for (std::uint64_t i = 0; i < 16; ++i) {
        memory.put<std::uint32_t>(pgd + ((root >> 28 << 8) + i) * 4,
                                  static_cast<std::uint32_t>(ram + (i << 20)) | 0x1140e);
      }
    }
  }
  Result<AddressLayout> layout() const {
    return arm().detect_layout(memory, Vmcoreinfo(note.text()));
  }
  Note note;
  test::SyntheticMemory memory;
};

constexpr const char* kShort = "armhf-6.1.0-50-armmp";
constexpr const char* kShort612 = "armhf-6.12.107+deb13-armmp";
constexpr const char* kLpae = "armhf-6.1.0-50-armmp-lpae";

TEST(Arm, RealNotes) {
  struct Real {
    const char* name;
    std::size_t levels;
    std::uint64_t root;
  };
  for (const Real& real :
       {Real{kShort, 2, 0x204000}, Real{kShort612, 2, 0x204000}, Real{kLpae, 3, 0x203000}}) {
    for (const std::uint64_t ram : {std::uint64_t{0x40000000}, std::uint64_t{0x80000000},
                                    std::uint64_t{0}, std::uint64_t{0x10200000}}) {
      const Machine machine(real.name, ram);
      const auto layout = machine.layout();
      ASSERT_TRUE(layout) << real.name << ": " << layout.message();
      EXPECT_EQ(layout->table.levels.size(), real.levels);
      EXPECT_EQ(layout->table.root.value, ram + real.root);
      EXPECT_EQ(layout->phys_base, ram);
      ASSERT_EQ(layout->linear.size(), 1U);
      EXPECT_EQ(layout->linear[0].vaddr.value, 0xc0000000U);
      EXPECT_EQ(layout->linear[0].paddr.value, ram);
      EXPECT_EQ(layout->linear[0].size, std::uint64_t{16} << 20) << "what the tables map";
    }
  }
}

// Without the line about LPAE (3.3 and some after) the place of the root tells.
TEST(Arm, LpaeByTheRootsPlace) {
  Machine machine(kLpae, 0x40000000);
  machine.note.remove("CONFIG_ARM_LPAE");
  EXPECT_EQ(machine.layout()->table.levels.size(), 3U);
}

TEST(Arm, TheFirstPageOfMemoryIsNotWherePageOffsetIs) {
  Machine machine(kShort, 0x40000000);
  machine.memory.clear_ranges();
  machine.memory.add({0x40003, 0x41000});
  const auto layout = machine.layout();
  ASSERT_TRUE(layout) << layout.message();
  EXPECT_EQ(layout->linear[0].paddr.value, 0x40000000U);
  EXPECT_EQ(layout->phys_base, 0x40003000U);
}

TEST(Arm, MemoryOfAnotherBankComesFirst) {
  Machine machine(kShort, 0x80000000);
  machine.memory.add({0x10000, 0x10100});
  const auto layout = machine.layout();
  ASSERT_TRUE(layout) << layout.message();
  EXPECT_EQ(layout->table.root.value, 0x80204000U);
  EXPECT_EQ(layout->phys_base, 0x10000000U);
}

// The headers are believed when the tables are where they say.
TEST(Arm, HeadersThatSayThePhysicalAddressAreNotBelieved) {
  Machine machine(kShort, 0x80000000);
  machine.memory.edit_info().virtual_ranges = {{{0x80000000}, {0x80000000}, 0x7fffffff}};
  EXPECT_EQ(machine.layout()->table.root.value, 0x80204000U);
  machine.memory.edit_info().virtual_ranges = {{{0xc0000000}, {0x80000000}, 0x1000000}};
  EXPECT_EQ(machine.layout()->table.root.value, 0x80204000U);
}

TEST(Arm, BadNotes) {
  for (const char* root : {"0", "ffffffff", "c0", "1c0204000", "d0204000", "zz"}) {
    Machine machine(kShort, 0x40000000);
    machine.note.set("SYMBOL(swapper_pg_dir)", root);
    const auto layout = machine.layout();
    ASSERT_FALSE(layout) << root;
    EXPECT_NE(layout.message().find("swapper_pg_dir"), std::string::npos);
  }
  Machine machine(kShort, 0x40000000);
  machine.memory.put<std::uint32_t>({0x40204000 + 0xc02 * 4}, 0);
  EXPECT_FALSE(machine.layout()) << "tables that do not map themselves";
}

// ---- tables ----

TEST(Arm, ShortDescriptors) {
  using Entries = std::vector<std::uint32_t>;
  const PageTable table = Machine(kShort, 0x40000000).layout()->table;
  const auto at = [&](const Entries& entries) { return walk(table, 0xbf123456, entries); };
  EXPECT_EQ(at({0x4000041e})->paddr.value, 0x40023456U);
  EXPECT_EQ(at({0x40000413})->paddr.value, 0x40023456U) << "with PXN";
  EXPECT_EQ(at({0x40000c01, 0x5000045e})->paddr.value, 0x50000456U);
  EXPECT_EQ(at({0x40000c01, 0x5000045f})->paddr.value, 0x50000456U) << "never executed";
  EXPECT_EQ(at({0x40000c01, 0x5000045f})->contiguous, 0x1000U - 0x456);
  EXPECT_EQ(at({0x40000c01, 0x50000001})->paddr.value, 0x50003456U) << "64 KiB";
  EXPECT_EQ(at({0x40000c01, 0x50000001})->contiguous, 0x10000U - 0x3456);
  // 16 MiB, with address bits 39 to 32.
  EXPECT_EQ(at({0x41cc04a2})->paddr.value, 0x5c41123456U);
  EXPECT_FALSE(at({0}));
  EXPECT_FALSE(at({0x40000c01, 0x50000000}));
  EXPECT_FALSE(at({0x40000c01}));
  EXPECT_FALSE(walk(table, 0x1bf123456, Entries{0x4000041e})) << "beyond 32 bits";
}

TEST(Arm, TheSecondTableIsOneKilobyte) {
  const PageTable table = Machine(kShort, 0x40000000).layout()->table;
  std::vector<std::uint64_t> asked;
  (void)walk_page_table(table, {0xbf1ff000}, [&](PhysAddr at, std::span<std::byte> into) {
    asked.push_back(at.value);
    store(into.data(), std::uint32_t{0x40000de1}, table.order);
    return asked.size() < 2;
  });
  const std::vector<std::uint64_t> expected = {0x40204000 + 0xbf1 * 4, 0x40000c00 + 0xff * 4};
  EXPECT_EQ(asked, expected);
}

TEST(Arm, LongDescriptors) {
  using Entries = std::vector<std::uint64_t>;
  const PageTable table = Machine(kLpae, 0x40000000).layout()->table;
  const auto at = [&](const Entries& entries) { return walk(table, 0xbf123456, entries); };
  const std::uint64_t never = std::uint64_t{3} << 53;
  EXPECT_EQ(at({0x40001003, 0x40002003, 0x8050000703 | never})->paddr.value, 0x8050000456U);
  EXPECT_EQ(at({0x40001003, 0x8050000701 | never})->paddr.value, 0x8050123456U);
  EXPECT_EQ(at({0x8040000701})->paddr.value, 0x807f123456U);
  EXPECT_FALSE(at({0x40001003, 0x40002003, 0x8050000701})) << "reserved";
  EXPECT_FALSE(at({0x40001003, 0x40002003, 0x8050000702}));
  EXPECT_FALSE(at({0x40001003, 0}));
  EXPECT_FALSE(at({0x40001003}));
}

// ---- kernels ----

class ArmKernel : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Variants, ArmKernel, testing::Values("", "2g", "lpae", "lpae-2g"),
                         [](const auto& variant) {
                           std::string name = "v" + std::string(variant.param);
                           std::erase(name, '-');
                           return name;
                         });

TEST_P(ArmKernel, ScatteredPagesAreReadInOne) {
  for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    KernelShape shape;
    shape.machine = "arm";
    shape.variant = GetParam();
    shape.model = test::Model::flat;
    shape.first_pfn = 0x40000;
    shape.sections = 1;
    shape.order = order;
    SyntheticKernel kernel(shape);
    const VirtAddr start{0xf0801000};
    const test::ScatteredPages pages(kernel, start);
    const auto layout = kernel.layout();
    ASSERT_TRUE(layout) << layout.message();
    EXPECT_EQ(layout->linear.at(0).vaddr.value, kernel.machine().direct);
    EXPECT_EQ(layout->linear.at(0).size, std::uint64_t{128} << 20) << "not what vmalloc() has";
    AddressSpace memory(*layout, kernel.memory);
    pages.expect_in(memory);
    EXPECT_EQ(memory.translate(kernel.image(kernel.own(0x210)))->paddr, kernel.own(0x210));
  }
}

}  // namespace
}  // namespace vmsift
