// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/base/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>

namespace vmsift {
namespace {

TEST(Result, CarriesAValueThatCanOnlyBeMoved) {
  Result<std::unique_ptr<int>> r(std::make_unique<int>(7));
  ASSERT_TRUE(r.ok());
  EXPECT_EQ(**r, 7);
  const std::unique_ptr<int> taken = std::move(*r);
  EXPECT_EQ(*taken, 7);
}

TEST(Result, ErrorsGrowContextFromTheOutside) {
  Result<int> r(error("{} bytes are missing", 12));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.message(), "12 bytes are missing");
  EXPECT_EQ(r.take_error().context("notes").context("core").message(),
            "core: notes: 12 bytes are missing");
}

TEST(Result, ContextKeepsTheKindOfAnError) {
  EXPECT_EQ(error("x").kind(), ErrorKind::failure);
  EXPECT_EQ(Error("x", ErrorKind::mismatch).context("core").kind(), ErrorKind::mismatch);
}

TEST(Result, OfNothing) {
  Result<void> good;
  EXPECT_TRUE(good);
  Result<void> bad(error("no"));
  EXPECT_FALSE(bad);
  EXPECT_EQ(bad.take_error().message(), "no");
}

TEST(Result, SystemErrorsNameTheirReason) {
  EXPECT_EQ(system_error(ENOENT, "core").message(), "core: No such file or directory");
}

}  // namespace
}  // namespace vmsift
