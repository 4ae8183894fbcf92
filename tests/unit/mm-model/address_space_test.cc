// SPDX-License-Identifier: GPL-2.0-or-later
// Virtual reads of a synthetic kernel: the linear range, the tables, and what is not there.
#include "mm-model/address_space.h"

#include "tests/unit/support/synthetic_kernel.h"

#include <elf.h>
#include <gtest/gtest.h>

namespace vmsift {
namespace {

using test::KernelShape;
using test::SyntheticKernel;

class AddressSpaceTest : public testing::TestWithParam<unsigned> {
 protected:
  AddressSpaceTest() : kernel_({.levels = GetParam()}) {}

  AddressLayout layout() const {
    return *find_arch(EM_X86_64, "", 8)
                ->detect_layout(kernel_.memory, Vmcoreinfo(kernel_.note.text()));
  }
  VirtAddr stext() const { return *Vmcoreinfo(kernel_.note.text()).symbol("_stext"); }

  SyntheticKernel kernel_;
};

TEST_P(AddressSpaceTest, TheTextIsWhereBothWaysSay) {
  const AddressLayout found = layout();
  AddressSpace memory(found, kernel_.memory);
  ASSERT_TRUE(memory.translate(stext()));
  ASSERT_TRUE(memory.walk(stext()));
  EXPECT_EQ(memory.translate(stext())->paddr.value, 0x200000U);
  EXPECT_EQ(memory.walk(stext())->paddr.value, 0x200000U);
}

TEST_P(AddressSpaceTest, ReadsAcrossPagesThatLieApart) {
  const VirtAddr at = kernel_.struct_address(64);
  kernel_.map(at, {0x5000 * 4096}, 12);
  kernel_.map(at + 4096, {0x4000 * 4096}, 12);
  kernel_.memory.put<std::uint32_t>({0x5000 * 4096 + 4092}, 0x11223344);
  kernel_.memory.put<std::uint32_t>({0x4000 * 4096}, 0x55667788);
  const AddressLayout found = layout();
  AddressSpace memory(found, kernel_.memory);
  EXPECT_EQ(memory.read_value<std::uint64_t>(at + 4092), 0x5566778811223344U);
  EXPECT_EQ(memory.walk(at)->contiguous, 4096U);
}

TEST_P(AddressSpaceTest, WhatIsNotMappedOrNotInTheDumpCannotBeRead) {
  const VirtAddr at = kernel_.struct_address(64);
  kernel_.map(at, {0x5000 * 4096}, 12);
  kernel_.map(at + 4096, {kernel_.memory.info().max_pfn * 4096}, 12);  // beyond memory
  kernel_.map(at + 8192, {0x5001 * 4096}, 12);
  kernel_.memory.set_unreadable(0x5001);
  const AddressLayout found = layout();
  AddressSpace memory(found, kernel_.memory);
  EXPECT_TRUE(memory.read_value<std::uint64_t>(at + 4088));
  EXPECT_FALSE(memory.read_value<std::uint64_t>(at + 4092));  // its second half is missing
  EXPECT_FALSE(memory.read_value<std::uint64_t>(at + 4096));
  EXPECT_FALSE(memory.read_value<std::uint64_t>(at + 8192));
  EXPECT_FALSE(memory.read_value<std::uint64_t>({0xffff000000000000}));
  EXPECT_FALSE(memory.read_value<std::uint64_t>({0}));
  EXPECT_FALSE(memory.read_value<std::uint64_t>({~std::uint64_t{0} - 3}));
}

TEST_P(AddressSpaceTest, ATableOutsideOfMemoryMapsNothing) {
  kernel_.memory.put<std::uint64_t>(
      kernel_.pgd() + (kernel_.struct_address(0).value >> (GetParam() == 5 ? 48 : 39) & 511) * 8,
      0x000ffffffffff001);
  const AddressLayout found = layout();
  AddressSpace memory(found, kernel_.memory);
  EXPECT_FALSE(memory.translate(kernel_.struct_address(0)));
  EXPECT_FALSE(memory.read_physical({~std::uint64_t{0} - 8}, {}) &&
               memory.read_value<std::uint8_t>(kernel_.struct_address(0)));
}

TEST_P(AddressSpaceTest, AReadThatMovedUnderUsIsDoneOver) {
  const VirtAddr at = kernel_.struct_address(0);
  kernel_.put<std::uint64_t>(0, 0, 0x1234);
  kernel_.memory.disturb_once(kernel_.struct_place(0).value / 4096, std::byte{0xee});
  const AddressLayout found = layout();
  AddressSpace memory(found, kernel_.memory);
  EXPECT_EQ(memory.read_value<std::uint64_t>(at), 0x1234U);
  EXPECT_TRUE(kernel_.memory.was_disturbed());
}

// The few cached pages are told apart though many share a slot.
TEST_P(AddressSpaceTest, CachedPagesAreNotMixedUp) {
  for (Pfn pfn = 0x5000; pfn < 0x5100; ++pfn) kernel_.memory.put<std::uint64_t>({pfn * 4096}, pfn);
  const AddressLayout found = layout();
  AddressSpace memory(found, kernel_.memory);
  for (int round = 0; round < 2; ++round) {
    for (Pfn pfn = 0x5000; pfn < 0x5100; ++pfn) {
      std::array<std::byte, 8> raw;
      ASSERT_TRUE(memory.read_physical({pfn * 4096}, raw));
      ASSERT_EQ(load<std::uint64_t>(raw.data(), ByteOrder::little), pfn);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, AddressSpaceTest, testing::Values(4U, 5U));

}  // namespace
}  // namespace vmsift
