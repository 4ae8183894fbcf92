// SPDX-License-Identifier: GPL-2.0-or-later
// make_synthetic CASE VMCORE EXPECTATION
#include "tests/synthetic/vmcore_file.h"

#include <cstdio>
#include <exception>
#include <fstream>

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: make_synthetic CASE VMCORE EXPECTATION\n", stderr);
    return 2;
  }
  try {
    const vmsift::test::Case c = vmsift::test::read_case(argv[1]);
    vmsift::test::write_vmcore(argv[2], *c.kernel);
    std::ofstream(argv[3]) << vmsift::test::expectation(c);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "make_synthetic: %s\n", e.what());
    return 1;
  }
  return 0;
}
