// SPDX-License-Identifier: GPL-2.0-or-later
// A VMCOREINFO text that the user gave (-i FILE, or out of -x VMLINUX) beside the one that the dump
// has of its own.
//
// Which of them a key comes from:
//   1. What a boot decides (where memory is, how large addresses are, when it crashed): the dump's.
//      A vmlinux cannot know it, and a text that was saved during another boot has other values.
//   2. SYMBOL() of something in the kernel's image: the given one, moved to where this boot has the
//      image. The distance is that of a symbol that both texts have, else the difference of
//      their KERNELOFFSET, which a text made from a vmlinux has not.
//   3. SYMBOL() of something outside of it (vmemmap, an allocated mem_section): as 1.
//   4. All else, the layout of the kernel's structures: the given one. That is what the user gives
//   a
//      text for.
// In each case the other text's value is taken where there is but one.
#pragma once

#include "mm-model/vmcoreinfo.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace vmsift {

// `image_start`: symbols of the image are there and above (Arch::image_start); 0: not known, and
// nothing is moved.
std::string merge_notes(const Vmcoreinfo& given, const Vmcoreinfo& own, std::uint64_t image_start);

// How far the image of the dump's kernel is from where `given` has it; modulo 2^64.
std::uint64_t image_shift(const Vmcoreinfo& given, const Vmcoreinfo& own);

enum class NoteMatch { same, other_release, other_build };

// Whether both texts can be of one kernel. Build ids are compared where both have 40 digits.
NoteMatch compare_notes(const Vmcoreinfo& given, const Vmcoreinfo& own);

}  // namespace vmsift
