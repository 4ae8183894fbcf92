// SPDX-License-Identifier: GPL-2.0-or-later
// Limits of files to the byte, and that a dry run adds up what a file takes.
#include "src/output/file_sink.h"

#include "tests/unit/output/output_fixture.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace vmsift {
namespace {

using test::Bytes;
using test::Machine;

class FileSinkTest : public testing::Test {
 protected:
  [[nodiscard]] std::string path() const { return dir_.file("dump"); }
  [[nodiscard]] std::unique_ptr<FileSink> sink(std::uint64_t limit) const {
    auto made = FileSink::create(path(), true, limit);
    EXPECT_TRUE(made);
    return std::move(*made);
  }
  test::TempDir dir_;
};

TEST_F(FileSinkTest, TheLimitIsExact) {
  const auto file = sink(1000);
  const Bytes bytes = test::noise(600, 1);
  ASSERT_TRUE(file->write_at(0, bytes));
  auto written = file->write_some(400, bytes);
  EXPECT_FALSE(written.failure);
  EXPECT_FALSE(file->out_of_space());
  written = file->write_some(401, bytes);
  EXPECT_EQ(written.bytes, 599U);
  ASSERT_TRUE(written.failure);
  EXPECT_EQ(written.failure->message(), path() + ": the limit of 1000 bytes (-L) is reached");
  EXPECT_TRUE(file->out_of_space());
  written = file->write_some(5000, bytes);
  EXPECT_EQ(written.bytes, 0U);
  EXPECT_TRUE(written.failure);
  EXPECT_EQ(std::filesystem::file_size(path()), 1000U);
  EXPECT_EQ(file->output_bytes(), 1000U);
}

TEST_F(FileSinkTest, ZerosAndRoomCountToo) {
  for (const std::uint64_t at : {0U, 400U}) {
    const auto file = sink(1000);
    EXPECT_TRUE(file->write_zeros(at, 1000 - at));
    EXPECT_EQ(file->output_bytes(), 1000U);
    EXPECT_FALSE(file->write_zeros(at, 1001 - at));
    EXPECT_FALSE(file->write_zeros(~std::uint64_t{0} - 5, 3));
    EXPECT_FALSE(file->reserve(at, 1001 - at));
    EXPECT_TRUE(file->reserve(at, 0));
    EXPECT_TRUE(file->reserve(at, 1000 - at));
    EXPECT_FALSE(file->set_least_size(1001));
    EXPECT_TRUE(file->set_least_size(1000));
    EXPECT_TRUE(file->out_of_space());
    EXPECT_EQ(std::filesystem::file_size(path()), 1000U);
  }
}

TEST_F(FileSinkTest, WhatWasWrittenCanBeReadBackAndCut) {
  const auto file = sink(ByteSink::kNoLimit);
  const Bytes bytes = test::noise(600, 1);
  ASSERT_TRUE(file->write_at(100, bytes));
  ASSERT_TRUE(file->can_read_back());
  Bytes back(600);
  ASSERT_TRUE(file->read_back(100, back));
  EXPECT_EQ(back, bytes);
  EXPECT_FALSE(file->read_back(101, back)) << "beyond the end";
  ASSERT_TRUE(file->set_least_size(50));
  EXPECT_EQ(file->output_bytes(), 700U) << "no file becomes shorter by that";
  ASSERT_TRUE(file->cut(200));
  EXPECT_EQ(std::filesystem::file_size(path()), 200U);
  EXPECT_EQ(file->output_bytes(), 200U);
  EXPECT_EQ(file->room_for_data(100, 2), ByteSink::kNoLimit);
}

TEST_F(FileSinkTest, ADryRunAddsUpWhatAFileTakes) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Machine machine = Machine::random(seed, 4000);
    const auto elf = [&](std::unique_ptr<ByteSink> into) {
      ElfSpec spec;
      spec.leave_out_zeros = seed % 2 == 0;
      ElfWriter writer(std::move(into), spec, machine.source);
      EXPECT_EQ(test::put_machine(writer, machine), "");
      return writer.sink().output_bytes();
    };
    const auto kdump = [&](std::unique_ptr<ByteSink> into) {
      KdumpSpec spec;
      spec.codec = find_codec_by_name("zlib");
      EXPECT_TRUE(spec.header.plan(machine.source.info().max_pfn, 0));
      spec.share_zero_page = true;
      auto writer = KdumpWriter::create(std::move(into), spec);
      EXPECT_TRUE(writer);
      test::HowToPut how;
      how.codec = spec.codec;
      how.sharing = {.zeros = true, .fills = true};
      EXPECT_EQ(test::put_machine(**writer, machine, how), "");
      return (*writer)->sink().output_bytes();
    };
    EXPECT_EQ(elf(std::make_unique<NullSink>(ByteSink::kNoLimit, nullptr)),
              elf(sink(ByteSink::kNoLimit)));
    EXPECT_EQ(kdump(std::make_unique<NullSink>(ByteSink::kNoLimit, nullptr)),
              kdump(sink(ByteSink::kNoLimit)));
    EXPECT_EQ(kdump(std::make_unique<NullSink>(ByteSink::kNoLimit, nullptr)),
              std::filesystem::file_size(path()));
  }
}

TEST_F(FileSinkTest, ADryRunHasLimitsToo) {
  NullSink sink(1000, nullptr);
  const Bytes bytes = test::noise(600, 1);
  EXPECT_TRUE(sink.write_at(400, bytes));
  EXPECT_EQ(sink.write_some(401, bytes).bytes, 599U);
  EXPECT_TRUE(sink.out_of_space());
  EXPECT_FALSE(sink.write_zeros(500, 501));
  EXPECT_FALSE(sink.set_least_size(1001));
  EXPECT_EQ(sink.output_bytes(), 1000U);
  EXPECT_FALSE(sink.can_read_back());
  Bytes back(1);
  EXPECT_FALSE(sink.read_back(0, back));
}

}  // namespace
}  // namespace vmsift
