// SPDX-License-Identifier: GPL-2.0-or-later
// Every architecture, one line each.
#include "arch/arch.h"

#include <algorithm>
#include <array>

namespace vmsift {

extern const Arch kX86_64;

namespace {

constexpr std::array<const Arch*, 1> kArchs = {
    &kX86_64,
};

}  // namespace

std::span<const Arch* const> all_archs() {
  return kArchs;
}

const Arch* find_arch(std::uint16_t elf_machine, std::string_view name,
                      std::span<const Arch* const> archs) {
  const auto it = std::find_if(archs.begin(), archs.end(), [=](const Arch* a) {
    return elf_machine != 0 ? a->elf_machine == elf_machine : a->name == name;
  });
  return it == archs.end() ? nullptr : *it;
}

}  // namespace vmsift
