// SPDX-License-Identifier: GPL-2.0-or-later
// The number of guarded mappings is bounded; beyond it a window reads in place of mapping.
#include "src/input/bus_guard.h"

#include "src/input/file_window.h"
#include "tests/unit/support/temp_dir.h"
#include "tests/unit/support/test_bytes.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace vmsift {
namespace {

TEST(BusGuard, HasRoomForSoManyAndNoMore) {
  const std::byte page[16] = {};
  std::vector<std::unique_ptr<BusGuard>> guards;
  for (std::size_t i = 0; i < BusGuard::kMaxMappings; ++i) {
    guards.push_back(std::make_unique<BusGuard>());
    ASSERT_TRUE(guards.back()->watch(page, sizeof page)) << i;
  }
  BusGuard one_more;
  EXPECT_FALSE(one_more.watch(page, sizeof page));
  EXPECT_FALSE(one_more.faulted());

  // The bytes are the same without a mapping.
  const test::TempDir dir;
  const test::Bytes content = test::noise(3 * 4096, 1);
  test::write_file(dir.file("file"), content);
  auto file = File::open(dir.file("file"), O_RDONLY);
  ASSERT_TRUE(file);
  const PlainStore store(std::move(*file), content.size());
  FileWindow window(store, ReadMode::map);
  ASSERT_TRUE(window.move_to(4096, 4096, {4096, 8192}));
  const std::byte* const got = window.at(4096, 4096);
  ASSERT_NE(got, nullptr);
  EXPECT_TRUE(std::equal(got, got + 4096, content.begin() + 4096));

  guards.pop_back();
  EXPECT_TRUE(one_more.watch(page, sizeof page));
}

}  // namespace
}  // namespace vmsift
