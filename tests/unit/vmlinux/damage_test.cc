// SPDX-License-Identifier: GPL-2.0-or-later
// Damaged kernels: an error or a text, and an end.
#include "src/base/file.h"
#include "src/vmlinux/describe.h"
#include "tests/unit/support/temp_dir.h"
#include "tests/unit/support/test_bytes.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

namespace vmsift {
namespace {

using test::Bytes;
using test::Random;

Bytes read_kernel(const char* name) {
  return test::read_file(std::string(VMSIFT_TEST_KERNELS "/") + name);
}

// By way of a file in memory: there are some thousand.
Result<std::string> describe(const Bytes& bytes) {
  const File file(::memfd_create("vmlinux", MFD_CLOEXEC), "memfd");
  if (auto written = file.write_at(0, bytes); !written) return written.take_error();
  return describe_vmlinux(fmt::format("/proc/self/fd/{}", file.fd()));
}

TEST(Damage, CutShort) {
  for (const char* name : {"kernel_61", "kernel_63"}) {
    const Bytes whole = read_kernel(name);
    ASSERT_TRUE(describe(whole));
    for (std::size_t size = 0; size < whole.size(); size += 1 + whole.size() / 200) {
      const auto text = describe(Bytes(whole.begin(), whole.begin() + static_cast<long>(size)));
      EXPECT_FALSE(text) << size << " of " << whole.size();
      EXPECT_EQ(text.message().find('\n'), std::string::npos);
    }
  }
}

// The section headers and the debug information get most of it: sizes, offsets, references.
TEST(Damage, Anywhere) {
  Random random(1);
  for (const char* name : {"kernel_414", "kernel_61", "kernel_63", "kernel_611"}) {
    const Bytes whole = read_kernel(name);
    for (int i = 0; i < 2000; ++i) {
      Bytes bytes = whole;
      for (auto edits = 1 + random.below(20); edits != 0; --edits) {
        const std::size_t at = random.below(2) != 0 ? random.below(bytes.size())
                                                    : bytes.size() - 1 - random.below(6000);
        bytes[at] = random.below(3) == 0 ? std::byte{0xff} : static_cast<std::byte>(random.next());
      }
      const auto text = describe(bytes);
      EXPECT_TRUE(text || !text.message().empty());
    }
  }
}

}  // namespace
}  // namespace vmsift
