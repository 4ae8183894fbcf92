// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/estimate/crash_kernel.h"

#include "src/base/file.h"

#include <fcntl.h>

#include <array>
#include <charconv>

namespace vmsift {
namespace {

std::uint64_t read_number(const std::string& path) {
  auto file = File::open(path, O_RDONLY);
  if (!file) return 0;
  std::array<char, 32> text{};
  auto got = file->read_at(0, std::as_writable_bytes(std::span(text)));
  std::uint64_t value = 0;
  if (got) std::from_chars(text.data(), text.data() + *got, value);
  return value;
}

}  // namespace

CrashKernel read_crash_kernel(const std::string& root) {
  return {read_number(root + "/sys/kernel/kexec_crash_loaded") == 1,
          read_number(root + "/sys/kernel/kexec_crash_size")};
}

}  // namespace vmsift
