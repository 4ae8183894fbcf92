// SPDX-License-Identifier: GPL-2.0-or-later
// Survives SIGBUS under a file mapping: a disk that fails to read, or a file that somebody cuts
// while it is mapped, must cost the pages concerned and not the dump.
//
// The handler puts a zero page under the faulting address and notes the fault; who used the mapping
// asks faulted() when done with the bytes and reads them again by pread, which reports the error
// properly. A SIGBUS anywhere else kills the program as it always did.
#pragma once

#include <cstddef>

namespace vmsift {

// Guards one mapping at a time, whichever threads use it.
class BusGuard {
 public:
  // Mappings that can be guarded at the same time, by all threads together.
  static constexpr std::size_t kMaxMappings = 4096;

  BusGuard() = default;
  ~BusGuard() { unwatch(); }
  BusGuard(const BusGuard&) = delete;
  BusGuard& operator=(const BusGuard&) = delete;

  // From here on a SIGBUS in [base, base + size) is survived. False when too many mappings are
  // guarded already. Nobody may be using the mapping that was guarded before.
  bool watch(const void* base, std::size_t size);
  void unwatch();
  // Whether a fault was survived since watch().
  [[nodiscard]] bool faulted() const;

 private:
  std::size_t slot_ = kMaxMappings;
};

}  // namespace vmsift
