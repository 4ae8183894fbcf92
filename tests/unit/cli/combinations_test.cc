// SPDX-License-Identifier: GPL-2.0-or-later
// Which options go together, and which not: what makedumpfile refuses is refused, but for what
// vmsift can do.
#include "tests/unit/cli/parse.h"

#include <algorithm>

namespace vmsift {
namespace {

// Refused in either order, by a line that names both.
void expect_refused(const Words& words, const std::string& one, const std::string& other) {
  for (const bool reversed : {false, true}) {
    Words turned = words;
    // Only options without values are turned round.
    if (reversed) std::reverse(turned.begin(), turned.begin() + 2);
    const std::string message = bad(turned);
    EXPECT_NE(message.find(one), std::string::npos) << message << ": " << joined(turned);
    EXPECT_NE(message.find(other), std::string::npos) << message << ": " << joined(turned);
  }
}

TEST(Combinations, ElfHoldsPagesAsTheyAre) {
  for (const char* codec : {"-c", "-l", "-p", "-z", "--lz4"}) {
    expect_refused({"-E", codec, "core", "dump"}, "-E", codec);
    EXPECT_NE(bad({"-E", codec, "core", "dump"}).find("--stream"), std::string::npos);
    EXPECT_NE(bad({"-F", "-E", codec, "core"}), "");
  }
  EXPECT_EQ(bad({"-E", "-cl", "core", "dump"}).substr(0, 9), "-E and -l") << "the last codec";
  expect_refused({"-E", "--split", "core", "a", "b"}, "-E", "--split");
  expect_refused({"-E", "--dedup", "core", "dump"}, "-E", "--dedup");
}

TEST(Combinations, OneFileOnTheStandardOutput) {
  expect_refused({"-F", "--split", "core", "a", "b"}, "-F", "--split");
  expect_refused({"-F", "--stats=json", "core"}, "-F", "--stats=json");
  EXPECT_EQ(good({"-F", "--stats=json:stats", "core"}).json, "stats");
}

TEST(Combinations, StreamsNeedAStream) {
  EXPECT_EQ(bad({"--stream", "zstd", "core", "dump"}),
            "--stream needs -F or -E: pages of other dumps are compressed one by one");
  EXPECT_NE(bad({"--stream=zstd", "--split", "core", "a", "b"}), "");
  EXPECT_EQ(good({"-F", "--stream", "zstd", "core"}).stream, StreamFormat::zstd);
  EXPECT_EQ(good({"-E", "--stream=lz4", "core", "dump"}).stream, StreamFormat::lz4);
  EXPECT_EQ(good({"-F", "-E", "--stream=lz4", "core"}).stream, StreamFormat::lz4);
  for (const char* name : {"", "gzip", "ZSTD", "zstd,lz4"}) {
    EXPECT_EQ(bad({"-F", std::string("--stream=") + name, "core"}),
              std::string("--stream takes zstd or lz4, not \"") + name + "\"");
  }
}

TEST(Combinations, WhatVmsiftCanDo) {
  EXPECT_EQ(good({"-E", "--num-threads", "4", "core", "dump"}).threads, 4U);
  EXPECT_EQ(good({"--split", "--num-threads", "4", "core", "a", "b"}).threads, 4U);
  EXPECT_EQ(good({"-F", "--num-threads=4", "-l", "core"}).threads, 4U);
  EXPECT_TRUE(good({"-F", "-E", "core"}).elf);
  EXPECT_TRUE(good({"-e", "core", "dump"}).exclude_unused_vm) << "without --work-dir";
  EXPECT_TRUE(good({"--split", "--dedup", "core", "a", "b"}).dedup);
  EXPECT_EQ(good({"--split", "-L", "1M", "core", "a", "b"}).size_limit, 1U << 20);
}

TEST(Combinations, OneModeAtATime) {
  const std::vector<Words> modes = {{"-R"},          {"--reassemble"},       {"--dump-dmesg"},
                                    {"--mem-usage"}, {"-g", "n", "-x", "v"}, {"--levels"},
                                    {"--estimate"}};
  for (const Words& one : modes) {
    for (const Words& other : modes) {
      if (one == other) continue;
      Words words = one;
      words.insert(words.end(), other.begin(), other.end());
      words.insert(words.end(), {"a", "b", "c"});
      const std::string message = bad(words);
      EXPECT_NE(message.find(one.front()), std::string::npos) << message;
      EXPECT_NE(message.find(other.front()), std::string::npos) << message;
    }
  }
}

struct ModeRow {
  Words mode;
  Words operands;
  std::vector<Words> taken;
  std::vector<Words> refused;
};

const std::vector<Words> kEverywhere = {{"-D"},
                                        {"-f"},
                                        {"--message-level", "7"},
                                        {"--num-threads", "2"},
                                        {"--non-mmap"},
                                        {"--show-stats"},
                                        {"--check-params"},
                                        {"-b", "4"},
                                        {"--cyclic-buffer", "1024"},
                                        {"--work-dir", "/tmp"}};

const ModeRow kModes[] = {
    {{"-R"},
     {"dump"},
     {},
     {{"-c"},
      {"-l"},
      {"-p"},
      {"-z"},
      {"--lz4"},
      {"-d", "31"},
      {"-E"},
      {"-F"},
      {"-e"},
      {"-L", "1M"},
      {"--split"},
      {"--dry-run"},
      {"--dedup"},
      {"-x", "v"},
      {"-i", "n"},
      {"--no-btf"},
      {"--vtop", "1"},
      {"--stream", "lz4"},
      {"--stats=json"},
      {"--splitblock-size", "4"},
      {"--partial-dmesg"}}},
    {{"--reassemble"},
     {"a", "b", "out"},
     {},
     {{"-c"},
      {"-d", "31"},
      {"-E"},
      {"-F"},
      {"-e"},
      {"-L", "1M"},
      {"--split"},
      {"--dry-run"},
      {"-x", "v"},
      {"-i", "n"},
      {"--no-btf"},
      {"--stream", "lz4"},
      {"--partial-dmesg"},
      {"--dedup"}}},
    {{"--dump-dmesg"},
     {"core", "log"},
     {{"-c"},
      {"-z"},
      {"--lz4"},
      {"-d", "31"},
      {"-E"},
      {"-e"},
      {"-x", "v"},
      {"-i", "n"},
      {"--no-btf"},
      {"--partial-dmesg"}},
     {{"--split"},
      {"--dry-run"},
      {"-L", "1M"},
      {"--vtop", "1"},
      {"--stats=json"},
      {"--stream", "lz4"},
      {"--dedup"}}},
    {{"--mem-usage"},
     {"/proc/kcore"},
     {{"-c"},
      {"-d", "31"},
      {"-E"},
      {"-F"},
      {"-x", "v"},
      {"-i", "n"},
      {"--no-btf"},
      {"--stats=json"}},
     {{"--split"}, {"--dry-run"}, {"-L", "1M"}, {"--partial-dmesg"}}},
    {{"--levels"},
     {"core"},
     {{"-c"}, {"-d", "31"}, {"-x", "v"}, {"-i", "n"}, {"--no-btf"}, {"--stats=json"}},
     {{"-E"}, {"-F"}, {"-e"}, {"--split"}, {"--dry-run"}, {"-L", "1M"}, {"--partial-dmesg"}}},
    {{"--estimate"},
     {"core"},
     {{"-c"}, {"-d", "31"}, {"-x", "v"}, {"-i", "n"}, {"--no-btf"}, {"--stats=json"}},
     {{"-E"}, {"-F"}, {"-e"}, {"--split"}, {"--dry-run"}, {"-L", "1M"}, {"--partial-dmesg"}}},
    {{"-g", "note", "-x", "vmlinux"},
     {},
     {},
     {{"-c"},
      {"-d", "31"},
      {"-E"},
      {"-F"},
      {"-i", "n"},
      {"--no-btf"},
      {"--split"},
      {"--dry-run"},
      {"--partial-dmesg"},
      {"--stats=json"}}},
};

TEST(Combinations, WhatGoesWithAMode) {
  const auto line = [](const ModeRow& row, const Words& option) {
    Words words = option;
    words.insert(words.end(), row.mode.begin(), row.mode.end());
    words.insert(words.end(), row.operands.begin(), row.operands.end());
    return words;
  };
  for (const ModeRow& row : kModes) {
    for (const Words& option : kEverywhere) good(line(row, option));
    for (const Words& option : row.taken) good(line(row, option));
    for (const Words& option : row.refused) {
      const std::string message = bad(line(row, option));
      const std::string word = option.front().substr(0, option.front().find('='));
      EXPECT_NE(message.find(word), std::string::npos) << message << " for " << word;
      EXPECT_NE(message.find(row.mode.front()), std::string::npos) << message << " for " << word;
    }
  }
}

TEST(Combinations, ScriptsMayKeepOptionsOfDumpsWithDmesg) {
  good({"-E", "-c", "--dump-dmesg", "core", "log"});
  good({"-F", "-c", "-d", "31", "--dump-dmesg", "core"});
}

TEST(Combinations, DmesgOnly) {
  EXPECT_EQ(bad({"--partial-dmesg", "core", "dump"}), "--partial-dmesg needs --dump-dmesg");
}

TEST(Combinations, OneDescriptionOfTheKernel) {
  EXPECT_EQ(bad({"-x", "vmlinux", "-i", "note", "core", "dump"}),
            "-x and -i cannot be used together: both say how the kernel is laid out");
  EXPECT_NE(bad({"-x", "vmlinux", "-i", "note", "--dump-dmesg", "core", "log"}), "");
}

TEST(Combinations, CheckParamsAsKdumpUtilsCallIt) {
  for (const Words& words :
       {Words{"--check-params", "-l", "--message-level", "7", "-d", "31", "vmcore", "dumpfile"},
        Words{"--check-params", "-F", "-l", "--message-level", "7", "-d", "31", "vmcore"},
        Words{"--check-params", "-l", "-d", "31", "-F", "vmcore"}}) {
    EXPECT_TRUE(good(words).check_params);
  }
  for (const Words& words : {Words{"--check-params", "-l", "-d", "99", "vmcore", "dumpfile"},
                             Words{"--check-params", "-l", "vmcore"},
                             Words{"--check-params", "-Y", "vmcore", "dumpfile"},
                             Words{"-Y", "--check-params", "vmcore", "dumpfile"},
                             Words{"-E", "-l", "vmcore", "dumpfile", "--check-params"}}) {
    const auto parsed = parse_as("makedumpfile", words);
    EXPECT_NE(parsed.error, "") << joined(words);
    EXPECT_TRUE(parsed.options.check_params) << "known in spite of the error: " << joined(words);
  }
}

TEST(Combinations, TheFirstErrorIsTold) {
  const auto parsed = parse_as("makedumpfile", {"-d", "99", "--nonsense", "-F", "core"});
  EXPECT_EQ(parsed.error, "dump level (-d) is a number from 0 to 31, not \"99\"");
  EXPECT_TRUE(parsed.options.flattened) << "so that no text goes into the stream";
}

TEST(Combinations, Repeated) {
  EXPECT_TRUE(good({"-F", "-F", "-c", "-F", "core"}).flattened);
  const auto o = good({"-d", "1,2,3", "-d", "16,31", "-d", "8", "core", "dump"});
  EXPECT_EQ(o.dump_level, 8U);
  EXPECT_TRUE(o.retry_levels.empty()) << "the last list counts";
  EXPECT_EQ(good({"-L", "1M", "-L", "2K", "core", "dump"}).size_limit, 2048U);
}

}  // namespace
}  // namespace vmsift
