// SPDX-License-Identifier: GPL-2.0-or-later
// Virtual places of memory as headers and page tables of a synthetic kernel tell them.
#include "mm-model/virtual_maps.h"

#include "tests/unit/support/synthetic_kernel.h"

#include <elf.h>
#include <gtest/gtest.h>

namespace vmsift {
namespace {

using test::SyntheticKernel;

constexpr std::uint64_t kImageMap = 0xffffffff80000000;

class VirtualMapsTest : public testing::TestWithParam<unsigned> {
 protected:
  VirtualMapsTest() : kernel_({.levels = GetParam()}) {}
  AddressLayout layout() const {
    return *find_arch(EM_X86_64, "", 8)
                ->detect_layout(kernel_.memory, Vmcoreinfo(kernel_.note.text()));
  }
  // Where the kernel's own tables have the direct map.
  [[nodiscard]] std::uint64_t direct() const {
    return GetParam() == 5 ? 0xff11000000000000 : 0xffff888000000000;
  }
  [[nodiscard]] PhysAddr root_entry(std::uint64_t vaddr) const {
    return kernel_.pgd() + (vaddr >> (GetParam() == 5 ? 48 : 39) & 511) * 8;
  }
  SyntheticKernel kernel_;
};

TEST_P(VirtualMapsTest, TablesTellBothMaps) {
  const AddressLayout found = layout();
  const VirtualMaps maps = find_virtual_maps(kernel_.memory, &found);
  ASSERT_TRUE(maps.direct_map);
  AddressSpace memory(found, kernel_.memory);
  const std::uint64_t root = found.table.root.value;
  ASSERT_TRUE(memory.walk({*maps.direct_map + root}));
  EXPECT_EQ(memory.walk({*maps.direct_map + root})->paddr.value, root);
  ASSERT_EQ(maps.image.size(), 1U);
  const VirtualRange& image = maps.image.front();
  EXPECT_GE(image.vaddr.value, kImageMap);
  EXPECT_NE(image.size, 0U);
  for (std::uint64_t at = 0; at < image.size; at += 2U << 20) {
    ASSERT_TRUE(memory.walk(image.vaddr + at)) << at;
    EXPECT_EQ(memory.walk(image.vaddr + at)->paddr, image.paddr + at);
  }
}

// As on arm64: the first part is known, and initial code behind it was freed.
TEST_P(VirtualMapsTest, WhatFollowsTheImageBelongsToItWhereItIsMappedAlike) {
  AddressLayout found = layout();
  const auto whole = find_virtual_maps(kernel_.memory, &found).image;
  ASSERT_EQ(whole.size(), 1U);
  const VirtualRange image = whole.front();
  found.image = {{image.vaddr, image.paddr, 4096}};
  const auto at = [&](std::uint64_t mib, std::uint64_t paddr) {
    kernel_.map(image.vaddr + image.size + (mib << 20), {paddr + (mib << 20)}, 12);
  };
  const std::uint64_t end = image.paddr.value + image.size;
  at(3, end);
  at(4, 0x100000);  // something else
  at(18, end);
  at(35, end);  // too far away
  const auto pieces = find_virtual_maps(kernel_.memory, &found).image;
  ASSERT_EQ(pieces.size(), 3U);
  EXPECT_EQ(pieces[0], image);
  const auto piece = [&](std::uint64_t mib) {
    return VirtualRange{image.vaddr + image.size + (mib << 20), {end + (mib << 20)}, 4096};
  };
  EXPECT_EQ(pieces[1], piece(3));
  EXPECT_EQ(pieces[2], piece(18));
}

TEST_P(VirtualMapsTest, AnImageOfManyGigabytesEnds) {
  AddressLayout found = layout();
  const VirtualRange image{{direct() + (std::uint64_t{1} << 40)}, {}, std::uint64_t{4} << 30};
  for (std::uint64_t at = 0; at < image.size; at += 1U << 30) {
    kernel_.map(image.vaddr + at, image.paddr + at, 30);
  }
  found.image = {image};
  const auto pieces = find_virtual_maps(kernel_.memory, &found).image;
  ASSERT_EQ(pieces.size(), 1U);
  EXPECT_EQ(pieces.front(), (VirtualRange{image.vaddr, image.paddr, std::uint64_t{2} << 30}));
}

TEST_P(VirtualMapsTest, AnImageOfManyPiecesEnds) {
  AddressLayout found = layout();
  const VirtualRange image{{kImageMap + (512U << 20)}, {0x40000000}, 2U << 20};
  for (std::uint64_t at = 0; at < image.size; at += 2 * 4096) {
    kernel_.map(image.vaddr + at, image.paddr + at, 12);
  }
  found.image = {image};
  const auto pieces = find_virtual_maps(kernel_.memory, &found).image;
  ASSERT_EQ(pieces.size(), 64U);
  EXPECT_EQ(pieces.back(),
            (VirtualRange{image.vaddr + 126 * 4096, image.paddr + 126 * 4096, 4096}));
}

TEST_P(VirtualMapsTest, AMappingThatDoesNotHoldTheTablesIsNotBelieved) {
  // Something that is mapped in front of the direct map (as LDTs are), to memory far away.
  const std::uint64_t lower = GetParam() == 5 ? 0xff00000000000000 : 0xffff800000000000;
  kernel_.map({lower}, {0x5000 * 4096}, 12);
  const AddressLayout found = layout();
  EXPECT_FALSE(find_virtual_maps(kernel_.memory, &found).direct_map);
}

TEST_P(VirtualMapsTest, CyclicTablesEnd) {
  for (std::uint64_t i = 0; i < 512; ++i) {
    kernel_.memory.put<std::uint64_t>(kernel_.pgd() + i * 8, kernel_.pgd().value | 1);
  }
  const AddressLayout found = layout();
  const VirtualMaps maps = find_virtual_maps(kernel_.memory, &found);  // whatever they say
  EXPECT_LE(maps.image.size(), 1U);
}

TEST_P(VirtualMapsTest, EmptyTablesTellNothing) {
  for (std::uint64_t i = 0; i < 512; ++i) {
    kernel_.memory.put<std::uint64_t>(kernel_.pgd() + i * 8, 0);
  }
  const AddressLayout found = layout();
  const VirtualMaps maps = find_virtual_maps(kernel_.memory, &found);
  EXPECT_FALSE(maps.direct_map);
  EXPECT_TRUE(maps.image.empty());
}

TEST_P(VirtualMapsTest, WithoutALayoutOnlyHeadersTell) {
  kernel_.memory.edit_info().virtual_ranges.clear();
  EXPECT_FALSE(find_virtual_maps(kernel_.memory, nullptr).direct_map);
  kernel_.memory.edit_info().virtual_ranges = {{{0}, {0}, 0x1000},               // of QEMU
                                               {{0x7f0000000000}, {0}, 0x1000},  // no kernel's
                                               {{0xffff900000200000}, {0x200000}, 0x1000}};
  const VirtualMaps maps = find_virtual_maps(kernel_.memory, nullptr);
  EXPECT_EQ(maps.direct_map, 0xffff900000000000);
  EXPECT_TRUE(maps.image.empty());
}

TEST_P(VirtualMapsTest, HeadersOf32BitKernels) {
  kernel_.memory.edit_info().abi = kdump::Abi::packed32;
  kernel_.memory.edit_info().virtual_ranges = {{{0}, {0x40000000}, 0x1000},  // highmem
                                               {{0xc0001000}, {0x1000}, 0x1000}};
  EXPECT_EQ(find_virtual_maps(kernel_.memory, nullptr).direct_map, 0xc0000000U);
}

TEST_P(VirtualMapsTest, HeadersGoFirst) {
  AddressLayout found = layout();
  ASSERT_FALSE(found.image.empty());
  const VirtualRange image = {found.image.front().vaddr + 0x1000000, {0x1000000}, 0x200000};
  kernel_.memory.edit_info().virtual_ranges = {
      image, {{0xffff900000001000}, {0x1000}, 0x1000}, {{0xffffa00000001000}, {0x1000}, 0x1000}};
  const VirtualMaps maps = find_virtual_maps(kernel_.memory, &found);
  EXPECT_EQ(maps.direct_map, 0xffff900000000000) << "the first of them";
  ASSERT_EQ(maps.image.size(), 1U);
  EXPECT_EQ(maps.image.front().vaddr, image.vaddr);
  EXPECT_EQ(maps.image.front().size, image.size);
}

// An image of any size in its headers is looked for in so many steps.
TEST_P(VirtualMapsTest, AHugeLinearRangeEnds) {
  AddressLayout found = layout();
  kernel_.memory.edit_info().virtual_ranges.clear();
  found.image = {{{0x1000}, {0}, ~std::uint64_t{0} - 0x2000}};
  EXPECT_TRUE(find_virtual_maps(kernel_.memory, &found).image.empty());
  // What is mapped as it should be beyond that many steps is left out.
  found.image = {{{direct()}, {0}, ~std::uint64_t{0}}};
  for (const VirtualRange& image : find_virtual_maps(kernel_.memory, &found).image) {
    EXPECT_LE(image.size, std::uint64_t{1024} * (2U << 20));
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, VirtualMapsTest, testing::Values(4U, 5U), [](const auto& levels) {
  return std::to_string(levels.param) + "levels";
});

}  // namespace
}  // namespace vmsift
