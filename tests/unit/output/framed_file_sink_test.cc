// SPDX-License-Identifier: GPL-2.0-or-later
// What `zstd -d` or `lz4 -d` make of a framed core is the core that a FileSink makes.
#include "src/output/framed_file_sink.h"

#include "tests/unit/output/output_fixture.h"
#include "tests/unit/support/stream_decode.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace vmsift {
namespace {

using test::Bytes;
using test::HowToPut;
using test::Kind;
using test::Machine;
using test::put_machine;

class FramedFile : public testing::TestWithParam<const char*> {
 protected:
  [[nodiscard]] const FrameFormat& format() const { return *find_frame_format(GetParam()); }
  [[nodiscard]] std::string path() const { return dir_.file("framed"); }
  [[nodiscard]] std::unique_ptr<FramedFileSink> sink(
      std::uint64_t limit = ByteSink::kNoLimit) const {
    auto file = FileSink::create(path(), true, limit);
    EXPECT_TRUE(file);
    return std::make_unique<FramedFileSink>(std::move(*file), format());
  }
  [[nodiscard]] std::optional<Bytes> decoded() const {
    return test::decode_frames(format().name, test::read_file(path()));
  }
  [[nodiscard]] HowToPut how(bool with_frames) const {
    HowToPut how;
    how.frames = with_frames ? &format() : nullptr;
    how.sharing = {.zeros = !with_frames, .fills = false};
    return how;
  }
  [[nodiscard]] ElfSpec spec() const {
    ElfSpec spec;
    spec.leave_out_zeros = true;
    spec.notes = notes_;
    return spec;
  }

  test::TempDir dir_;
  Bytes notes_ = test::noise(70000, 8);  // across two stored frames
};

TEST_P(FramedFile, HoldsTheCoreThatAFileSinkMakes) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    for (const bool with_frames : {true, false}) {
      const Machine machine = Machine::random(seed, 6000 >> seed % 5);
      auto file = FileSink::create(dir_.file("plain"), true, ByteSink::kNoLimit);
      ASSERT_TRUE(file);
      ElfWriter plain(std::move(*file), spec(), machine.source);
      ASSERT_EQ(put_machine(plain, machine, how(with_frames)), "");
      ElfWriter framed(sink(), spec(), machine.source);
      ASSERT_EQ(put_machine(framed, machine, how(with_frames)), "");
      EXPECT_EQ(framed.sink().output_bytes(), std::filesystem::file_size(path()));
      const auto back = decoded();
      ASSERT_TRUE(back);
      ASSERT_TRUE(*back == test::read_file(dir_.file("plain"))) << seed;
    }
  }
}

TEST_P(FramedFile, HeadersMayComeAtAnyTimeAndAcrossFrames) {
  const auto framed = sink();
  ASSERT_TRUE(framed->set_header_bytes(3 * kStoredFrameBytes));
  Bytes expected(3 * kStoredFrameBytes);
  const auto put = [&](std::uint64_t at, const Bytes& bytes) {
    const auto written = framed->write_some(at, bytes);
    EXPECT_TRUE(!written.failure && written.bytes == bytes.size());
    if (expected.size() < at + bytes.size()) expected.resize(at + bytes.size());
    std::copy(bytes.begin(), bytes.end(), expected.begin() + static_cast<std::ptrdiff_t>(at));
  };
  put(0, test::noise(100, 1));
  EXPECT_TRUE(framed->write_provisional(50, test::noise(10, 7)));
  EXPECT_TRUE(framed->write_zeros(1000, 5000)) << "they are there";
  put(3 * kStoredFrameBytes, test::noise(200000, 2));
  put(3 * kStoredFrameBytes + 300000, test::words(5, 3));  // zeros in between
  put(kStoredFrameBytes - 10, test::noise(kStoredFrameBytes + 20, 4));
  put(40, test::noise(30, 5));
  EXPECT_TRUE(framed->write_zeros(expected.size(), 400000));
  expected.resize(expected.size() + 400000);
  put(3 * kStoredFrameBytes - 1, test::noise(1, 6));
  ASSERT_TRUE(framed->finish());
  const auto back = decoded();
  ASSERT_TRUE(back);
  EXPECT_TRUE(*back == expected);
}

TEST_P(FramedFile, ALimitLeavesWholeFrames) {
  const Machine machine = Machine::random(9, 2500);
  for (const bool with_frames : {true, false}) {
    ElfWriter whole(sink(), spec(), machine.source);
    ASSERT_EQ(put_machine(whole, machine, how(with_frames)), "");
    const std::uint64_t size = std::filesystem::file_size(path());
    test::Random random(3);
    std::size_t most = 0;
    for (std::uint64_t limit = 0; limit < size + 30000; limit += 1 + random.below(size / 25)) {
      ElfWriter framed(sink(limit), spec(), machine.source);
      const std::string failure = put_machine(framed, machine, how(with_frames));
      ASSERT_EQ(failure.empty(), limit >= size) << limit << " " << failure;
      ASSERT_EQ(framed.sink().out_of_space(), limit < size);
      ASSERT_LE(std::filesystem::file_size(path()), limit);
      if (limit < size / 4) continue;  // headers did not fit
      ASSERT_TRUE(decoded()) << limit;
      auto core = open_dump(path(), ReadMode::map);
      if (!core) {
        ASSERT_NE(core.message().find("no PT_LOAD"), std::string::npos) << core.message();
        continue;
      }
      ASSERT_EQ((*core)->info().incomplete, !failure.empty()) << limit;
      std::size_t right = 0;
      for (const auto& [pfn, bytes] : test::read_all(**core).pages) {
        ASSERT_TRUE(bytes) << pfn;
        ASSERT_EQ(*bytes, machine.bytes(pfn)) << pfn;
        right += machine.kept.at(pfn) != Kind::zero;
      }
      most = std::max(most, right);
    }
    EXPECT_GT(most, 300U);
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, FramedFile, testing::Values("zstd", "lz4"),
                         [](const auto& format) { return std::string(format.param); });

}  // namespace
}  // namespace vmsift
