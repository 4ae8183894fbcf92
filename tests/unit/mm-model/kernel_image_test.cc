// SPDX-License-Identifier: GPL-2.0-or-later
// A kernel's image found in memory by its banner or its release.
#include "mm-model/kernel_image.h"

#include "tests/unit/support/synthetic_memory.h"

#include <gtest/gtest.h>

namespace vmsift {
namespace {

using test::SyntheticMemory;

constexpr std::uint64_t kAlign = 2 << 20;
constexpr std::string_view kBanner = "Linux version 6.1.0 (me@here) #1 SMP";

void put(SyntheticMemory& memory, std::uint64_t at, std::string_view text) {
  for (const char c : text) memory.put<std::uint8_t>({at++}, static_cast<std::uint8_t>(c));
}

ImageAnchor banner_anchor() {
  return *image_anchor(Vmcoreinfo(
      "SYMBOL(linux_banner)=ffffffff82001ff0\nLINUX_BANNER=" + std::string(kBanner) + "\n"));
}

std::vector<std::uint64_t> places(const SyntheticMemory& memory, const ImageAnchor& anchor,
                                  std::size_t most = 100) {
  const AddressLayout none;
  AddressSpace space(none, memory);
  std::vector<std::uint64_t> found;
  const auto seen = find_image(memory, space, anchor, 0x1ff0, kAlign, [&](PhysAddr at) {
    found.push_back(at.value);
    return found.size() == most;
  });
  EXPECT_EQ(seen, found.size());
  return found;
}

TEST(KernelImage, TheBannerIsTheAnchorWhereItIsKnown) {
  const ImageAnchor anchor = banner_anchor();
  EXPECT_EQ(anchor.address.value, 0xffffffff82001ff0);
  ASSERT_EQ(anchor.pieces.size(), 1U);
  EXPECT_EQ(anchor.pieces[0].bytes, std::string(kBanner) + '\n');
}

TEST(KernelImage, ElseTheReleaseIs) {
  const auto anchor = image_anchor(
      Vmcoreinfo("SYMBOL(init_uts_ns)=ffffffff82a00000\nOSRELEASE=6.1.0\n"
                 "OFFSET(uts_namespace.name)=0\nSYMBOL(linux_banner)=ffffffff82001ff0\n"));
  ASSERT_TRUE(anchor);
  ASSERT_EQ(anchor->pieces.size(), 2U);
  EXPECT_EQ(anchor->pieces[1].offset, 130U);
  EXPECT_EQ(anchor->pieces[1].bytes, std::string("6.1.0\0", 6)) << "not that of 6.1.0-1";
  EXPECT_EQ(image_anchor(Vmcoreinfo("SYMBOL(init_uts_ns)=ffffffff82a00000\nOSRELEASE=5.10\n"))
                ->pieces[0]
                .offset,
            4U)
      << "without the key, as before 5.11";
  EXPECT_FALSE(image_anchor(Vmcoreinfo("OSRELEASE=6.1.0\n")));
  EXPECT_FALSE(image_anchor(Vmcoreinfo("SYMBOL(init_uts_ns)=ffffffff82a00000\nOSRELEASE=\n")));
}

TEST(KernelImage, IsFoundAtEveryAlignedPlace) {
  SyntheticMemory memory(4096);
  memory.add({3, 4096});
  const std::string line = std::string(kBanner) + '\n';
  put(memory, 2 * kAlign + 0x1ff0, line);  // over the end of a page
  put(memory, 5 * kAlign + 0x1ff0, line);
  put(memory, 3 * kAlign + 0x2ff0, line);  // elsewhere
  put(memory, 4 * kAlign + 0x1ff0, "Linux version 6.1.1 (me@here) #1 SMP\n");
  EXPECT_EQ(places(memory, banner_anchor()),
            (std::vector<std::uint64_t>{2 * kAlign + 0x1ff0, 5 * kAlign + 0x1ff0}));
  EXPECT_EQ(places(memory, banner_anchor(), 1).size(), 1U) << "told to stop";
}

TEST(KernelImage, HolesAndUnreadablePagesHoldNone) {
  SyntheticMemory memory(4000);  // ends within 2 MiB
  memory.add({0, 1000});
  memory.add_absent({1000, 2000});
  memory.add({3000, 4000});
  memory.set_unreadable(2 * kAlign / 4096 + 1);
  EXPECT_TRUE(places(memory, banner_anchor()).empty());
  SyntheticMemory nothing(0);
  EXPECT_TRUE(places(nothing, banner_anchor()).empty());
}

// Headers may claim any amount of memory.
TEST(KernelImage, TheSearchEnds) {
  constexpr Pfn kPages = (kMaxImagePlaces + 100) * 512;
  SyntheticMemory memory(kPages);
  memory.add_absent({0, kPages});
  memory.add({kPages - 512, kPages});
  put(memory, (kPages - 512) * 4096 + 0x1ff0, std::string(kBanner) + '\n');
  EXPECT_TRUE(places(memory, banner_anchor()).empty()) << "beyond the bound";
}

TEST(KernelImage, AReleaseIsReadOutOfAnyBanner) {
  SyntheticMemory memory(64);
  memory.add({0, 64});
  EXPECT_FALSE(release_in_memory(memory));
  put(memory, 0x1000, "Linux version %s (%s)");
  put(memory, 0x2000, "Linux version 6");
  put(memory, 0x3ffd, "Linux version 6.6.6 (cut by the page)");
  put(memory, 0x5000, "Linux version " + std::string(100, '6') + " (too long)");
  put(memory, 0x6000, "Linux version 6.1\n (two lines)");
  EXPECT_FALSE(release_in_memory(memory));
  put(memory, 0x7800, "Linux version x Linux version 6.1.0-test (me@here)");
  EXPECT_EQ(release_in_memory(memory), "6.1.0-test");
}

TEST(KernelImage, TheSearchForAReleaseEnds) {
  constexpr Pfn kPages = kMaxBannerPages + 2;
  SyntheticMemory memory(kPages);
  memory.add_absent({0, kPages - 1});
  memory.add({kPages - 1, kPages});
  put(memory, (kPages - 1) * 4096, "Linux version 6.1.0-test (me@here)");
  EXPECT_FALSE(release_in_memory(memory));
}

}  // namespace
}  // namespace vmsift
