// SPDX-License-Identifier: GPL-2.0-or-later
// vmsift-vmcoreinfo VMLINUX: writes the text that this kernel's VMCOREINFO note would hold to
// stdout. A program of its own, so that vmsift itself needs no library for debug information: the
// initramfs of a crash kernel goes without both.
#include "src/vmlinux/describe.h"

#include <sys/resource.h>

#include <cstdio>
#include <exception>

namespace {

// A bound on what a hostile file can make libelf and libdw do, whatever that is: a vmlinux of
// 630 MB takes some seconds and 100 MB; unpacking its sections up to 2 GB.
void limit_resources() {
  constexpr rlim_t kCpuSeconds = 120;
  [[maybe_unused]] constexpr rlim_t kDataBytes = rlim_t{4} << 30;
  const auto lower = [](auto resource, rlim_t most) {
    rlimit limit{};
    if (::getrlimit(resource, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max < most ? limit.rlim_max : most;
    ::setrlimit(resource, &limit);
  };
  lower(RLIMIT_CPU, kCpuSeconds);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they map terabytes
  lower(RLIMIT_DATA, kDataBytes);
#endif
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("Usage: vmsift-vmcoreinfo VMLINUX\n", stderr);
    return 1;
  }
  limit_resources();
  try {
    auto text = vmsift::describe_vmlinux(argv[1]);
    if (!text) {
      std::fprintf(stderr, "vmsift-vmcoreinfo: %s\n", text.message().c_str());
      return 1;
    }
    if (std::fwrite(text->data(), 1, text->size(), stdout) != text->size() ||
        std::fflush(stdout) != 0) {
      std::perror("vmsift-vmcoreinfo: stdout");
      return 1;
    }
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "vmsift-vmcoreinfo: %s\n", e.what());
  }
  return 1;
}
