// SPDX-License-Identifier: GPL-2.0-or-later
// The flat ring of kernels before 3.5, and what is the same for every generation.
#include "tests/unit/support/synthetic_log.h"

#include <gtest/gtest.h>

namespace vmsift {
namespace {

using test::FlatLog;
using test::SyntheticLog;

constexpr std::uint32_t kSize = 4096;

std::string line(int n) {
  return fmt::format("<6>[    0.{:06}] line number {}\n", n, n);
}

TEST(FlatLog, ShortLogIsGivenAsItIs) {
  for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    for (const unsigned word : {8U, 4U}) {
      for (const bool long_log_end : {false, true}) {
        FlatLog log(kSize, order, long_log_end, word);
        log.log(line(1) + line(2));
        const auto read = log.read();
        EXPECT_EQ(read.text, line(1) + line(2)) << read.error;
        EXPECT_TRUE(read.complete);
        EXPECT_EQ(read.warnings, "");
      }
    }
  }
}

TEST(FlatLog, ALogThatWentRoundGivesTheLastCharacters) {
  FlatLog log(kSize);
  std::string all;
  for (int i = 0; i < 500; ++i) {
    log.log(line(i));
    all += line(i);
    const std::size_t n = std::min<std::size_t>(all.size(), kSize);
    ASSERT_EQ(log.read().text, all.substr(all.size() - n)) << i;
  }
}

TEST(FlatLog, ACounterThatWrappedDoesNotHideTheLog) {
  FlatLog log(kSize);
  std::string all;
  log.log_end = 0xffffff00;
  for (int i = 0; i < 500; ++i) {
    log.log(line(i));
    all += line(i);
  }
  ASSERT_GT(log.log_end, 0x100000000U);
  EXPECT_EQ(log.read().text, all.substr(all.size() - kSize));
}

TEST(FlatLog, SinceTheLastClear) {
  FlatLog log(kSize);
  log.log(line(1));
  EXPECT_EQ(log.read(true).text, line(1));
  log.clear();
  EXPECT_EQ(log.read(true).text, "");
  log.log(line(2));
  EXPECT_EQ(log.read(true).text, line(2));
  EXPECT_EQ(log.read(false).text, line(1) + line(2));
  log.put(log.logged_chars_at, ~std::uint32_t{0});
  EXPECT_EQ(log.read(true).text, log.read(false).text);
}

TEST(FlatLog, BytesThatAreNoText) {
  FlatLog log(kSize);
  log.log(std::string("a\0b\x1b\x7f\xc3\xa9\t\\\r\n", 11));
  EXPECT_EQ(log.read().text, "a\\x00b\\x1b\\x7f\\xc3\\xa9\t\\\r\n");
}

TEST(FlatLog, SizesThatCannotBe) {
  for (const std::uint32_t size : {0U, 3U, 4095U, 0xffffffffU, 0x80000001U}) {
    FlatLog log(kSize);
    log.log(line(1));
    log.put(log.log_buf_len_at, size);
    const auto read = log.read();
    EXPECT_NE(read.error.find("log_buf_len"), std::string::npos) << size;
    EXPECT_EQ(read.text, "");
  }
}

TEST(FlatLog, ABufferThatIsLargerThanTheDumpEndsWhereTheDumpEnds) {
  FlatLog log(kSize);
  log.log(line(1));
  log.put(log.log_buf_len_at, 0x80000000U);
  log.put(log.log_end_at, 0x40000000U);
  const auto read = log.read();
  EXPECT_LE(read.text.size(), SyntheticLog::kPages * 4096 * 4);
  EXPECT_FALSE(read.complete);
  EXPECT_NE(read.warnings.find("characters that the dump does not hold"), std::string::npos);
}

TEST(FlatLog, WhatIsUnreadableIsLeftOutAndSaid) {
  FlatLog log(16384);
  for (int i = 0; i < 2000; ++i) log.log(line(i));
  log.memory.set_unreadable(FlatLog::kBuffer / 4096 + 2);
  const auto read = log.read();
  EXPECT_EQ(read.text.size(), 16384U - 4096U);
  EXPECT_FALSE(read.complete);
  EXPECT_NE(read.warnings.find("lacks 4096 characters"), std::string::npos) << read.warnings;
}

TEST(FlatLog, PointersThatLeadNowhere) {
  FlatLog log(kSize);
  log.log(line(1));
  log.put(log.log_buf_at, std::uint64_t{0});
  EXPECT_NE(log.read().error.find("log_buf at"), std::string::npos);
  log.put(log.log_buf_at, ~std::uint64_t{0} - 10);
  EXPECT_FALSE(log.read().complete);
}

TEST(FlatLog, MissingKeysAreNamed) {
  for (const char* name : {"log_buf", "log_buf_len"}) {
    FlatLog log(kSize);
    log.note.remove(fmt::format("SYMBOL({})", name));
    EXPECT_EQ(log.read().error, fmt::format("SYMBOL({}) is missing", name));
  }
  FlatLog log(kSize);
  log.log(line(1));
  log.note.remove("SYMBOL(logged_chars)");
  EXPECT_EQ(log.read(false).text, line(1));
  EXPECT_EQ(log.read(true).error, "SYMBOL(logged_chars) is missing");
}

TEST(PrintkLog, ANoteWithoutALogSaysSo) {
  FlatLog log(kSize);
  log.note.remove("SYMBOL(log_end)");
  EXPECT_NE(log.read().error.find("names no log"), std::string::npos);
}

TEST(PrintkLog, TheErrorOfTheSinkComesBackAndEndsTheReading) {
  FlatLog log(65536);
  log.log(std::string(65536, 'x'));
  AddressLayout layout;
  layout.linear.push_back({log.base, {0}, SyntheticLog::kPages * 4096});
  AddressSpace memory(layout, log.memory);
  int calls = 0;
  std::size_t most = 0;
  auto done = read_printk_log(Vmcoreinfo(log.note.text()), ByteOrder::little, memory, false,
                              [&](std::string_view text) -> Result<void> {
                                most = std::max(most, text.size());
                                if (++calls == 3) return error("no space");
                                return {};
                              });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.message(), "no space");
  EXPECT_EQ(calls, 3);
  EXPECT_LT(most, 8192U) << "text is handed on in pieces";
}

}  // namespace
}  // namespace vmsift
