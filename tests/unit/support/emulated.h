// SPDX-License-Identifier: GPL-2.0-or-later
// What QEMU's user-mode emulation (7.2), under which the tests of other hosts run, does not do as a
// kernel does. A test of such a thing is skipped there, and by that name.
#pragma once

#include <bit>

namespace vmsift::test {

#ifdef VMSIFT_EMULATED
constexpr bool kEmulated = true;
#else
constexpr bool kEmulated = false;
#endif

// setrlimit() of RLIMIT_AS and RLIMIT_DATA does nothing and says that it did.
constexpr bool kLimitsAreSet = !kEmulated;
// posix_spawn() succeeds where the program is not there: the child shares no memory with its
// parent.
constexpr bool kSpawnTells = !kEmulated;
// execve() knows the host's programs alone.
constexpr bool kStartsItself = !kEmulated;
// Of a fault in a file that was cut, halves of si_addr are swapped where the host's byte order is
// another.
constexpr bool kFaultsHaveAddresses = !kEmulated || std::endian::native == std::endian::little;
constexpr const char* kNoFaultAddress = "a fault has no address under emulation";

}  // namespace vmsift::test
