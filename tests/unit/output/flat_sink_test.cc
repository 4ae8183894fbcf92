// SPDX-License-Identifier: GPL-2.0-or-later
// A flattened stream is taken apart record by record: it makes the file that a FileSink makes, and
// says every byte once.
#include "src/output/flat_sink.h"

#include "tests/unit/output/output_fixture.h"
#include "tests/unit/support/stream_decode.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

namespace vmsift {
namespace {

using test::Bytes;
using test::HowToPut;
using test::Kind;
using test::Machine;
using test::put_machine;

enum class Format { kdump, elf };

struct Shape {
  Format format;
  const char* frames;  // nullptr: plain
};

class FlatSinkTest : public testing::TestWithParam<Shape> {
 protected:
  [[nodiscard]] const FrameFormat* frames() const {
    return GetParam().frames == nullptr ? nullptr : find_frame_format(GetParam().frames);
  }
  [[nodiscard]] HowToPut how() const {
    HowToPut how;
    how.frames = frames();
    if (GetParam().format == Format::kdump) {
      how.codec = find_codec_by_name("zlib");
      how.sharing = {.zeros = true, .fills = true};
    } else {
      how.sharing = {.zeros = frames() == nullptr, .fills = false};
    }
    return how;
  }
  // A writer of the format into this sink; nullptr when the headers did not go in.
  [[nodiscard]] std::unique_ptr<DumpWriter> writer(const Machine& machine,
                                                   std::unique_ptr<ByteSink> sink,
                                                   bool leave_out_zeros = true) const {
    if (GetParam().format == Format::elf) {
      ElfSpec spec;
      spec.leave_out_zeros = leave_out_zeros;
      spec.notes = notes_;
      return std::make_unique<ElfWriter>(std::move(sink), spec, machine.source);
    }
    KdumpSpec spec;
    spec.codec = find_codec_by_name("zlib");
    spec.header.status = spec.codec->header_flag;
    EXPECT_TRUE(spec.header.plan(machine.source.info().max_pfn, notes_.size()));
    spec.notes = notes_;
    spec.share_zero_page = true;
    auto made = KdumpWriter::create(std::move(sink), spec);
    if (!made) return nullptr;
    return std::move(*made);
  }
  [[nodiscard]] std::unique_ptr<ByteSink> flat(const std::string& path,
                                               std::uint64_t limit = ByteSink::kNoLimit) const {
    auto file = File::open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    EXPECT_TRUE(file);
    auto sink = FlatSink::create(std::move(*file), frames(), limit);
    EXPECT_TRUE(sink) << (sink ? "" : sink.message());
    return std::move(*sink);
  }
  // What is in the stream; of a framed one that was cut, the whole frames.
  [[nodiscard]] std::optional<Bytes> plain(const Bytes& stream) const {
    if (GetParam().frames == nullptr) return stream;
    return test::decode_frames(GetParam().frames, stream);
  }

  test::TempDir dir_;
  Bytes notes_ = test::noise(3000, 8);
};

TEST_P(FlatSinkTest, MakesTheFileThatAFileSinkMakes) {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    for (const bool leave_out : {true, false}) {
      const Machine machine = Machine::random(seed, 10000 >> seed);
      auto file = FileSink::create(dir_.file("file"), true, ByteSink::kNoLimit);
      ASSERT_TRUE(file);
      ASSERT_EQ(put_machine(*writer(machine, std::move(*file), leave_out), machine, how()), "");
      const auto streaming = writer(machine, flat(dir_.file("flat")), leave_out);
      ASSERT_EQ(put_machine(*streaming, machine, how()), "");
      const Bytes stream = test::read_file(dir_.file("flat"));
      EXPECT_EQ(streaming->sink().output_bytes(), stream.size());
      const auto decoded = plain(stream);
      ASSERT_TRUE(decoded);
      const auto parsed = test::parse_flat(*decoded);
      ASSERT_TRUE(parsed.ended);
      ASSERT_FALSE(testing::Test::HasFailure());
      const Bytes expected = test::read_file(dir_.file("file"));
      ASSERT_EQ(parsed.dump.size(), expected.size());
      ASSERT_TRUE(parsed.dump == expected) << seed;
      if (GetParam().format == Format::kdump) {
        EXPECT_EQ(parsed.covered(), expected.size()) << "crash reads every byte from the stream";
      }
    }
  }
}

TEST_P(FlatSinkTest, NothingKeptIsADumpToo) {
  Machine machine(5000);
  machine.source.add(100, 200);
  ASSERT_EQ(put_machine(*writer(machine, flat(dir_.file("flat"))), machine, how()), "");
  auto dump = open_dump(dir_.file("flat"), ReadMode::map);
  ASSERT_TRUE(dump) << dump.message();
  EXPECT_FALSE((*dump)->info().incomplete);
  EXPECT_EQ(test::stored_pages(**dump, false).size(), 100U);
}

TEST_P(FlatSinkTest, ALimitEndsTheStreamAsItShould) {
  const Machine machine = Machine::random(9, 1200);
  const auto empty = writer(machine, flat(dir_.file("flat")));
  HowToPut nothing = how();
  nothing.stop_after = 0;
  ASSERT_EQ(put_machine(*empty, machine, nothing), "");
  const std::uint64_t headers = std::filesystem::file_size(dir_.file("flat"));
  ASSERT_EQ(put_machine(*writer(machine, flat(dir_.file("flat"))), machine, how()), "");
  const std::uint64_t whole = std::filesystem::file_size(dir_.file("flat"));
  test::Random random(2);
  std::size_t most = 0;
  for (std::uint64_t limit = 0; limit <= whole + 40000; limit += 1 + random.below(whole / 40)) {
    const std::string path = dir_.file("limited");
    const auto limited = writer(machine, flat(path, limit));
    const std::string failure = limited ? put_machine(*limited, machine, how()) : "limit";
    const Bytes stream = test::read_file(path);
    ASSERT_LE(stream.size(), limit);
    if (limit >= whole + 20000) {
      ASSERT_EQ(failure, "") << limit;
    }
    if (limit < whole) {
      ASSERT_NE(failure, "") << limit;
    }
    if (limited && !failure.empty()) {
      ASSERT_TRUE(limited->sink().out_of_space()) << limit;
    }
    const auto decoded = plain(stream);
    ASSERT_TRUE(decoded) << limit << ": whole frames only";
    const auto parsed = test::parse_flat(*decoded);
    ASSERT_FALSE(testing::Test::HasFailure()) << limit;
    if (limit > headers + 20000) {
      ASSERT_TRUE(parsed.ended) << limit;
    }
    if (!parsed.ended) continue;
    test::write_file(dir_.file("rebuilt"), parsed.dump);
    auto dump = open_dump(dir_.file("rebuilt"), ReadMode::map);
    if (!dump) {
      ASSERT_NE(dump.message().find("no PT_LOAD"), std::string::npos) << dump.message();
      continue;
    }
    ASSERT_EQ((*dump)->info().incomplete, !failure.empty()) << limit;
    std::size_t right = 0;
    for (const auto& [pfn, bytes] : test::read_all(**dump).pages) {
      if (!bytes) continue;
      ASSERT_EQ(*bytes, machine.bytes(pfn)) << pfn << " with limit " << limit;
      right += machine.kept.at(pfn) != Kind::zero;
    }
    most = std::max(most, right);
  }
  EXPECT_GT(most, 300U);
}

TEST_P(FlatSinkTest, GoesThroughAPipeWhoseReaderIsSlow) {
  const Machine machine = Machine::random(3, 1200);
  ASSERT_EQ(put_machine(*writer(machine, flat(dir_.file("flat"))), machine, how()), "");
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  ::fcntl(ends[1], F_SETPIPE_SZ, 4096);
  Bytes got;
  std::thread reader([&] {
    Bytes some(512);
    for (ssize_t n = 1; n > 0;) {
      n = ::read(ends[0], some.data(), some.size());
      if (n > 0) test::append(got, std::span(some).first(static_cast<std::size_t>(n)));
    }
  });
  {
    auto sink = FlatSink::create(File(ends[1], "pipe"), frames(), ByteSink::kNoLimit);
    ASSERT_TRUE(sink);
    EXPECT_EQ(put_machine(*writer(machine, std::move(*sink)), machine, how()), "");
  }
  reader.join();
  ::close(ends[0]);
  EXPECT_TRUE(got == test::read_file(dir_.file("flat")));
}

TEST_P(FlatSinkTest, ABrokenPipeIsAnError) {
  const auto old_handler = ::signal(SIGPIPE, SIG_IGN);
  const Machine machine = Machine::random(3, 3000);
  for (const std::size_t taken : {0U, 4096U, 300000U}) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    std::thread reader([&] {
      Bytes some(4096);
      for (std::size_t n = 0; n < taken;) {
        const ssize_t more = ::read(ends[0], some.data(), some.size());
        if (more <= 0) break;
        n += static_cast<std::size_t>(more);
      }
      ::close(ends[0]);
    });
    auto sink = FlatSink::create(File(ends[1], "pipe"), frames(), ByteSink::kNoLimit);
    ASSERT_TRUE(sink);
    const auto to_nobody = writer(machine, std::move(*sink));
    if (to_nobody) {
      EXPECT_NE(put_machine(*to_nobody, machine, how()).find("Broken pipe"), std::string::npos);
      EXPECT_FALSE(to_nobody->sink().out_of_space());
    }
    reader.join();
  }
  ::signal(SIGPIPE, old_handler);
}

// Bytes behind a record that was cut short would be taken for the rest of it.
TEST_P(FlatSinkTest, NothingFollowsATornRecord) {
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
  const Bytes data = test::noise(300000, 1);
  const auto sink = flat(dir_.file("flat"));
  ASSERT_TRUE(sink->write_at(0, data));
  const struct rlimit small = {400001, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto failed = sink->write_at(300000, data);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, old_handler);
  EXPECT_FALSE(failed);
  EXPECT_TRUE(sink->out_of_space());
  EXPECT_FALSE(sink->write_at(600000, test::text_bytes("headers")));
  EXPECT_FALSE(sink->write_zeros(700000, 100));
  EXPECT_FALSE(sink->finish());
  EXPECT_LE(std::filesystem::file_size(dir_.file("flat")), 400001U);
}

INSTANTIATE_TEST_SUITE_P(Streams, FlatSinkTest,
                         testing::Values(Shape{Format::kdump, nullptr},
                                         Shape{Format::kdump, "zstd"}, Shape{Format::kdump, "lz4"},
                                         Shape{Format::elf, nullptr}, Shape{Format::elf, "zstd"},
                                         Shape{Format::elf, "lz4"}),
                         [](const auto& shape) {
                           return std::string(shape.param.format == Format::kdump ? "kdump_"
                                                                                  : "elf_") +
                                  (shape.param.frames == nullptr ? "plain" : shape.param.frames);
                         });

TEST(FlatSinkPlain, ZerosAreBytesOfTheStream) {
  const test::TempDir dir;
  auto file = File::open(dir.file("flat"), O_WRONLY | O_CREAT, 0600);
  ASSERT_TRUE(file);
  auto sink = FlatSink::create(std::move(*file), nullptr, 4096 + 16 + 200000 + 16 + 15);
  ASSERT_TRUE(sink);
  EXPECT_TRUE((*sink)->write_zeros(5, 0));
  EXPECT_TRUE((*sink)->write_provisional(5, test::text_bytes("not yet")));
  EXPECT_TRUE((*sink)->write_some(5, {}).failure == std::nullopt);
  EXPECT_TRUE((*sink)->write_zeros(100, 200000));
  EXPECT_FALSE((*sink)->write_zeros(300000, 16)) << "one byte too many";
  EXPECT_TRUE((*sink)->finish()) << "the end record fits";
  const auto parsed = test::parse_flat(test::read_file(dir.file("flat")));
  EXPECT_TRUE(parsed.ended);
  EXPECT_EQ(parsed.records.size(), 1U);
  EXPECT_EQ(parsed.records.at(100), test::zeros(200000));
}

TEST(FlatSinkPlain, NotToATerminal) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0 || ::grantpt(terminal) != 0 || ::unlockpt(terminal) != 0) {
    GTEST_SKIP() << "no pseudo terminals";
  }
  auto file = File::open(::ptsname(terminal), O_RDWR | O_NOCTTY);
  ASSERT_TRUE(file);
  const auto sink = FlatSink::create(std::move(*file), nullptr, ByteSink::kNoLimit);
  ASSERT_FALSE(sink);
  EXPECT_NE(sink.message().find("is a terminal"), std::string::npos);
  ::close(terminal);
}

}  // namespace
}  // namespace vmsift
