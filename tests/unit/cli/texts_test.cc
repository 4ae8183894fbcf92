// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/cli/texts.h"

#include "src/cli/option_table.h"
#include "tests/unit/cli/parse.h"

namespace vmsift {
namespace {

Options as(const std::string& program, const Words& words) {
  return parse_as(program, words).options;
}

TEST(Texts, TheNameOfTheProgram) {
  for (const char* name : {"makedumpfile", "/usr/bin/makedumpfile", "./vmsift-makedumpfile"}) {
    EXPECT_TRUE(as(name, {"core", "dump"}).as_makedumpfile) << name;
    EXPECT_EQ(program_name(as(name, {"core", "dump"})), "makedumpfile");
  }
  for (const char* name : {"vmsift", "/usr/sbin/vmsift", "/opt/makedumpfile/vmsift", ""}) {
    EXPECT_FALSE(as(name, {"core", "dump"}).as_makedumpfile) << name;
    EXPECT_EQ(program_name(as(name, {"core", "dump"})), "vmsift");
  }
  Options options;
  char* none[] = {nullptr};
  EXPECT_FALSE(parse_options(0, none, options)) << "a program without even a name";
}

TEST(Texts, WhatWasSaved) {
  EXPECT_EQ(saved_line(good({"core", "d"})), "The dumpfile is saved to d.");
  EXPECT_EQ(saved_line(good({"-F", "core"})), "The dumpfile is saved to STDOUT.");
  EXPECT_EQ(saved_line(good({"-R", "d"})), "The dumpfile is saved to d.");
  EXPECT_EQ(saved_line(good({"--reassemble", "a", "b", "d"})), "The dumpfile is saved to d.");
  EXPECT_EQ(saved_line(good({"--split", "core", "a", "b"})),
            "The dumpfiles are saved to a, and b.");
  EXPECT_EQ(saved_line(good({"--split", "core", "a", "b", "c"})),
            "The dumpfiles are saved to a, b, and c.");
  EXPECT_EQ(saved_line(good({"--dump-dmesg", "core", "log"})), "The dmesg log is saved to log.");
  EXPECT_EQ(saved_line(good({"--dump-dmesg", "-F", "core"})), "The dmesg log is saved to STDOUT.");
  EXPECT_EQ(saved_line(good({"-g", "note", "-x", "vmlinux"})), "The vmcoreinfo is saved to note.");
}

TEST(Texts, TheLastLine) {
  const auto last = [](const Words& words, bool succeeded) {
    const auto options = as("makedumpfile", words);
    return last_line(options, succeeded);
  };
  for (const Words& words :
       {Words{"core", "dump"}, Words{"-F", "core"}, Words{"-R", "dump"},
        Words{"--reassemble", "a", "b", "c"}, Words{"--dump-dmesg", "core", "log"},
        Words{"-g", "note", "-x", "vmlinux"}, Words{"--dry-run", "core"}}) {
    EXPECT_EQ(last(words, true), "makedumpfile Completed.") << joined(words);
    EXPECT_EQ(last(words, false), "makedumpfile Failed.") << joined(words);
    EXPECT_EQ(last_line(good(words), true), "vmsift Completed.");
    EXPECT_EQ(last_line(good(words), false), "") << "its errors say so";
  }
  EXPECT_EQ(last({"--mem-usage", "core"}, true), "");
  EXPECT_EQ(last({"--mem-usage", "core"}, false), "makedumpfile Failed.");
  EXPECT_EQ(last({"--levels", "core"}, true), "");
  EXPECT_EQ(last({"-h"}, true), "");
  EXPECT_EQ(last({"--check-params", "core", "dump"}, true), "");
  EXPECT_EQ(last({"--check-params", "core"}, false), "");
}

TEST(Texts, Incomplete) {
  EXPECT_EQ(incomplete_line(as("makedumpfile", {"core", "dump"})),
            "This is an incomplete dumpfile, but might analyzable.");
  EXPECT_EQ(incomplete_line(good({"core", "dump"})), "");
}

TEST(Texts, BadOptions) {
  EXPECT_EQ(bad_options_text(as("makedumpfile", {"-Q"})),
            "Commandline parameter is invalid.\nTry `makedumpfile --help' for more information.");
  EXPECT_EQ(bad_options_text(as("vmsift", {"-Q"})), "Try `vmsift --help' for more information.");
}

TEST(Texts, UsageNamesEveryOption) {
  const std::string usage = usage_text();
  const auto has = [&](const std::string& word) {
    // As a word of its own: behind a blank, a comma or a line's beginning.
    for (auto at = usage.find(word); at != std::string::npos; at = usage.find(word, at + 1)) {
      const char after = usage[at + word.size()];
      if (std::string(" ,\n=[").find(after) != std::string::npos) return true;
    }
    return false;
  };
  for (const OptionRow& row : option_rows()) {
    if (row.letter != 0) {
      EXPECT_EQ(has(std::string{'-', row.letter}), row.refused == nullptr) << row.letter;
    }
    if (row.name != nullptr) {
      EXPECT_EQ(has(std::string("--") + row.name), row.refused == nullptr) << row.name;
    }
  }
  for (const Codec* codec : all_codecs()) {
    if (codec->option == 0) continue;
    EXPECT_TRUE(has(std::string{'-', codec->option})) << codec->option;
  }
  EXPECT_EQ(usage.find("makedumpfile"), std::string::npos);
  EXPECT_EQ(usage_text(as("makedumpfile", {"-h"})).find("Usage: makedumpfile [OPTION]"), 0U);
}

TEST(Texts, Version) {
  const std::string version = version_text();
  EXPECT_EQ(version.find("vmsift: version "), 0U);
  const std::string other = version_text(as("makedumpfile", {"-v"}));
  EXPECT_EQ(other.find("makedumpfile: version 1."), 0U);
  EXPECT_NE(other.find(" (released on "), std::string::npos);
  EXPECT_NE(other.find("\nvmsift\t"), std::string::npos);
  for (const Codec* codec : all_codecs()) {
    if (codec->page_flag == 0) continue;
    const std::string line = std::string(codec->name) + "\tenabled\n";
    EXPECT_NE(version.find(line), std::string::npos) << line;
    EXPECT_NE(other.find(line), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace vmsift
