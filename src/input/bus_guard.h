// SPDX-License-Identifier: GPL-2.0-or-later
// Survives SIGBUS under a file mapping: a disk that fails to read, or a file that somebody cuts
// while it is mapped, must cost the pages concerned and not the dump.
//
// The handler puts a zero page under the faulting address and notes the fault; the thread that used
// the mapping asks faulted() when it is done with the bytes and reads them again by pread, which
// reports the error properly. A SIGBUS anywhere else kills the program as it always did.
#pragma once

#include <cstddef>

namespace vmsift {

// Names [base, base + size) as the calling thread's mapping that may fault; one a thread.
class BusGuard {
 public:
  static void watch(const void* base, std::size_t size);
  static void unwatch();
  // Whether a fault was patched since watch().
  static bool faulted();
};

}  // namespace vmsift
