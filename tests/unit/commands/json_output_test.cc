// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/commands/json_output.h"

#include "tests/unit/support/temp_dir.h"
#include "tests/unit/support/test_bytes.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

namespace vmsift {
namespace {

class JsonOutputTest : public testing::Test {
 protected:
  [[nodiscard]] Options options(const std::string& json) const {
    Options o;
    o.inputs = {dir_.file("core")};
    o.outputs = {dir_.file("dump")};
    o.json = json;
    return o;
  }
  test::TempDir dir_;
};

TEST_F(JsonOutputTest, WithoutTheOptionNothingIsWritten) {
  testing::internal::CaptureStdout();
  EXPECT_TRUE(write_json(Options{}, "{}\n"));
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

TEST_F(JsonOutputTest, GoesToTheStandardOutput) {
  testing::internal::CaptureStdout();
  EXPECT_TRUE(write_json(options(""), "{}\n"));
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "{}\n");
}

TEST_F(JsonOutputTest, ReplacesAFile) {
  test::write_file(dir_.file("json"), test::text_bytes("something longer than the text"));
  ASSERT_TRUE(write_json(options(dir_.file("json")), "{}\n"));
  EXPECT_EQ(test::read_text(dir_.file("json")), "{}\n");
  const auto failed = write_json(options(dir_.file("no/where")), "{}\n");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.message(), "--stats: " + dir_.file("no/where") + ": No such file or directory");
}

TEST_F(JsonOutputTest, NeverReplacesTheDumpOrItsInput) {
  for (const char* name : {"core", "dump"}) {
    test::write_file(dir_.file(name), test::text_bytes("precious"));
    ASSERT_EQ(::symlink(name, dir_.file("link").c_str()), 0);
    EXPECT_FALSE(write_json(options(dir_.file(name)), "{}\n"));
    EXPECT_FALSE(write_json(options(dir_.file("link")), "{}\n"));
    EXPECT_EQ(test::read_text(dir_.file(name)), "precious");
    ASSERT_EQ(::unlink(dir_.file("link").c_str()), 0);
  }
}

TEST_F(JsonOutputTest, PipesTakeItToo) {
  ASSERT_EQ(::mkfifo(dir_.file("pipe").c_str(), 0600), 0);
  std::string got;
  std::thread reader([&] { got = test::read_text(dir_.file("pipe")); });
  EXPECT_TRUE(write_json(options(dir_.file("pipe")), "{}\n"));
  reader.join();
  EXPECT_EQ(got, "{}\n");
}

}  // namespace
}  // namespace vmsift
