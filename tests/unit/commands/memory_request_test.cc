// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/commands/memory_request.h"

#include <gtest/gtest.h>

namespace vmsift {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

std::uint64_t needed(const Options& options, unsigned threads,
                     const InputShape& input = shape_of_crash(4096, 1U << 24, 100, 100 * kMiB)) {
  return plan_memory(memory_request(options, input, threads), std::nullopt).needed;
}

Options with(const char* codec) {
  Options options;
  options.codec = find_codec_by_name(codec);
  return options;
}

// What README publishes, for a crash kernel: 1.5 MiB, half a MiB for each batch, and for each
// thread its codec and 0.3 MiB.
TEST(MemoryRequest, IsThePublishedFormula) {
  for (const Codec* codec : all_codecs()) {
    for (const unsigned threads : {1U, 2U, 3U, 8U, 64U}) {
      const std::uint64_t batches = threads == 1 ? 1 : threads + threads / 2 + 1;
      const std::uint64_t published = kMiB * 3 / 2 + batches * (kMiB * 34 / 64) +
                                      threads * (kMiB * 3 / 10 + codec->memory(4096));
      const std::uint64_t sum = needed(with(codec->name.data()), threads);
      EXPECT_LE(sum, published) << codec->name << " " << threads;
      EXPECT_GE(sum * 3 / 2, published) << codec->name << " " << threads;
    }
  }
}

TEST(MemoryRequest, ThreadsCost) {
  for (unsigned threads = 1; threads < 16; ++threads) {
    EXPECT_LT(needed(with("lzo"), threads), needed(with("lzo"), threads + 1));
  }
}

TEST(MemoryRequest, SoDoesEverythingElse) {
  const Options plain = with("zstd");
  Options more = plain;
  more.dedup = true;
  EXPECT_LT(needed(plain, 2), needed(more, 2));
  more = plain;
  more.flattened = true;
  EXPECT_LT(needed(plain, 2), needed(more, 2));
  more = plain;
  more.stream = StreamFormat::zstd;
  EXPECT_LT(needed(plain, 2) + 2 * kMiB, needed(more, 2));
  more = plain;
  more.split = true;
  more.outputs = {"a", "b", "c"};
  EXPECT_LT(needed(plain, 1), needed(more, 1));
}

TEST(MemoryRequest, SegmentsAndAMachineThatRunsCost) {
  const Options options = with("lzo");
  const auto crash = [](std::size_t loads) { return shape_of_crash(4096, 1U << 24, loads, kMiB); };
  EXPECT_EQ(needed(options, 1, crash(1000)) - needed(options, 1, crash(0)), 1000U * 256);
  InputShape live = crash(0);
  live.live = true;
  EXPECT_EQ(needed(options, 1, live) - needed(options, 1, crash(0)), (1U << 24) / 8);
}

// Nothing but the number of segments and threads: least of all the memory of the machine.
TEST(MemoryRequest, MemoryOfTheMachineCostsNothing) {
  const auto of = [](Pfn max_pfn) { return shape_of_crash(4096, max_pfn, 10, kMiB); };
  EXPECT_EQ(needed(with("zlib"), 2, of(1U << 20)), needed(with("zlib"), 2, of(Pfn{1} << 32)));
}

TEST(MemoryRequest, WindowsAreLittleOnASmallMachine) {
  Options options = with("none");
  EXPECT_EQ(read_mode(options, std::nullopt), ReadMode::map);
  EXPECT_EQ(read_mode(options, 2048 * kMiB), ReadMode::map);
  EXPECT_EQ(read_mode(options, 100 * kMiB), ReadMode::map_little);
  options.non_mmap = true;
  EXPECT_EQ(read_mode(options, 100 * kMiB), ReadMode::read);
}

}  // namespace
}  // namespace vmsift
