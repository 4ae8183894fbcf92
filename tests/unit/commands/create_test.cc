// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/commands/commands_fixture.h"
#include "tests/unit/support/json_check.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace vmsift {
namespace {

using test::mixed_pages;

class CreateTest : public test::CommandsFixture {};

TEST_F(CreateTest, EveryPageComesBackWithEveryCodec) {
  const auto pages = mixed_pages(400, kPage);
  write_core(pages);
  for (const char* codec : {"-c", "-l", "-p", "-z", "--lz4", "-D"}) {
    for (const char* level : {"-d0", "-d1"}) {
      const auto done = run({"-f", codec, level, core(), dump()});
      ASSERT_EQ(done.status, kExitOk) << done.error << done.err;
      ASSERT_EQ(pages_of(dump()), pages) << codec << level;
      EXPECT_FALSE(info_.incomplete);
      EXPECT_EQ(info_.dump_level, level == std::string_view("-d1") ? 1U : 0U);
      EXPECT_NE(done.out.find("The dumpfile is saved to " + dump() + "."), std::string::npos)
          << done.out;
    }
  }
}

TEST_F(CreateTest, TheSameBytesForAnyThreadsAndAnyWayOfReading) {
  write_core(mixed_pages(1500, kPage));
  std::optional<test::Bytes> first;
  for (const char* threads : {"1", "2", "3", "8"}) {
    for (const char* mode : {"--non-mmap", "-f"}) {
      ASSERT_EQ(run({"-zf", "-d1", "--num-threads", threads, mode, core(), dump()}).status,
                kExitOk);
      const auto bytes = test::read_file(dump());
      if (!first) first = bytes;
      EXPECT_TRUE(bytes == *first) << threads << mode;
    }
  }
}

TEST_F(CreateTest, BigEndianPagesOf64KiB) {
  const auto pages = mixed_pages(30, 65536);
  write_core(pages,
             test::elf_note("VMCOREINFO", 0, test::text_bytes("PAGESIZE=65536\n"), ByteOrder::big),
             ByteOrder::big, 65536);
  ASSERT_EQ(run({"-l", "-d1", core(), dump()}).status, kExitOk);
  EXPECT_EQ(pages_of(dump()), pages);
  EXPECT_EQ(info_.order, ByteOrder::big);
  EXPECT_EQ(info_.page_size, 65536U);
}

TEST_F(CreateTest, ADumpIsMadeOfADump) {
  const auto pages = mixed_pages(300, kPage);
  const auto note = test::elf_note("VMCOREINFO", 0, test::text_bytes("OSRELEASE=6.1.0\n"));
  write_core(pages, note);
  const std::string fast = dir_.file("fast");
  ASSERT_EQ(run({"--lz4", "-d1", core(), fast}).status, kExitOk);
  EXPECT_EQ(test::read_text(fast).substr(0, 8), "VMSIFT  ") << "other readers must refuse it";
  ASSERT_EQ(run({"-z", fast, dump()}).status, kExitOk);
  EXPECT_EQ(test::read_text(dump()).substr(0, 8), "KDUMP   ");
  EXPECT_EQ(pages_of(dump()), pages);
  EXPECT_EQ(info_.vmcoreinfo, "OSRELEASE=6.1.0\n");
  EXPECT_EQ(info_.dump_level, 1U) << "what was left out stays left out";
}

TEST_F(CreateTest, LostPagesMakeAnIncompleteDump) {
  auto pages = mixed_pages(300, kPage);
  write_core(pages);
  auto image = test::read_file(core());
  image.resize(image.size() - 10 * kPage - 5);
  test::write_file(core(), image);
  const std::string json = dir_.file("json");
  const auto done = run({"-l", "--stats=json:" + json, core(), dump()});
  EXPECT_EQ(done.status, kExitFailed);
  EXPECT_NE(done.err.find("11 pages could not be read, the last one because: "), std::string::npos)
      << done.err;
  EXPECT_NE(done.err.find("incomplete"), std::string::npos);
  auto it = pages.end();
  for (int i = 0; i < 11; ++i) (--it)->second.reset();
  EXPECT_EQ(pages_of(dump()), pages);
  EXPECT_TRUE(info_.incomplete);
  const auto values = test::JsonCheck::read(test::read_text(json));
  ASSERT_TRUE(values);
  EXPECT_EQ(values->at("dump.lost_pages"), "11");
  EXPECT_EQ(values->at("dump.complete"), "false");
  EXPECT_EQ(values->at("input.incomplete"), "true");
}

TEST_F(CreateTest, AnIncompleteInputGivesAnIncompleteDump) {
  test::DumpSpec spec;
  spec.pages = mixed_pages(50, kPage);
  spec.complete = false;
  test::write_kdump(dir_.file("half"), spec);
  EXPECT_EQ(run({"-l", dir_.file("half"), dump()}).status, kExitFailed);
  EXPECT_EQ(pages_of(dump()), spec.pages);
  EXPECT_TRUE(info_.incomplete);
}

TEST_F(CreateTest, TheReportIsTheFilesOwnNumbers) {
  const auto pages = mixed_pages(500, kPage);
  write_core(pages);
  const std::string json = dir_.file("json");
  for (const char* level : {"-d0", "-d1"}) {
    const auto done =
        run({"-f", "-l", level, "--show-stats", "--stats=json:" + json, core(), dump()});
    ASSERT_EQ(done.status, kExitOk);
    const auto size = std::filesystem::file_size(dump());
    EXPECT_NE(done.out.find("Write bytes     : " + std::to_string(size) + "\n"), std::string::npos)
        << done.out;
    const auto values = test::JsonCheck::read(test::read_text(json));
    ASSERT_TRUE(values);
    EXPECT_EQ(values->at("dump.bytes"), std::to_string(size));
    EXPECT_EQ(values->at("dump.pages"), "500");
    EXPECT_EQ(values->at("total_pages"), std::to_string(pages.rbegin()->first + 1));
    // A dry run tells the same.
    const auto dry = run({"--dry-run", "-l", level, "--show-stats", core()});
    EXPECT_EQ(dry.status, kExitOk);
    EXPECT_NE(dry.out.find("Write bytes     : " + std::to_string(size) + "\n"), std::string::npos)
        << dry.out;
  }
}

TEST_F(CreateTest, ADryRunTouchesNothing) {
  write_core(mixed_pages(50, kPage));
  test::write_file(dump(), test::text_bytes("precious"));
  EXPECT_EQ(run({"--dry-run", "-f", core(), dump()}).status, kExitOk);
  EXPECT_EQ(test::read_text(dump()), "precious");
}

TEST_F(CreateTest, NothingIsOverwritten) {
  write_core(mixed_pages(50, kPage));
  const auto before = test::read_file(core());
  test::write_file(dump(), test::text_bytes("precious"));
  EXPECT_NE(run({core(), dump()}).error.find("File exists (-f overwrites it)"), std::string::npos);
  EXPECT_EQ(test::read_text(dump()), "precious");
  ASSERT_EQ(::symlink("core", dir_.file("link").c_str()), 0);
  ASSERT_EQ(::link(core().c_str(), dir_.file("hard").c_str()), 0);
  for (const char* name : {"core", "link", "hard"}) {
    EXPECT_EQ(run({"-f", core(), dir_.file(name)}).error, dir_.file(name) + " is the input itself");
    EXPECT_TRUE(test::read_file(core()) == before) << name;
  }
  EXPECT_NE(run({"-f", core(), dir_.path()}).error.find("Is a directory"), std::string::npos);
  EXPECT_NE(run({core(), dir_.file("no/where")}).error.find("No such file"), std::string::npos);
}

TEST_F(CreateTest, HigherLevelsNeedTheNote) {
  write_core(mixed_pages(5, kPage));
  for (const char* level : {"2", "16", "31"}) {
    const auto done = run({"-d", level, core(), dump()});
    EXPECT_NE(done.error.find("no VMCOREINFO"), std::string::npos) << done.error;
    EXPECT_FALSE(std::filesystem::exists(dump()));
  }
}

TEST_F(CreateTest, AStraySegmentCostsNothingElse) {
  test::ElfBuilder elf;
  elf.part({.paddr = 0, .data = test::noise(kPage, 1)});
  elf.part({.paddr = std::uint64_t{1} << 59, .data = test::noise(kPage, 2)});
  test::write_file(core(), elf.build());
  const auto done = run({core(), dump()});
  EXPECT_EQ(done.status, kExitOk);
  EXPECT_NE(done.err.find("impossible p_paddr"), std::string::npos) << done.err;
  EXPECT_EQ(pages_of(dump()).size(), 1U);
}

TEST_F(CreateTest, DumpsAreTheOwnersAlone) {
  write_core(mixed_pages(5, kPage));
  ASSERT_EQ(run({core(), dump()}).status, kExitOk);
  struct stat st {};
  ASSERT_EQ(::stat(dump().c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777U, 0600U);
}

}  // namespace
}  // namespace vmsift
