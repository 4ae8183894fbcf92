// SPDX-License-Identifier: GPL-2.0-or-later
// -R, as the program: streams on its standard input.
#include "tests/unit/commands/commands_fixture.h"
#include "tests/unit/support/flat_builder.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>

namespace vmsift {
namespace {

using test::Bytes;
using test::FlatBuilder;

class RearrangeTest : public test::CommandsFixture {
 protected:
  void SetUp() override {
    test::KdumpSpec spec;
    spec.pages = pages_ = test::mixed_pages(200, kPage);
    test::write_kdump(dir_.file("plain"), spec);
    image_ = test::read_file(dir_.file("plain"));
  }
  // Exit status; $V, $IN and $DUMP are set. What is said is in text_.
  int shell(const std::string& command) {
    const std::string whole = std::string("V='") + VMSIFT_BINARY + "'; IN='" + dir_.file("in") +
                              "'; DUMP='" + dump() + "'; { " + command + "; } > '" +
                              dir_.file("text") + "' 2>&1";
    const int status = std::system(whole.c_str());
    text_ = test::read_text(dir_.file("text"));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  int rebuild(const Bytes& stream, const std::string& how = "$V -R $DUMP < $IN") {
    test::write_file(dir_.file("in"), stream);
    return shell(how);
  }
  [[nodiscard]] bool dump_exists() const { return std::filesystem::exists(dump()); }
  [[nodiscard]] FlatBuilder flat() const { return FlatBuilder().dump(image_, 3000); }
  void expect_whole() {
    EXPECT_EQ(test::read_file(dump()), image_);
    EXPECT_EQ(pages_of(dump()), pages_);
    EXPECT_FALSE(info_.incomplete);
  }

  test::Pages pages_;
  Bytes image_;
  std::string text_;
};

TEST_F(RearrangeTest, AStreamBecomesTheDump) {
  Bytes stream = flat().end().bytes();
  EXPECT_EQ(rebuild(stream), 0);
  expect_whole();
  EXPECT_EQ(text_, "The dumpfile is saved to " + dump() + ".\n\nvmsift Completed.\n");
  struct stat st;
  ASSERT_EQ(::stat(dump().c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777U, 0600U);
  // From a pipe, and with what a disk holds behind the stream.
  test::append(stream, test::noise(100'000, 3));
  EXPECT_EQ(rebuild(stream, "cat $IN | $V -f -R $DUMP"), 0);
  expect_whole();
}

TEST_F(RearrangeTest, InFrames) {
  const Bytes stream = flat().end().bytes();
  for (const Bytes& framed : {test::zstd_frame(stream), test::lz4_frame(stream, false)}) {
    EXPECT_EQ(rebuild(framed, "cat $IN | $V -f -R $DUMP"), 0) << text_;
    expect_whole();
    std::filesystem::remove(dump());
    Bytes cut(framed.begin(), framed.begin() + static_cast<std::ptrdiff_t>(framed.size() / 2));
    EXPECT_EQ(rebuild(cut, "cat $IN | $V -f -R $DUMP"), 1);
  }
}

TEST_F(RearrangeTest, TheEndRecordIsTheEnd) {
  // The writer keeps its end of the pipe open until -R has gone.
  EXPECT_EQ(rebuild(flat().end().bytes(),
                    "mkfifo $DUMP.pipe; exec 3<> $DUMP.pipe; cat $IN >&3 & "
                    "timeout 60 $V -R $DUMP < $DUMP.pipe"),
            0);
  expect_whole();
}

TEST_F(RearrangeTest, AStreamCutAnywhereLeavesAMarkedDump) {
  const Bytes whole = flat().end().bytes();
  test::Random random(1);
  for (int i = 0; i < 25; ++i) {
    const std::size_t size = 4096 + 16 + 464 + random.below(whole.size() - 4096 - 16 - 464);
    std::filesystem::remove(dump());
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    ASSERT_EQ(rebuild(cut, "cat $IN | $V -R $DUMP"), 1) << size;
    EXPECT_NE(text_.find("standard input: ends at offset"), std::string::npos) << text_;
    EXPECT_TRUE(text_.ends_with(dump() +
                                " is incomplete and marked so; what was saved may still be "
                                "analysed\n"))
        << text_;
    const Bytes status = test::read_file(dump());
    EXPECT_EQ(test::peek<std::uint32_t>(status, 424) & 8U, 8U) << size;
  }
}

TEST_F(RearrangeTest, WhatIsNoStreamLeavesNoFile) {
  FlatBuilder other;
  Bytes of_type_2 = flat().end().bytes();
  of_type_2[23] = std::byte{2};
  const Bytes stream = flat().end().bytes();
  for (const Bytes& bytes : {Bytes{}, test::noise(10'000, 1), image_, of_type_2, Bytes(4096),
                             other.bytes(), Bytes(stream.begin(), stream.begin() + 100),
                             Bytes(stream.begin(), stream.begin() + 4100)}) {
    EXPECT_EQ(rebuild(bytes), 1);
    EXPECT_FALSE(dump_exists());
    EXPECT_TRUE(text_.starts_with("vmsift: error: standard input: ")) << text_;
  }
}

TEST_F(RearrangeTest, FilesThatAreThere) {
  const Bytes stream = flat().end().bytes();
  test::write_file(dump(), test::text_bytes("precious"));
  EXPECT_EQ(rebuild(stream), 1);
  EXPECT_NE(text_.find("-f overwrites it"), std::string::npos);
  EXPECT_EQ(test::read_text(dump()), "precious");
  EXPECT_EQ(rebuild(stream, "$V -f -R $DUMP < $IN"), 0);
  expect_whole();
  EXPECT_EQ(rebuild(stream, "$V -f -R $IN < $IN"), 1);
  EXPECT_NE(text_.find("is the standard input too"), std::string::npos);
  EXPECT_EQ(test::read_file(dir_.file("in")), stream);
  EXPECT_EQ(rebuild(stream, "$V -f -R $DUMP.d/x < $IN"), 1);
  EXPECT_EQ(rebuild(stream, "$V -f -R $DUMP <&-"), 1);
}

TEST_F(RearrangeTest, NoRoom) {
  const Bytes stream = flat().end().bytes();
  // A limit on the file's size stands for a full disk; blocks of 1 KiB.
  const std::string most = std::to_string(image_.size() / 2048);
  EXPECT_EQ(rebuild(stream, "bash -c \"ulimit -f " + most + "; exec $V -R $DUMP < $IN\""), 1);
  EXPECT_NE(text_.find("File too large"), std::string::npos) << text_;
  EXPECT_NE(text_.find("is incomplete and marked so"), std::string::npos) << text_;
  const auto size = std::filesystem::file_size(dump());
  EXPECT_GT(size, image_.size() / 2 - 5000);
  static_cast<void>(pages_of(dump()));
  EXPECT_TRUE(info_.incomplete);
}

}  // namespace
}  // namespace vmsift
