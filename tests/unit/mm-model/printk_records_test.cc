// SPDX-License-Identifier: GPL-2.0-or-later
// The records of 3.5 to 5.9: wraps, the clear mark, and links that are lies.
#include "tests/unit/support/synthetic_log.h"

#include <gtest/gtest.h>

#include <deque>

namespace vmsift {
namespace {

using test::RecordsLog;

constexpr std::uint64_t kStep = 1'234'567'890;

std::string text(int n) {
  return fmt::format("message {} {}", n, std::string(static_cast<std::size_t>(n * 7 % 50), 'x'));
}
std::string line(int n) {
  const auto t = static_cast<std::uint64_t>(n) * kStep;
  return fmt::format("[{:5}.{:06}] {}\n", t / 1'000'000'000, t % 1'000'000'000 / 1000, text(n));
}
void log(RecordsLog& to, int n) {
  to.log(static_cast<std::uint64_t>(n) * kStep, text(n));
}

TEST(RecordsLog, EveryRecordIsALine) {
  for (const char* name : {"printk_log", "log"}) {
    for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
      for (const unsigned word : {8U, 4U}) {
        RecordsLog records(4096, name, false, order, word);
        EXPECT_EQ(records.read().text, "");
        log(records, 1);
        log(records, 2);
        const auto read = records.read();
        EXPECT_EQ(read.text, line(1) + line(2)) << read.error;
        EXPECT_TRUE(read.complete);
      }
    }
  }
}

// The text is a tail of what was logged, as long as it can be, however often the buffer went round.
TEST(RecordsLog, GoesRoundAndRound) {
  for (const std::uint32_t size : {256U, 300U, 1024U}) {
    RecordsLog records(size);
    std::string all;
    for (int i = 0; i < 400; ++i) {
      log(records, i);
      all += line(i);
      const auto read = records.read();
      ASSERT_EQ(read.error + read.warnings, "") << i;
      ASSERT_TRUE(all.ends_with(read.text)) << i << "\n" << read.text;
      ASSERT_GE(read.text.size(), std::min<std::size_t>(all.size(), line(i).size())) << i;
    }
    EXPECT_GT(records.read().text.size(), size / 2);
  }
}

TEST(RecordsLog, TheCallerIsShownWhereTheKernelStoredIt) {
  RecordsLog records(4096, "printk_log", true);
  records.log(1000, "a task", 42);
  records.log(2000, "a CPU\nof two lines", 0x80000003);
  EXPECT_EQ(records.read().text,
            "[    0.000001] [     T42] a task\n"
            "[    0.000002] [      C3] a CPU\n"
            "                          of two lines\n");
}

TEST(RecordsLog, SinceTheLastClear) {
  RecordsLog records(512);
  std::string since;
  std::string all;
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(records.read(false).text.ends_with(records.read(true).text));
    if (i % 9 == 4) {
      records.clear();
      since.clear();
      ASSERT_EQ(records.read(true).text, "") << i;
    }
    log(records, i);
    since += line(i);
    all += line(i);
    ASSERT_EQ(
        records.read(true).text,
        i < 4 ? all
              : since.substr(since.size() - std::min(since.size(), records.read(true).text.size())))
        << i;
    ASSERT_TRUE(records.read(true).text.ends_with(line(i)));
  }
}

TEST(RecordsLog, AClearMarkThatWasWrittenOverGivesEverything) {
  RecordsLog records(512);
  log(records, 0);
  records.clear();
  for (int i = 1; i < 30; ++i) log(records, i);
  records.put(records.clear_at, records.first_idx + 4);  // inside a record
  EXPECT_EQ(records.read(true).text, records.read(false).text);
  records.put(records.clear_at, ~std::uint32_t{0});
  EXPECT_EQ(records.read(true).text, records.read(false).text);
  records.put(records.clear_at, 0U);  // never cleared, and the buffer went round
  EXPECT_EQ(records.read(true).text, records.read(false).text);
  records.note.remove("SYMBOL(clear_idx)");
  EXPECT_EQ(records.read(true).text, records.read(false).text);
  EXPECT_NE(records.read(true).warnings.find("SYMBOL(clear_idx) is missing"), std::string::npos);
  EXPECT_TRUE(records.read(true).complete);
}

TEST(RecordsLog, AnImpossibleLengthEndsTheLog) {
  for (const std::uint32_t len : {1U, 15U, 5000U, 65535U}) {
    RecordsLog records(4096);
    log(records, 1);
    const auto bad = records.log(0, "spoiled");
    log(records, 3);
    records.put(RecordsLog::kBuffer + bad + 8, static_cast<std::uint16_t>(len));
    const auto read = records.read();
    EXPECT_EQ(read.text, line(1)) << len;
    EXPECT_FALSE(read.complete);
    EXPECT_NE(read.warnings.find(fmt::format("at {:#x} has an impossible length of {}", bad, len)),
              std::string::npos)
        << read.warnings;
  }
}

TEST(RecordsLog, ATextThatIsLongerThanItsRecordIsPassedOver) {
  RecordsLog records(4096);
  log(records, 1);
  const auto bad = records.log(0, "spoiled");
  log(records, 3);
  records.put(RecordsLog::kBuffer + bad + 10, std::uint16_t{9});
  const auto read = records.read();
  EXPECT_EQ(read.text, line(1) + line(3));
  EXPECT_FALSE(read.complete);
  EXPECT_NE(read.warnings.find("lacks 1 records"), std::string::npos) << read.warnings;
}

// A header without length leads back to the start: once, and never round in circles.
TEST(RecordsLog, CyclesEnd) {
  RecordsLog records(512);
  for (int i = 0; i < 3; ++i) log(records, i);
  const auto bad = records.log(0, "no length");
  records.put(RecordsLog::kBuffer + bad + 8, std::uint16_t{0});
  log(records, 5);
  auto read = records.read();
  EXPECT_EQ(read.text, line(0) + line(1) + line(2));
  EXPECT_NE(read.warnings.find("has no length"), std::string::npos) << read.warnings;
  // Next lies before the first: the way back is legal, but the walk meets its begin again.
  records.put(records.first_at, std::uint32_t{records.next_idx});
  records.put(records.next_at, 8U);
  read = records.read();
  EXPECT_FALSE(read.complete);
  EXPECT_NE(read.warnings.find("ends early"), std::string::npos) << read.warnings;
  // All zeros: every header sends back.
  for (std::uint32_t i = 0; i < 512; i += 4) records.put(RecordsLog::kBuffer + i, 0U);
  records.put(records.first_at, 100U);
  records.put(records.next_at, 50U);
  EXPECT_NE(records.read().warnings.find("has no length"), std::string::npos);
  records.put(records.first_at, 0U);
  EXPECT_FALSE(records.read().complete);
}

TEST(RecordsLog, IndexesBeyondTheBufferAreRefused) {
  for (const bool first : {true, false}) {
    RecordsLog records(4096);
    log(records, 1);
    records.put(first ? records.first_at : records.next_at, 4097U);
    EXPECT_NE(records.read().error.find("beyond log_buf_len"), std::string::npos);
    records.put(first ? records.first_at : records.next_at, ~std::uint32_t{0});
    EXPECT_NE(records.read().error.find("beyond log_buf_len"), std::string::npos);
  }
}

TEST(RecordsLog, BufferSizesThatCannotBe) {
  for (const std::uint32_t size : {0U, 15U, 0x80000001U, ~std::uint32_t{0}}) {
    RecordsLog records(4096);
    records.put(records.log_buf_len_at, size);
    EXPECT_NE(records.read().error.find("log_buf_len"), std::string::npos) << size;
  }
}

TEST(RecordsLog, LostPagesEndTheLogWithAWarning) {
  RecordsLog records(16384);
  for (int i = 0; i < 150; ++i) log(records, i);
  records.memory.set_unreadable(RecordsLog::kBuffer / 4096 + 1);
  const auto read = records.read();
  EXPECT_FALSE(read.complete);
  EXPECT_TRUE(read.text.starts_with(line(0) + line(1)));
  EXPECT_NE(read.warnings.find("not in the dump"), std::string::npos) << read.warnings;
}

TEST(RecordsLog, LayoutsThatCannotBe) {
  const auto spoiled = [](const char* key, long long value) {
    RecordsLog records(4096);
    records.log(0, "x");
    records.note.set(key, value);
    return records.read().error;
  };
  EXPECT_NE(spoiled("SIZE(printk_log)", 65), "");
  EXPECT_NE(spoiled("SIZE(printk_log)", 0), "");
  EXPECT_NE(spoiled("SIZE(printk_log)", 11), "");
  EXPECT_NE(spoiled("OFFSET(printk_log.ts_nsec)", 9), "");
  EXPECT_NE(spoiled("OFFSET(printk_log.len)", 15), "");
  EXPECT_NE(spoiled("OFFSET(printk_log.text_len)", 0x7fffffff), "");
  EXPECT_EQ(spoiled("OFFSET(printk_log.caller_id)", 13), "") << "only the caller is given up";
  for (const char* key : {"SYMBOL(log_buf)", "SYMBOL(log_buf_len)", "SYMBOL(log_next_idx)",
                          "SIZE(printk_log)", "OFFSET(printk_log.len)"}) {
    RecordsLog records(4096);
    records.note.remove(key);
    EXPECT_NE(records.read().error, "") << key;
  }
}

}  // namespace
}  // namespace vmsift
