// SPDX-License-Identifier: GPL-2.0-or-later
// libFuzzer's entry for one target; the build says which.
#include "tests/fuzz/targets.h"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  vmsift::fuzz::FUZZ_TARGET(std::as_bytes(std::span(data, size)));
  return 0;
}
