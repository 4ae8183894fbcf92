// SPDX-License-Identifier: GPL-2.0-or-later
// What the kernel says of its own types, where its note does not: through the table of symbols that
// the note points to, its BTF is found in the dump, and keys that the note lacks are derived from
// it. A kernel that is newer than this program, and whose note is therefore not enough, still tells
// how its struct page looks.
//
// The note wins. Where both speak of what decides on pages and contradict each other, one of them
// is damaged; then neither is believed, and the rules that need the key are off.
#pragma once

#include "mm-model/address_space.h"
#include "mm-model/vmcoreinfo.h"

#include <string>
#include <vector>

namespace vmsift {

struct BtfUse {
  bool used = false;
  std::string reason;                     // why not
  std::vector<std::string> supplied;      // keys that the note has from there now
  std::vector<std::string> contradicted;  // keys that the note has lost
};

// Adds to `note` and takes out of it.
BtfUse supply_from_btf(Vmcoreinfo& note, ByteOrder order, AddressSpace& memory);

}  // namespace vmsift
