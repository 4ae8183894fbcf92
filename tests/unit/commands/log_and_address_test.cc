// SPDX-License-Identifier: GPL-2.0-or-later
// --dump-dmesg, --mem-usage and --vtop on cores of made-up kernels. The options are filled in here:
// how they are spelt is the command line's business.
#include "src/commands/commands.h"
#include "src/commands/input.h"
#include "src/commands/vtop.h"
#include "tests/unit/commands/kernel_core.h"
#include "tests/unit/support/synthetic_kernel.h"
#include "tests/unit/support/synthetic_log.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

namespace vmsift {
namespace {

struct Outcome {
  int status = -1;
  std::string error, out, err;
};

class LogAndAddress : public testing::Test {
 protected:
  LogAndAddress() {
    options.codec = find_codec_by_name("none");
    options.threads = 2;
  }

  Outcome run(Result<int> (*command)(const Options&, const Log&)) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const Log log(options.message_level, options.flattened ? stderr : stdout);
    auto status = command(options, log);
    std::fflush(nullptr);
    Outcome outcome;
    outcome.out = testing::internal::GetCapturedStdout();
    outcome.err = testing::internal::GetCapturedStderr();
    if (status) outcome.status = *status;
    if (!status) outcome.error = status.message();
    return outcome;
  }

  // A core whose log is `log`'s. The kernel has no page tables and no memory map.
  void write_log_core(test::SyntheticLog& log) {
    log.note.set("NUMBER(phys_base)", 0LL);
    log.note.set_hex("SYMBOL(swapper_pg_dir)", 0xffffffff80010000);
    log.note.set("OSRELEASE", "6.1.0-made-up");
    log.note.set("CRASHTIME", "1700000000");
    write(log.memory, log.note.text());
  }
  void write(const test::SyntheticMemory& memory, const std::string& note) {
    test::write_kernel_core(dir.file("core"), memory, note);
    options.inputs = {dir.file("core")};
    options.outputs = {dir.file("log")};
  }
  [[nodiscard]] std::string saved() const { return test::read_text(dir.file("log")); }

  test::TempDir dir;
  Options options;
};

class Dmesg : public LogAndAddress {
 protected:
  Dmesg() {
    options.command = Command::dmesg;
    ring.log(1'000'000'000, "before");
    ring.clear();
    ring.log(2'000'000'000, "after");
    write_log_core(ring);
  }
  test::RingLog ring{{}};
};

constexpr const char* kAll = "[    1.000000] before\n[    2.000000] after\n";

TEST_F(Dmesg, IsSavedForItsOwnerAlone) {
  const auto old = ::umask(0);
  const auto done = run(run_dmesg);
  ::umask(old);
  EXPECT_EQ(done.status, kExitOk) << done.error;
  EXPECT_EQ(saved(), kAll);
  EXPECT_EQ(done.err, "") << "what concerns pages alone is no warning here";
  EXPECT_EQ(done.out, "The dmesg log is saved to " + dir.file("log") + ".\n");
  EXPECT_EQ(std::filesystem::status(dir.file("log")).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(Dmesg, PartialIsWhatFollowsTheClear) {
  options.partial_dmesg = true;
  EXPECT_EQ(run(run_dmesg).status, kExitOk);
  EXPECT_EQ(saved(), "[    2.000000] after\n");
}

TEST_F(Dmesg, AnExistingFileIsKeptUnlessForced) {
  test::write_file(dir.file("log"), test::text_bytes(std::string(5000, 'o')));
  const auto done = run(run_dmesg);
  EXPECT_EQ(done.error, dir.file("log") + ": File exists");
  EXPECT_EQ(saved(), std::string(5000, 'o'));
  options.overwrite = true;
  EXPECT_EQ(run(run_dmesg).status, kExitOk);
  EXPECT_EQ(saved(), kAll);
  options.outputs = {dir.file("core")};
  EXPECT_NE(run(run_dmesg).error.find("is the input itself"), std::string::npos);
}

// What SUSE's kdump reads: the log alone on stdout, and "  KEY=VALUE" lines on stderr.
TEST_F(Dmesg, FlattenedGoesToStdoutAndDebugTextToStderr) {
  options.flattened = true;
  options.outputs.clear();
  options.message_level = Log::kDebug;
  const auto done = run(run_dmesg);
  EXPECT_EQ(done.status, kExitOk) << done.error;
  EXPECT_EQ(done.out, kAll);
  EXPECT_NE(done.err.find("\n  OSRELEASE=6.1.0-made-up\n"), std::string::npos) << done.err;
  EXPECT_NE(done.err.find("\n  CRASHTIME=1700000000\n"), std::string::npos) << done.err;
}

TEST_F(Dmesg, NoLevelIsTooHighForIt) {
  options.dump_level = 31;
  EXPECT_EQ(run(run_dmesg).status, kExitOk);
}

TEST_F(Dmesg, WhatCannotBeReadLeavesNoFileAndOneLine) {
  ring.put(ring.prb_at, std::uint64_t{0});
  write_log_core(ring);
  auto done = run(run_dmesg);
  EXPECT_NE(done.error.find("prb at 0xffffffff80000100 cannot be read"), std::string::npos)
      << done.error;
  EXPECT_EQ(done.error.find('\n'), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(dir.file("log")));
  write(ring.memory, "");
  options.dump_level = 31;
  done = run(run_dmesg);
  EXPECT_NE(done.error.find("no kernel log: the dump has no VMCOREINFO"), std::string::npos)
      << done.error;
  EXPECT_FALSE(std::filesystem::exists(dir.file("log")));
}

TEST_F(Dmesg, AnEmptyLogIsAnEmptyFile) {
  test::RingLog empty({});
  write_log_core(empty);
  EXPECT_EQ(run(run_dmesg).status, kExitOk);
  EXPECT_EQ(saved(), "");
  EXPECT_TRUE(std::filesystem::exists(dir.file("log")));
}

TEST_F(Dmesg, ADamagedLogIsNoSuccess) {
  const auto slot = ring.log(3'000'000'000, "spoiled");
  ring.put(ring.desc_at(slot) + 16, std::uint64_t{1} << 40);
  write_log_core(ring);
  const auto done = run(run_dmesg);
  EXPECT_EQ(done.status, kExitFailed);
  EXPECT_EQ(saved(), kAll);
  EXPECT_NE(done.err.find("lacks 1 records"), std::string::npos) << done.err;
  EXPECT_NE(done.err.find("lacks part of the log"), std::string::npos) << done.err;
  EXPECT_EQ(done.out, "");
}

class OnKernel : public LogAndAddress {
 protected:
  OnKernel() {
    kernel.free_block(0x5000, 4);
    kernel.anon(0x5100);
    kernel.file(0x5101, false);
    kernel.file(0x5102, true);
    kernel.hugetlb(0x5200, 9);
    kernel.offline(0x5103);
    write(kernel.memory, kernel.note.text());
    options.outputs.clear();
  }
  test::SyntheticKernel kernel{{.sections = 1}};
};

TEST_F(OnKernel, MemUsageCountsClassesAndZeros) {
  options.command = Command::mem_usage;
  options.message_level = 0;
  const auto one = run(run_mem_usage);
  EXPECT_EQ(one.status, kExitOk) << one.error;
  EXPECT_EQ(one.err, "");
  for (const char* row :
       {"\nUSER\t\t513 ", "\nFREE\t\t16 ", "\nNON_PRI_CACHE\t1 ", "\nPRI_CACHE\t1 ",
        "\nOFFLINE\t\t1 ", "\nTotal pages on system:\t32768 "}) {
    EXPECT_NE(one.out.find(row), std::string::npos) << row << one.out;
  }
  for (const unsigned threads : {1U, 7U}) {
    options.threads = threads;
    EXPECT_EQ(run(run_mem_usage).out, one.out);
  }
}

TEST_F(OnKernel, MemUsageWithoutAMemoryMapIsNoAnswer) {
  kernel.note.remove("SYMBOL(mem_section)");
  write(kernel.memory, kernel.note.text());
  const auto done = run(run_mem_usage);
  EXPECT_NE(done.error.find("SYMBOL(mem_section) is missing"), std::string::npos) << done.error;
  EXPECT_EQ(done.out, "");
}

TEST_F(OnKernel, VtopShowsEveryStep) {
  const auto input = open_input(options, Log(0));
  ASSERT_TRUE(input);
  const std::uint64_t at = kernel.struct_address(0x5000).value;
  const std::string text = explain_address(*input, at);
  EXPECT_TRUE(text.starts_with(
      fmt::format("Translating virtual address {:x} to physical address.\n  PGD :", at)))
      << text;
  for (const char* step : {"  P4D : ", "  PUD : ", "  PMD : ", "page of 2 MiB", "table at "}) {
    EXPECT_NE(text.find(step), std::string::npos) << step << text;
  }
  EXPECT_EQ(text.find("  PTE : "), std::string::npos) << text;
  const std::uint64_t paddr = kernel.struct_place(0x5000).value;
  EXPECT_NE(text.find(fmt::format("\n{:x}  {:x}\npage frame {:#x} is in the dump\n", at, paddr,
                                  paddr / 4096)),
            std::string::npos)
      << text;
}

TEST_F(OnKernel, VtopSaysWhereTheWayEnds) {
  kernel.map({0xffffc90000000000 | 0xff00000000000000}, {std::uint64_t{1} << 40}, 12);
  write(kernel.memory, kernel.note.text());
  options.outputs.clear();
  const auto input = open_input(options, Log(0));
  ASSERT_TRUE(input);
  const std::string beyond = explain_address(*input, 0xffffc90000000000);
  EXPECT_NE(beyond.find("is beyond the memory"), std::string::npos) << beyond;
  EXPECT_NE(beyond.find("  PTE : "), std::string::npos) << beyond;
  const std::string unmapped = explain_address(*input, 0xffffc90040000000);
  EXPECT_NE(unmapped.find("not present"), std::string::npos) << unmapped;
  EXPECT_NE(unmapped.find("not mapped"), std::string::npos) << unmapped;
  const std::string torn = explain_address(*input, 0x0fffc90000000000);
  EXPECT_NE(torn.find("not mapped"), std::string::npos) << torn;
}

TEST_F(OnKernel, VtopAloneNeedsNoOutput) {
  options.vtop = kernel.struct_address(1).value;
  options.message_level = 0;
  const auto done = run(run_vtop);
  EXPECT_EQ(done.status, kExitOk) << done.error;
  EXPECT_NE(done.out.find("PGD"), std::string::npos);
  kernel.note.remove("SYMBOL(swapper_pg_dir)");
  kernel.note.remove("SYMBOL(init_top_pgt)");
  write(kernel.memory, kernel.note.text());
  const auto failed = run(run_vtop);
  EXPECT_NE(failed.error.find("cannot be translated: SYMBOL(swapper_pg_dir) is missing"),
            std::string::npos)
      << failed.error;
}

}  // namespace
}  // namespace vmsift
