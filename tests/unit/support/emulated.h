// SPDX-License-Identifier: GPL-2.0-or-later
// What QEMU's user-mode emulation (7.2), under which the tests of other hosts run, does not do as a
// kernel does. A test of such a thing is skipped there, and by that name.
#pragma once

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
// A fault in a file that was cut comes as a signal like any other: late or never, with an address
// whose halves may be swapped.
constexpr bool kFaultsAreTold = !kEmulated;
constexpr const char* kNoFaults = "faults are not told under emulation";

// mmap2() of what lies beyond 4 GiB in a file maps what lies 4 GiB lower.
constexpr bool kMapsBeyond4GiB = !kEmulated || sizeof(void*) == 8;

}  // namespace vmsift::test
