// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/copy/batch.h"

#include "tests/unit/copy/copy_fixture.h"

#include <gtest/gtest.h>

namespace vmsift {
namespace {

using test::Bytes;

std::vector<std::vector<Pfn>> cut(NextWindow windows, std::size_t page_size) {
  BatchCutter cutter(std::move(windows), page_size);
  std::vector<std::vector<Pfn>> batches;
  auto batch = std::make_unique<Batch>();
  while (cutter.next(*batch)) {
    const auto pages = batch->pages();
    batches.emplace_back(pages.begin(), pages.end());
  }
  EXPECT_FALSE(cutter.error());
  EXPECT_FALSE(cutter.next(*batch)) << "the end stays the end";
  return batches;
}

TEST(BatchCutter, TakesEveryPageOnceInOrderAndFillsItsBatches) {
  const auto pages = test::machine(2500);
  test::KeptPages kept(test::all_kernel(pages));
  for (const std::size_t page_size : {4096U, 16384U, 65536U, 262144U}) {
    const auto batches = cut(kept.windows(), page_size);
    const std::size_t full = std::min<std::size_t>(128, (512U << 10) / page_size);
    std::vector<Pfn> all;
    for (std::size_t i = 0; i < batches.size(); ++i) {
      // Over the borders of windows, whatever their number.
      if (i + 1 < batches.size()) {
        EXPECT_EQ(batches[i].size(), full);
      }
      all.insert(all.end(), batches[i].begin(), batches[i].end());
    }
    std::vector<Pfn> expected;
    for (const auto& [pfn, bytes] : pages) expected.push_back(pfn);
    EXPECT_EQ(all, expected);
    EXPECT_EQ(cut(kept.windows(), page_size), batches) << "always the same way";
  }
}

TEST(BatchCutter, NothingKept) {
  test::KeptPages none({});
  EXPECT_TRUE(cut(none.windows(), 4096).empty());
  int calls = 0;
  std::vector<std::byte> empty(128);
  EXPECT_TRUE(cut(
                  [&]() -> Result<std::optional<KeptWindow>> {
                    if (++calls > 5) return std::optional<KeptWindow>();
                    return std::optional(KeptWindow{0, empty, {}});
                  },
                  4096)
                  .empty());
}

TEST(BatchCutter, CarriesClasses) {
  test::KeptPages kept({{5, PageClass::user}, {2000, PageClass::slab}}, true);
  BatchCutter cutter(kept.windows(), 4096);
  auto batch = std::make_unique<Batch>();
  ASSERT_TRUE(cutter.next(*batch));
  ASSERT_EQ(batch->size, 2U);
  EXPECT_EQ(batch->classes[0], PageClass::user);
  EXPECT_EQ(batch->classes[1], PageClass::slab);
}

TEST(BatchCutter, AWindowThatFailsEndsTheBatches) {
  int calls = 0;
  std::vector<std::byte> full(64, std::byte{0xff});
  BatchCutter cutter(
      [&]() -> Result<std::optional<KeptWindow>> {
        if (++calls == 2) return error("bitmap unreadable");
        return std::optional(KeptWindow{0, full, {}});
      },
      4096);
  auto batch = std::make_unique<Batch>();
  std::size_t pages = 0;
  while (cutter.next(*batch)) pages += batch->size;
  EXPECT_EQ(pages, 512U);
  ASSERT_TRUE(cutter.error());
  EXPECT_EQ(cutter.error()->message(), "bitmap unreadable");
  EXPECT_FALSE(cutter.next(*batch));
  EXPECT_EQ(calls, 2);
}

TEST(BatchReader, GroupsCoverTheBatchWhateverTheFetchesGive) {
  const auto pages = test::machine(128);
  test::ScriptedSource source(pages);
  Batch batch;
  batch.size = 0;
  for (const auto& [pfn, bytes] : pages) batch.pfns[batch.size++] = pfn;
  for (const std::size_t most : {1U, 3U, 16U, 17U, 128U}) {
    source.most_per_fetch = most;
    BatchReader reader(source);
    std::size_t next = 0;
    EXPECT_EQ(reader.read(batch,
                          [&](const PageGroup& group) {
                            ASSERT_EQ(group.first, next);
                            ASSERT_LE(group.size, PageGroup::kMaxPages);
                            ASSERT_GE(group.size, 1U);
                            for (std::size_t i = 0; i < group.size; ++i) {
                              const Bytes& expected = pages.at(batch.pfns[next + i]);
                              ASSERT_EQ(std::memcmp(group.pages[i], expected.data(), 4096), 0);
                              ASSERT_EQ(group.fill[i] == 0, expected == test::zeros(4096));
                            }
                            next += group.size;
                          }),
              "");
    EXPECT_EQ(next, 128U);
  }
}

// A reader may hand out a lost page anywhere in a fetch, not only first.
TEST(BatchReader, TellsTheReasonOfALostPageWhereverItStands) {
  const auto pages = test::machine(40);
  test::ScriptedSource source(pages);
  Batch batch;
  batch.size = 0;
  for (const auto& [pfn, bytes] : pages) batch.pfns[batch.size++] = pfn;
  for (const std::size_t victim : {0U, 1U, 20U, 39U}) {
    source.lost = {batch.pfns[victim]};
    BatchReader reader(source);
    EXPECT_EQ(reader.read(batch, [](const PageGroup&) {}),
              "lost " + std::to_string(batch.pfns[victim]));
  }
}

}  // namespace
}  // namespace vmsift
