// SPDX-License-Identifier: GPL-2.0-or-later
// make_large GIB VMCORE: a machine of so many GiB, a power of two up to 4096; says as JSON how many
// page frames it has, how many of them are free and how many level 31 keeps.
#include "tests/synthetic/large_machine.h"

#include <cstdio>
#include <cstdlib>
#include <exception>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: make_large GIB VMCORE\n", stderr);
    return 2;
  }
  try {
    const auto gib = static_cast<std::uint64_t>(std::strtoul(argv[1], nullptr, 10));
    const vmsift::test::LargeMachine machine = vmsift::test::make_large_machine(gib * 8);
    vmsift::test::write_large_vmcore(argv[2], machine);
    std::printf("{\"pages\": %ju, \"free\": %ju, \"kept\": %ju}\n",
                static_cast<std::uintmax_t>(machine.pages),
                static_cast<std::uintmax_t>(machine.free),
                static_cast<std::uintmax_t>(machine.kept));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "make_large: %s\n", e.what());
    return 1;
  }
  return 0;
}
