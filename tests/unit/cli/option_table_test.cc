// SPDX-License-Identifier: GPL-2.0-or-later
// Every option of makedumpfile (its usage text of June 2026) is taken, or refused by its name.
#include "src/cli/option_table.h"

#include "compress/codec.h"
#include "tests/unit/cli/parse.h"

#include <set>

namespace vmsift {
namespace {

struct Row {
  Words words;               // a whole command line
  const char* refused = "";  // with this at the beginning of the message
};

const Row kOptions[] = {
    {{"-b", "4", "core", "dump"}},
    {{"-b", "0", "core", "dump"}},
    {{"-c", "core", "dump"}},
    {{"-l", "core", "dump"}},
    {{"-p", "core", "dump"}},
    {{"-z", "core", "dump"}},
    {{"-d", "31", "core", "dump"}},
    {{"-d", "1,16,31", "core", "dump"}},
    {{"-D", "core", "dump"}},
    {{"-e", "core", "dump"}},
    {{"-e", "--work-dir", "/tmp", "core", "dump"}},
    {{"--exclude-unused-vm", "core", "dump"}},
    {{"-E", "core", "dump"}},
    {{"-f", "core", "dump"}},
    {{"-F", "core"}},
    {{"-F", "-E", "core"}},
    {{"-g", "note", "-x", "vmlinux"}},
    {{"-h"}},
    {{"--help"}},
    {{"-i", "note", "core", "dump"}},
    {{"-L", "2G", "core", "dump"}},
    {{"-R", "dump"}},
    {{"-v"}},
    {{"-x", "vmlinux", "core", "dump"}},
    {{"--split", "core", "a", "b"}},
    {{"--splitblock-size", "4096", "--split", "core", "a", "b"}},
    {{"--reassemble", "a", "b", "dump"}},
    {{"--num-threads", "4", "core", "dump"}},
    {{"--num-threads=4", "core", "dump"}},
    {{"--cyclic-buffer", "1024", "core", "dump"}},
    {{"--work-dir", "/tmp", "core", "dump"}},
    {{"--no-btf", "core", "dump"}},
    {{"--non-mmap", "core", "dump"}},
    {{"--message-level", "31", "core", "dump"}},
    {{"--show-stats", "core", "dump"}},
    {{"--dry-run", "core", "dump"}},
    {{"--check-params", "core", "dump"}},
    {{"--dump-dmesg", "core", "log"}},
    {{"--dump-dmesg", "-F", "core"}},
    {{"--dump-dmesg", "--partial-dmesg", "core", "log"}},
    {{"--mem-usage", "/proc/kcore"}},
    {{"--vtop", "0xffffffff81000000", "core", "dump"}},
    // vmsift's own.
    {{"--lz4", "core", "dump"}},
    {{"--stream", "zstd", "-F", "core"}},
    {{"--stats=json", "core", "dump"}},
    {{"--levels", "core"}},
    {{"--estimate", "core"}},
    {{"--dedup", "core", "dump"}},
    // What vmsift does not do.
    {{"-X", "core", "dump"}, "-X is not supported: "},
    {{"--xen-syms", "xen", "core", "dump"}, "--xen-syms is not supported: "},
    {{"--xen-vmcoreinfo=xen", "core", "dump"}, "--xen-vmcoreinfo is not supported: "},
    {{"--xen_phys_start", "1000", "core", "dump"}, "--xen_phys_start is not supported: "},
    {{"--config", "erase", "-x", "vmlinux", "core", "dump"}, "--config is not supported: "},
    {{"--eppic", "script", "core", "dump"}, "--eppic is not supported: "},
    {{"--extension", "gpu.so", "core", "dump"}, "--extension is not supported: "},
    {{"--diskset=a", "--diskset=b", "dump"}, "--diskset is not supported: "},
};

TEST(OptionTable, EveryOptionIsTakenOrRefusedByName) {
  for (const Row& row : kOptions) {
    const auto parsed = parse_as("makedumpfile", row.words);
    const std::string refused = row.refused;
    if (refused.empty()) {
      EXPECT_EQ(parsed.error, "") << joined(row.words);
    } else {
      EXPECT_EQ(parsed.error.substr(0, refused.size()), refused) << joined(row.words);
    }
  }
}

TEST(OptionTable, TheTableAboveLeavesNoneOut) {
  std::set<std::string> seen;
  for (const Row& row : kOptions) {
    for (const std::string& word : row.words) seen.insert(word.substr(0, word.find('=')));
  }
  for (const OptionRow& row : option_rows()) {
    if (row.letter != 0) {
      EXPECT_TRUE(seen.contains(std::string{'-', row.letter})) << row.letter;
    } else {
      EXPECT_TRUE(seen.contains(std::string("--") + row.name)) << row.name;
    }
  }
}

TEST(OptionTable, NoLetterOrNameIsTakenTwice) {
  std::string letters;
  std::set<std::string> names;
  for (const OptionRow& row : option_rows()) {
    EXPECT_TRUE(row.letter != 0 || row.name != nullptr);
    if (row.letter != 0) letters += row.letter;
    if (row.name != nullptr) {
      EXPECT_TRUE(names.insert(row.name).second) << row.name;
    }
  }
  for (const Codec* codec : all_codecs()) {
    if (codec->option != 0) letters += codec->option;
  }
  EXPECT_EQ(std::set<char>(letters.begin(), letters.end()).size(), letters.size()) << letters;
}

TEST(OptionTable, ValuesThatAreMissing) {
  for (const OptionRow& row : option_rows()) {
    if (row.argument != required_argument) continue;
    if (row.letter != 0) {
      const std::string word{'-', row.letter};
      EXPECT_EQ(bad({"core", "dump", word}), "option \"" + word + "\" needs a value");
    }
    if (row.name != nullptr) {
      const std::string word = std::string("--") + row.name;
      EXPECT_EQ(bad({"core", "dump", word}), "option \"" + word + "\" needs a value");
    }
  }
}

TEST(OptionTable, ValuesThatAreNotTaken) {
  for (const OptionRow& row : option_rows()) {
    if (row.argument != no_argument || row.name == nullptr) continue;
    const std::string word = std::string("--") + row.name + "=1";
    EXPECT_EQ(bad({"core", "dump", word}), "option \"" + word + "\" takes no value");
  }
}

}  // namespace
}  // namespace vmsift
