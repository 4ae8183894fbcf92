// SPDX-License-Identifier: GPL-2.0-or-later
// Data are shared by pages that are equal, byte for byte, and by no others whatever their hash
// says.
#include "src/output/shared_pages.h"

#include "tests/unit/support/scripted_source.h"

#include <gtest/gtest.h>

namespace vmsift {
namespace {

using test::Bytes;
using test::ScriptedSource;

constexpr std::size_t kPage = 4096;

class SharedPagesTest : public testing::Test {
 protected:
  SharedPagesTest()
      : source_({{1, test::noise(kPage, 1)},
                 {2, test::noise(kPage, 2)},
                 {3, test::noise(kPage, 1)},
                 {4, nearly()}}) {}
  static Bytes nearly() {
    Bytes page = test::noise(kPage, 1);
    page.back() ^= std::byte{1};
    return page;
  }
  ScriptedSource source_;
};

TEST_F(SharedPagesTest, EqualPagesAreFound) {
  SharedPages shared(source_);
  EXPECT_FALSE(shared.find(3, 77, 100)) << "nothing is known";
  shared.remember(1, 77, 100, 5000);
  EXPECT_EQ(shared.find(3, 77, 100), 5000U);
  EXPECT_EQ(shared.find(1, 77, 100), 5000U);
  EXPECT_EQ(shared.shared(), 2U);
}

TEST_F(SharedPagesTest, AHashIsNotBelieved) {
  SharedPages shared(source_);
  shared.remember(1, 77, 100, 5000);
  EXPECT_FALSE(shared.find(2, 77, 100)) << "by chance or by intent";
  EXPECT_FALSE(shared.find(4, 77, 100)) << "the last byte differs";
  EXPECT_FALSE(shared.find(3, 77, 101)) << "stored otherwise";
  EXPECT_FALSE(shared.find(3, 77 + SharedPages::kRemembered, 100)) << "in the same place";
  EXPECT_EQ(shared.shared(), 0U);
}

TEST_F(SharedPagesTest, ANewOneTakesThePlaceOfAnOldOne) {
  SharedPages shared(source_);
  shared.remember(1, 77, 100, 5000);
  shared.remember(2, 77 + SharedPages::kRemembered, 100, 6000);
  EXPECT_FALSE(shared.find(3, 77, 100));
  EXPECT_EQ(shared.find(2, 77 + SharedPages::kRemembered, 100), 6000U);
}

TEST_F(SharedPagesTest, PagesThatCannotBeReadAreEqualToNone) {
  for (const Pfn lost : {Pfn{1}, Pfn{3}}) {
    source_.lost = {lost};
    SharedPages shared(source_);
    shared.remember(1, 77, 100, 5000);
    EXPECT_FALSE(shared.find(3, 77, 100));
  }
}

// A torn fetch shows the same bytes for any page.
TEST_F(SharedPagesTest, TornFetchesAreDoneAgain) {
  for (const Pfn torn : {Pfn{1}, Pfn{2}, Pfn{3}}) {
    source_.torn = {torn};
    SharedPages shared(source_);
    shared.remember(1, 77, 100, 5000);
    EXPECT_FALSE(shared.find(2, 77, 100)) << torn;
    SharedPages again(source_);
    again.remember(1, 77, 100, 5000);
    EXPECT_EQ(again.find(3, 77, 100), 5000U) << torn;
  }
}

}  // namespace
}  // namespace vmsift
