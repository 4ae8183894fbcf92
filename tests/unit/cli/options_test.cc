// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/cli/parse.h"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <vector>

namespace vmsift {
namespace {

TEST(Options, Defaults) {
  const auto o = good({"core", "dump"});
  EXPECT_EQ(o.command, Command::create);
  EXPECT_EQ(o.vmcore(), "core");
  EXPECT_EQ(o.dumpfile(), "dump");
  EXPECT_EQ(o.codec->name, "none");
  EXPECT_FALSE(o.codec_given);
  EXPECT_EQ(o.dump_level, 0U);
  EXPECT_FALSE(o.overwrite);
  EXPECT_FALSE(o.dry_run);
  EXPECT_FALSE(o.non_mmap);
  EXPECT_TRUE(o.use_btf);
  EXPECT_EQ(o.threads, 0U);
  EXPECT_EQ(o.message_level, 7U);
  EXPECT_FALSE(o.json);
  EXPECT_TRUE(o.level_codecs.empty());
}

TEST(Options, EveryOptionInAnyOrderAroundTheOperands) {
  std::vector<std::vector<std::string>> groups = {{"-d", "31"},
                                                  {"-z"},
                                                  {"-f"},
                                                  {"--num-threads", "3"},
                                                  {"core"},
                                                  {"--non-mmap"},
                                                  {"--no-btf"},
                                                  {"-i", "note"},
                                                  {"--stats=json:out"},
                                                  {"--show-stats"},
                                                  {"--message-level", "1"},
                                                  {"-D"}};
  std::sort(groups.begin(), groups.end());
  // Each group first, last and in the middle once; "dump" always stands behind "core".
  for (std::size_t turn = 0; turn < groups.size(); ++turn) {
    std::rotate(groups.begin(), groups.begin() + 1, groups.end());
    std::vector<std::string> words;
    for (const auto& g : groups) words.insert(words.end(), g.begin(), g.end());
    words.insert(
        words.begin() + static_cast<std::ptrdiff_t>(std::find(words.begin(), words.end(), "core") -
                                                    words.begin() + 1),
        "dump");
    const auto o = good(words);
    EXPECT_EQ(o.dump_level, 31U);
    EXPECT_EQ(o.codec->name, "zstd");
    EXPECT_TRUE(o.overwrite);
    EXPECT_EQ(o.threads, 3U);
    EXPECT_TRUE(o.non_mmap);
    EXPECT_FALSE(o.use_btf);
    EXPECT_EQ(o.vmcoreinfo_file, "note");
    EXPECT_EQ(o.json, "out");
    EXPECT_EQ(o.message_level, 1U | 8U | 16U) << "-D and --show-stats add, wherever they stand";
    EXPECT_EQ(o.vmcore(), "core");
    EXPECT_EQ(o.dumpfile(), "dump");
  }
}

TEST(Options, BundledShortOptions) {
  for (const auto& words :
       std::initializer_list<std::vector<std::string>>{{"-lfd31", "core", "dump"},
                                                       {"-lfd", "31", "core", "dump"},
                                                       {"core", "-fld31", "dump"},
                                                       {"-fd31", "-l", "core", "dump"}}) {
    const auto o = good(words);
    EXPECT_EQ(o.codec->name, "lzo");
    EXPECT_TRUE(o.overwrite);
    EXPECT_EQ(o.dump_level, 31U);
  }
  const auto o = good({"-fDinote", "core", "dump"});
  EXPECT_EQ(o.vmcoreinfo_file, "note");
  EXPECT_EQ(o.message_level, 15U);
}

TEST(Options, TheLastCodecCounts) {
  EXPECT_EQ(good({"-c", "core", "dump"}).codec->name, "zlib");
  EXPECT_EQ(good({"-l", "core", "dump"}).codec->name, "lzo");
  EXPECT_EQ(good({"-p", "core", "dump"}).codec->name, "snappy");
  EXPECT_EQ(good({"-z", "core", "dump"}).codec->name, "zstd");
  EXPECT_EQ(good({"--lz4", "core", "dump"}).codec->name, "lz4");
  EXPECT_EQ(good({"-clpz", "core", "dump"}).codec->name, "zstd");
  EXPECT_EQ(good({"-z", "--lz4", "-p", "core", "dump"}).codec->name, "snappy");
  EXPECT_EQ(good({"-z", "core", "dump", "--lz4"}).codec->name, "lz4");
  EXPECT_TRUE(good({"-z", "core", "dump"}).codec_given);
}

TEST(Options, LongOptionsMayBeShortened) {
  EXPECT_TRUE(good({"--dr", "core"}).dry_run);
  EXPECT_EQ(good({"--mess=9", "core", "dump"}).message_level, 9U);
  EXPECT_EQ(good({"--num", "2", "core", "dump"}).threads, 2U);
  EXPECT_TRUE(good({"--force", "core", "dump"}).overwrite);
  EXPECT_EQ(good({"--vm=note", "core", "dump"}).vmcoreinfo_file, "note");
  EXPECT_EQ(good({"--vers"}).command, Command::version);
  EXPECT_EQ(good({"--he"}).command, Command::help);
  EXPECT_EQ(good({"--levels", "core"}).command, Command::levels);
}

TEST(Options, HelpAndVersionNeedNoOperands) {
  for (const char* word : {"-h", "--help"}) EXPECT_EQ(good({word}).command, Command::help);
  for (const char* word : {"-v", "--version"}) EXPECT_EQ(good({word}).command, Command::version);
  EXPECT_EQ(good({"-h", "--levels"}).command, Command::help) << "who asks for help gets it";
  EXPECT_EQ(good({"--levels", "-v"}).command, Command::version);
}

TEST(Options, UnknownOptions) {
  EXPECT_EQ(bad({"-y", "core", "dump"}), "unknown option \"-y\"");
  EXPECT_EQ(bad({"-ly", "core", "dump"}), "unknown option \"-y\"");
  EXPECT_EQ(bad({"-yl", "core", "dump"}), "unknown option \"-y\"");
  EXPECT_EQ(bad({"core", "dump", "-l", "-Q"}), "unknown option \"-Q\"");
  EXPECT_EQ(bad({"--nonsense", "core", "dump"}), "unknown or ambiguous option \"--nonsense\"");
  EXPECT_EQ(bad({"--n", "core", "dump"}), "unknown or ambiguous option \"--n\"");
  EXPECT_EQ(bad({"--l", "core"}), "unknown or ambiguous option \"--l\"");
  EXPECT_EQ(bad({"--ver=1", "core"}), "option \"--ver=1\" takes no value");
  EXPECT_EQ(bad({"--dry-run=yes", "core"}), "option \"--dry-run=yes\" takes no value");
  EXPECT_EQ(bad({"--force=", "core", "dump"}), "option \"--force=\" takes no value");
}

TEST(Options, ValuesThatAreMissing) {
  EXPECT_EQ(bad({"core", "dump", "-d"}), "option \"-d\" needs a value");
  EXPECT_EQ(bad({"core", "dump", "-lfd"}), "option \"-lfd\" needs a value");
  EXPECT_EQ(bad({"core", "dump", "-i"}), "option \"-i\" needs a value");
  for (const char* word : {"--num-threads", "--message-level", "--stats", "--vmcoreinfo"}) {
    EXPECT_EQ(bad({"core", "dump", word}), std::string("option \"") + word + "\" needs a value");
  }
}

TEST(Options, Numbers) {
  for (unsigned level = 0; level <= 31; ++level) {
    EXPECT_EQ(good({"-d", std::to_string(level), "core", "dump"}).dump_level, level);
  }
  EXPECT_EQ(good({"-d031", "core", "dump"}).dump_level, 31U);
  for (const char* text : {"32", "-1", "", "x", "3x", "0x1f", " 3", "3 ", "+3", "4294967296",
                           "99999999999999999999", "1.5"}) {
    EXPECT_EQ(bad({"-d", text, "core", "dump"}),
              std::string("dump level (-d) is a number from 0 to 31, not \"") + text + "\"");
  }
  EXPECT_EQ(good({"--num-threads=1024", "core", "dump"}).threads, 1024U);
  EXPECT_EQ(good({"--num-threads=1025", "core", "dump"}).threads, 1024U)
      << "a dump is worth more than the exact number";
  EXPECT_EQ(bad({"--num-threads=4294967296", "core", "dump"}),
            "--num-threads is a number from 0 to 4294967295, not \"4294967296\"");
  EXPECT_EQ(bad({"--message-level=32", "core", "dump"}),
            "--message-level is a number from 0 to 31, not \"32\"");
}

TEST(Options, MessageLevelsAddUpInAnyOrder) {
  EXPECT_EQ(good({"-D", "core", "dump"}).message_level, 15U);
  EXPECT_EQ(good({"-D", "--message-level", "0", "core", "dump"}).message_level, 8U);
  EXPECT_EQ(good({"--message-level", "0", "-D", "core", "dump"}).message_level, 8U);
  EXPECT_EQ(good({"--show-stats", "--message-level=1", "core", "dump"}).message_level, 17U);
  EXPECT_EQ(good({"--message-level=1", "--message-level=4", "core", "dump"}).message_level, 4U);
}

TEST(Options, Statistics) {
  EXPECT_EQ(good({"--stats=json", "core", "dump"}).json, "");
  EXPECT_EQ(good({"--stats=json:", "core", "dump"}).json, "");
  EXPECT_EQ(good({"--stats", "json:a:b", "core", "dump"}).json, "a:b");
  for (const char* text : {"", "xml", "jsonfile", "JSON"}) {
    EXPECT_EQ(bad({std::string("--stats=") + text, "core", "dump"}),
              std::string("--stats takes json or json:FILE, not \"") + text + "\"");
  }
}

TEST(Options, Levels) {
  const auto names = [](const Options& o) {
    std::string text;
    for (const Codec* c : o.level_codecs) text += std::string(c->name) + " ";
    return text;
  };
  EXPECT_EQ(names(good({"--levels", "core"})), "");
  EXPECT_EQ(names(good({"--levels=zlib", "core"})), "zlib ");
  EXPECT_EQ(names(good({"--levels=zlib,lz4,none", "core"})), "zlib lz4 none ");
  EXPECT_EQ(names(good({"--levels=zlib,lzo,zlib", "core"})), "zlib lzo ") << "one column a codec";
  EXPECT_EQ(good({"--levels", "core"}).vmcore(), "core");
  EXPECT_EQ(bad({"--levels=zip", "core"}), "--levels: no codec is named \"zip\"");
  EXPECT_EQ(bad({"--levels=zlib,,lzo", "core"}), "--levels: no codec is named \"\"");
  EXPECT_EQ(bad({"--levels=Zlib", "core"}), "--levels: no codec is named \"Zlib\"");
  EXPECT_EQ(names(good({"--estimate=zlib,lzo"})), "zlib lzo ");
  EXPECT_EQ(bad({"--estimate=zip"}), "--estimate: no codec is named \"zip\"");
}

}  // namespace
}  // namespace vmsift
