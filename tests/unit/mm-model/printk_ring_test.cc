// SPDX-License-Identifier: GPL-2.0-or-later
// The lockless ring since 5.10: wraps of three counters, states, the clear mark, and lies.
#include "tests/unit/support/synthetic_log.h"

#include <gtest/gtest.h>

namespace vmsift {
namespace {

using test::RingLog;
using test::RingShape;

std::string text(int n) {
  return fmt::format("m{} {}", n, std::string(static_cast<std::size_t>(n * 13 % 40), 'y'));
}
std::string line(int n) {
  return fmt::format("[{:5}.{:06}] {}\n", n / 1000000, n % 1000000, text(n));
}
std::uint64_t log(RingLog& to, int n) {
  return to.log(static_cast<std::uint64_t>(n) * 1000, text(n));
}

class RingShapes : public testing::TestWithParam<RingShape> {};

TEST_P(RingShapes, GivesATailOfWhatWasLogged) {
  RingLog ring(GetParam());
  EXPECT_EQ(ring.read().text, "");
  std::string all;
  for (int i = 0; i < 500; ++i) {
    log(ring, i);
    all += line(i);
    const auto read = ring.read();
    ASSERT_EQ(read.error + read.warnings, "") << i;
    ASSERT_TRUE(read.complete);
    ASSERT_TRUE(all.ends_with(read.text) && read.text.ends_with(line(i))) << i << "\n" << read.text;
    if (i < 4) {
      ASSERT_EQ(read.text, all);
    }
  }
  EXPECT_GT(ring.read().text.size(), 100U);
}

TEST_P(RingShapes, SinceTheLastClear) {
  RingLog ring(GetParam());
  std::string since;
  for (int i = 0; i < 100; ++i) {
    if (i % 5 == 3) {
      ring.clear();
      since.clear();
    }
    log(ring, i);
    since += line(i);
    const auto read = ring.read(true);
    ASSERT_EQ(read.warnings, "");
    ASSERT_TRUE(since.ends_with(read.text) && read.text.ends_with(line(i))) << i << read.text;
    if (i % 5 == 3) {
      ASSERT_EQ(read.text, line(i));
    }
  }
  ring.clear();
  EXPECT_EQ(ring.read(true).text, "");
}

INSTANTIATE_TEST_SUITE_P(Shapes, RingShapes,
                         testing::Values(RingShape{}, RingShape{.fits_exactly = true},
                                         RingShape{.latched = false}, RingShape{.count_bits = 2},
                                         RingShape{.order = ByteOrder::big},
                                         RingShape{.order = ByteOrder::big, .word = 4},
                                         RingShape{.fits_exactly = true, .word = 4}),
                         [](const auto& shape) { return "n" + std::to_string(shape.index); });

TEST(RingLog, LinesOfARecordAreIndented) {
  RingLog ring({});
  ring.log(123'456'789'012'000, "first\nsecond\n\nfourth");
  ring.log(5, std::string("a\0\x1b[0m \x80\xff\\ \t", 12));
  EXPECT_EQ(ring.read().text,
            "[123456.789012] first\n"
            "                second\n"
            "                \n"
            "                fourth\n"
            "[    0.000000] a\\x00\\x1b[0m \\x80\\xff\\ \t\n");
}

TEST(RingLog, OnlyWhatItsWriterFinishedIsGiven) {
  RingLog ring({});
  ring.log(0, "zero", RingLog::kFinalized);
  ring.log(1000, "one", RingLog::kReserved);
  ring.log(2000, "two", RingLog::kCommitted);
  ring.log(3000, "three", RingLog::kReusable);
  ring.log(4000, "");  // an empty line, which makedumpfile and crash pass over too
  const auto slot = ring.log(5000, "lost");
  ring.put(ring.desc_at(slot) + 8, std::uint64_t{1});  // FAILED_LPOS
  ring.put(ring.desc_at(slot) + 16, std::uint64_t{1});
  const auto read = ring.read();
  EXPECT_EQ(read.text, "[    0.000000] zero\n[    0.000002] two\n");
  EXPECT_TRUE(read.complete) << read.warnings;
}

TEST(RingLog, ADescriptorOfAnotherRecordIsNotTaken) {
  RingLog ring({});
  log(ring, 0);
  const auto slot = log(ring, 1);
  log(ring, 2);
  ring.put(ring.desc_at(slot), std::uint64_t{2} << 62 | 12345);
  EXPECT_EQ(ring.read().text, line(0) + line(2));
}

TEST(RingLog, TextIsNoLongerThanItsBlock) {
  RingLog ring({});
  const auto slot = ring.log(0, "12345678");
  ring.log(1000, "neighbour");
  ring.put(ring.info_at(slot) + 16, std::uint16_t{0xffff});
  EXPECT_EQ(ring.read().text, "[    0.000000] 12345678\n[    0.000001] neighbour\n");
}

TEST(RingLog, BlocksThatCannotBeArePassedOver) {
  const struct {
    std::uint64_t begin, next;
  } blocks[] = {
      {0x1000, 0x1000},                 // nothing, not even an id
      {0x1000, 0x1008},                 // an id alone
      {0x1040, 0x1000},                 // backwards
      {0x1000, 0x1600},                 // two wraps on
      {0x1000, ~std::uint64_t{0} - 7},  //
      {0, ~std::uint64_t{0} << 32},     //
      {0x1001, 0x1001 + (1ULL << 40)},  // odd on one side only would be a real position
  };
  for (const auto& b : blocks) {
    RingLog ring({});
    log(ring, 0);
    const auto slot = log(ring, 1);
    log(ring, 2);
    ring.put(ring.desc_at(slot) + 8, b.begin);
    ring.put(ring.desc_at(slot) + 16, b.begin == 0x1001 ? b.next - 1 : b.next);
    const auto read = ring.read();
    EXPECT_EQ(read.text, line(0) + line(2)) << std::hex << b.begin << " " << b.next;
    EXPECT_FALSE(read.complete);
    EXPECT_NE(read.warnings.find("lacks 1 records"), std::string::npos) << read.warnings;
  }
}

TEST(RingLog, CountsAndSizesThatCannotBe) {
  for (const std::uint32_t bits : {0U, 27U, 32U, 63U, 64U, ~std::uint32_t{0}}) {
    RingLog ring({});
    log(ring, 0);
    ring.put(ring.count_bits_at(), bits);
    EXPECT_NE(ring.read().error.find("which cannot be"), std::string::npos) << bits;
  }
  for (const std::uint32_t bits : {0U, 32U, 64U, ~std::uint32_t{0}}) {
    RingLog ring({});
    log(ring, 0);
    ring.put(ring.size_bits_at(), bits);
    EXPECT_NE(ring.read().error.find("which cannot be"), std::string::npos) << bits;
  }
}

TEST(RingLog, AHugeCountEndsWhenTheDumpHasNoneOfIt) {
  RingLog ring({});
  log(ring, 0);
  ring.put(ring.count_bits_at(), 26U);
  ring.put(ring.tail_at(), std::uint64_t{0});
  ring.put(ring.head_at(), (std::uint64_t{1} << 26) - 1);
  const auto read = ring.read();
  EXPECT_FALSE(read.complete);
  EXPECT_NE(read.warnings.find("ends early"), std::string::npos) << read.warnings;
}

// Blocks that all say to be the same large one: hostile, and worth gigabytes of text.
TEST(RingLog, TextIsNoMoreThanTheRingHasRoomFor) {
  RingShape shape{.count_bits = 9, .size_bits = 12};
  RingLog ring(shape);
  for (int i = 0; i < 512; ++i) {
    const auto slot = ring.log(0, "x");
    ring.put(ring.desc_at(slot) + 8, std::uint64_t{0});
    ring.put(ring.desc_at(slot) + 16, std::uint64_t{4096});
    ring.put(ring.info_at(slot) + 16, std::uint16_t{4000});
  }
  const auto read = ring.read();
  EXPECT_LT(read.text.size(), 3 * 4096 * 4U);
  EXPECT_NE(read.warnings.find("more text than"), std::string::npos) << read.warnings;
  EXPECT_FALSE(read.complete);
}

TEST(RingLog, ATailThatDoesNotFitTriesEveryRecord) {
  RingLog ring({});
  for (int i = 0; i < 5; ++i) log(ring, i);
  for (const std::uint64_t tail : {std::uint64_t{0}, ~std::uint64_t{0}, ring.head_id + 1}) {
    ring.put(ring.tail_at(), tail);
    const auto read = ring.read();
    if (!read.complete) {
      EXPECT_EQ(read.text, line(0) + line(1) + line(2) + line(3) + line(4));
      EXPECT_NE(read.warnings.find("does not fit"), std::string::npos);
    }
  }
  ring.put(ring.tail_at(), (ring.head_id - 1000) & (~std::uint64_t{0} >> 2));
  EXPECT_FALSE(ring.read().complete);
}

TEST(RingLog, LostPagesCostOnlyTheirRecords) {
  for (const std::uint64_t lost : {RingLog::kDescs, RingLog::kInfos, RingLog::kText}) {
    RingLog ring({.count_bits = 9, .size_bits = 14});
    for (int i = 0; i < 400; ++i) log(ring, i);
    ring.memory.set_unreadable(lost / 4096 + 1);
    const auto read = ring.read();
    EXPECT_FALSE(read.complete);
    EXPECT_TRUE(read.text.ends_with(line(399)) || lost != RingLog::kText);
    EXPECT_GT(read.text.size(), 3000U);
    EXPECT_NE(read.warnings.find("lacks"), std::string::npos);
  }
}

TEST(RingLog, ClearMarksThatCannotBeReadGiveEverything) {
  RingLog ring({});
  log(ring, 0);
  ring.clear();
  log(ring, 1);
  ring.note.remove("SYMBOL(clear_seq)");
  auto read = ring.read(true);
  EXPECT_EQ(read.text, line(0) + line(1));
  EXPECT_NE(read.warnings.find("clear_seq"), std::string::npos);
  ring.note.set_hex("SYMBOL(clear_seq)", 0xffff800000000000);
  EXPECT_EQ(ring.read(true).text, line(0) + line(1));
}

TEST(RingLog, EveryKeyItNeedsIsNamedWhenItIsMissingOrImpossible) {
  for (const char* key :
       {"OFFSET(printk_ringbuffer.desc_ring)", "OFFSET(printk_ringbuffer.text_data_ring)",
        "OFFSET(prb_desc_ring.count_bits)", "OFFSET(prb_desc_ring.descs)",
        "OFFSET(prb_desc_ring.infos)", "OFFSET(prb_desc_ring.head_id)",
        "OFFSET(prb_desc_ring.tail_id)", "SIZE(prb_desc)", "OFFSET(prb_desc.state_var)",
        "OFFSET(prb_desc.text_blk_lpos)", "OFFSET(prb_data_blk_lpos.begin)",
        "OFFSET(prb_data_blk_lpos.next)", "SIZE(printk_info)", "OFFSET(printk_info.seq)",
        "OFFSET(printk_info.ts_nsec)", "OFFSET(printk_info.text_len)",
        "OFFSET(prb_data_ring.size_bits)", "OFFSET(prb_data_ring.data)"}) {
    RingLog ring({});
    log(ring, 0);
    ring.note.remove(key);
    EXPECT_EQ(ring.read().error, fmt::format("{} is missing or impossible", key));
    for (const long long value : {1025LL, 0x7fffffffLL, 0xffffffffLL}) {
      ring.note.set(key, value);
      EXPECT_EQ(ring.read().error, fmt::format("{} is missing or impossible", key)) << value;
    }
  }
  // Others may be missing: the log does not need them.
  RingLog ring({});
  log(ring, 0);
  for (const char* key : {"SIZE(printk_ringbuffer)", "SIZE(atomic_long_t)", "SIZE(list_head)",
                          "OFFSET(atomic_long_t.counter)", "OFFSET(printk_info.caller_id)"}) {
    ring.note.remove(key);
  }
  EXPECT_EQ(ring.read().text, line(0));
}

TEST(RingLog, APointerThatLeadsNowhere) {
  RingLog ring({});
  log(ring, 0);
  for (const std::uint64_t at : {std::uint64_t{0}, ~std::uint64_t{0}, ring.base.value - 8}) {
    ring.put(ring.prb_at, at);
    EXPECT_NE(ring.read().error, "") << at;
  }
}

}  // namespace
}  // namespace vmsift
