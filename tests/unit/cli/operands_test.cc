// SPDX-License-Identifier: GPL-2.0-or-later
// Which operand is what, in every mode.
#include "tests/unit/cli/parse.h"

namespace vmsift {
namespace {

void expect_operands(const Words& words, Command command, const Words& inputs,
                     const Words& outputs) {
  const auto o = good(words);
  EXPECT_EQ(o.command, command) << joined(words);
  EXPECT_EQ(o.inputs, inputs) << joined(words);
  EXPECT_EQ(o.outputs, outputs) << joined(words);
}

TEST(Operands, Create) {
  expect_operands({"core", "dump"}, Command::create, {"core"}, {"dump"});
  expect_operands({"s1", "s2", "s3", "dump"}, Command::create, {"s1", "s2", "s3"}, {"dump"});
  expect_operands({"-E", "core", "dump"}, Command::create, {"core"}, {"dump"});
  expect_operands({"-l", "--", "-core", "--dump"}, Command::create, {"-core"}, {"--dump"});
  EXPECT_EQ(bad({"-l"}), "VMCORE is missing");
  EXPECT_EQ(bad({"core"}), "DUMPFILE is missing");
}

TEST(Operands, Flattened) {
  expect_operands({"-F", "core"}, Command::create, {"core"}, {});
  expect_operands({"s1", "-F", "s2"}, Command::create, {"s1", "s2"}, {});
  expect_operands({"-E", "-F", "core"}, Command::create, {"core"}, {});
  EXPECT_TRUE(good({"-F", "core"}).flattened);
  EXPECT_EQ(bad({"-F"}), "VMCORE is missing");
}

TEST(Operands, Split) {
  expect_operands({"--split", "core", "a", "b"}, Command::create, {"core"}, {"a", "b"});
  expect_operands({"core", "a", "b", "c", "--split"}, Command::create, {"core"}, {"a", "b", "c"});
  EXPECT_EQ(bad({"--split"}), "VMCORE is missing");
  EXPECT_EQ(bad({"--split", "core"}), "--split needs two DUMPFILEs or more");
  EXPECT_EQ(bad({"--split", "core", "a"}), "--split needs two DUMPFILEs or more");
  EXPECT_EQ(bad({"--split", "core", "a", "b", "a"}), "\"a\" is named twice");
}

TEST(Operands, DryRun) {
  expect_operands({"--dry-run", "core"}, Command::create, {"core"}, {});
  expect_operands({"--dry-run", "core", "dump"}, Command::create, {"core"}, {"dump"});
  expect_operands({"--dry-run", "-F", "s1", "s2"}, Command::create, {"s1", "s2"}, {});
  EXPECT_EQ(bad({"--dry-run"}), "VMCORE is missing");
}

TEST(Operands, Vtop) {
  expect_operands({"--vtop", "0x10", "core"}, Command::create, {"core"}, {});
  expect_operands({"--vtop", "0x10", "core", "dump"}, Command::create, {"core"}, {"dump"});
  EXPECT_EQ(bad({"--vtop", "0x10"}), "VMCORE is missing");
}

TEST(Operands, Levels) {
  expect_operands({"--levels", "core"}, Command::levels, {"core"}, {});
  expect_operands({"--levels", "s1", "s2"}, Command::levels, {"s1", "s2"}, {});
  EXPECT_EQ(bad({"--levels"}), "VMCORE is missing");
}

TEST(Operands, Estimate) {
  expect_operands({"--estimate", "core"}, Command::estimate, {"core"}, {});
  expect_operands({"--estimate", "s1", "s2"}, Command::estimate, {"s1", "s2"}, {});
  expect_operands({"--estimate"}, Command::estimate, {"/proc/kcore"}, {});
}

TEST(Operands, Rearrange) {
  expect_operands({"-R", "dump"}, Command::rearrange, {}, {"dump"});
  expect_operands({"-R", "-f", "--message-level", "7", "dump"}, Command::rearrange, {}, {"dump"});
  EXPECT_EQ(bad({"-R"}), "DUMPFILE is missing");
  EXPECT_EQ(bad({"-R", "dump", "more"}), "\"more\" is one operand too many");
}

TEST(Operands, Reassemble) {
  expect_operands({"--reassemble", "a", "b", "out"}, Command::reassemble, {"a", "b"}, {"out"});
  expect_operands({"--reassemble", "a", "out"}, Command::reassemble, {"a"}, {"out"});
  EXPECT_EQ(bad({"--reassemble"}), "DUMPFILE1 is missing");
  EXPECT_EQ(bad({"--reassemble", "a"}), "DUMPFILE is missing");
}

TEST(Operands, Dmesg) {
  expect_operands({"--dump-dmesg", "core", "log"}, Command::dmesg, {"core"}, {"log"});
  expect_operands({"--dump-dmesg", "s1", "s2", "log"}, Command::dmesg, {"s1", "s2"}, {"log"});
  expect_operands({"-F", "--dump-dmesg", "core"}, Command::dmesg, {"core"}, {});
  EXPECT_TRUE(good({"--partial-dmesg", "--dump-dmesg", "core", "log"}).partial_dmesg);
  EXPECT_EQ(bad({"--dump-dmesg"}), "VMCORE is missing");
  EXPECT_EQ(bad({"--dump-dmesg", "core"}), "LOGFILE is missing");
}

TEST(Operands, MemUsage) {
  expect_operands({"--mem-usage", "/proc/kcore"}, Command::mem_usage, {"/proc/kcore"}, {});
  EXPECT_EQ(bad({"--mem-usage"}), "VMCORE is missing");
  EXPECT_EQ(bad({"--mem-usage", "core", "dump"}), "\"dump\" is one operand too many");
}

TEST(Operands, MakeVmcoreinfo) {
  expect_operands({"-g", "note", "-x", "vmlinux"}, Command::make_vmcoreinfo, {}, {});
  const auto o = good({"-x", "vmlinux", "-f", "-g", "note"});
  EXPECT_EQ(o.vmcoreinfo_out, "note");
  EXPECT_EQ(o.vmlinux_file, "vmlinux");
  EXPECT_EQ(bad({"-g", "note"}), "-g needs -x VMLINUX");
  EXPECT_EQ(bad({"-g", "note", "-x", "vmlinux", "core"}), "\"core\" is one operand too many");
}

}  // namespace
}  // namespace vmsift
