// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/commands/commands_fixture.h"
#include "tests/unit/support/json_check.h"

#include <filesystem>

namespace vmsift {
namespace {

using test::mixed_pages;

class LevelsTest : public test::CommandsFixture {};

TEST_F(LevelsTest, ForetellsTheSizesOfDumps) {
  write_core(mixed_pages(700, kPage), test::elf_note("CORE", NT_PRSTATUS, test::noise(5000, 1)));
  const auto done = run({"--levels=zlib,lzo,none", "--stats=json", core()});
  ASSERT_EQ(done.status, kExitOk) << done.error;
  const auto values = test::JsonCheck::read(done.out);
  ASSERT_TRUE(values) << done.out;
  for (const auto& [option, name] :
       {std::pair{"-c", "zlib"}, std::pair{"-l", "lzo"}, std::pair{"-D", "none"}}) {
    for (const char* level : {"0", "1"}) {
      ASSERT_EQ(run({"-f", option, "-d", level, core(), dump()}).status, kExitOk);
      EXPECT_EQ(values->at(std::string("levels[") + level + "].dump_bytes." + name),
                std::to_string(std::filesystem::file_size(dump())));
    }
  }
}

TEST_F(LevelsTest, MeasuresTheCodecThatIsAskedFor) {
  write_core(mixed_pages(20, kPage));
  const auto columns = [&](const std::vector<std::string>& words) {
    const auto out = run(words).out;
    std::string found;
    for (const Codec* codec : all_codecs()) {
      if (out.find(" " + std::string(codec->name) + "\n") != std::string::npos ||
          out.find(" " + std::string(codec->name) + " ") != std::string::npos) {
        found += std::string(codec->name) + " ";
      }
    }
    return found;
  };
  EXPECT_EQ(columns({"--levels", core()}), "none ");
  EXPECT_EQ(columns({"--levels", "-z", core()}), "zstd ");
  EXPECT_EQ(columns({"--levels=lzo,zlib", core()}), "zlib lzo ");
}

TEST_F(LevelsTest, SaysWhenPagesAreLost) {
  write_core(mixed_pages(50, kPage));
  auto image = test::read_file(core());
  image.resize(image.size() - 3 * kPage);
  test::write_file(core(), image);
  const auto done = run({"--levels", core()});
  EXPECT_EQ(done.status, kExitFailed);
  EXPECT_NE(done.err.find("3 pages could not be read"), std::string::npos) << done.err;
}

}  // namespace
}  // namespace vmsift
