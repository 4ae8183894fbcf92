// SPDX-License-Identifier: GPL-2.0-or-later
// Every architecture, one line each.
#include "arch/arch.h"

#include <algorithm>
#include <array>

namespace vmsift {

extern const Arch kArm;
extern const Arch kArm64;
extern const Arch kLoongarch64;
extern const Arch kMips64;
extern const Arch kPpc32;
extern const Arch kPpc64;
extern const Arch kRiscv64;
extern const Arch kS390x;
extern const Arch kX86_64;

namespace {

constexpr std::array<const Arch*, 9> kArchs = {
    &kArm, &kArm64, &kLoongarch64, &kMips64, &kPpc32, &kPpc64, &kRiscv64, &kS390x, &kX86_64,
};

bool is_named(const Arch& arch, std::string_view name) {
  if (name == arch.name) return true;
  for (std::string_view rest = arch.other_names; !rest.empty();) {
    const std::string_view other = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(rest.size(), other.size() + 1));
    if (name == other) return true;
    if (other.ends_with('*') && name.starts_with(other.substr(0, other.size() - 1))) return true;
  }
  return false;
}

}  // namespace

std::span<const Arch* const> all_archs() {
  return kArchs;
}

const Arch* find_arch(std::uint16_t elf_machine, std::string_view name, unsigned word_bytes,
                      std::span<const Arch* const> archs) {
  const auto it = std::find_if(archs.begin(), archs.end(), [=](const Arch* a) {
    return a->word_bytes == word_bytes &&
           (elf_machine != 0 ? a->elf_machine == elf_machine : is_named(*a, name));
  });
  return it == archs.end() ? nullptr : *it;
}

const Arch* find_arch(const DumpInfo& dump, std::span<const Arch* const> archs) {
  return find_arch(dump.machine, dump.machine_name, kdump::word_bytes(dump.abi), archs);
}

}  // namespace vmsift
