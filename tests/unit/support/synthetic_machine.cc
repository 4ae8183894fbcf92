// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/support/synthetic_machine.h"

#include "tests/unit/support/synthetic_kernel.h"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace vmsift::test {

namespace {

struct Named {
  std::string_view name;
  Machine (*make)(const KernelShape& shape);
};
constexpr Pfn kEmptyTables = 0x304;  // behind the root

class EmptyEntries {
 public:
  explicit EmptyEntries(SyntheticKernel& kernel) : kernel_(kernel), machine_(kernel.machine()) {}

  void link(PhysAddr table, std::size_t depth) {
    if (depth + 1 == machine_.levels.size()) return;
    const PhysAddr empty = kernel_.own(kEmptyTables + depth);
    const std::uint64_t to_empty = machine_.table(empty.value, 0, machine_);
    const std::uint64_t to_memory = machine_.table(0, 0, machine_);
    if (table != empty) link(empty, depth + 1);
    for (std::uint64_t i = 0; i < std::uint64_t{1} << machine_.levels[depth].bits; ++i) {
      const PhysAddr at = table + i * machine_.entry_bytes;
      const std::uint64_t entry = kernel_.get_word(at);
      if (entry == 0) {
        kernel_.put_word(at, to_empty);
      } else if (entry != to_empty && entry >> 60 == to_memory >> 60) {
        link({entry - to_memory}, depth + 1);
      }
    }
  }

 private:
  SyntheticKernel& kernel_;
  const Machine& machine_;
};

constexpr std::array<Named, 13> kMachines = {{
    {"arm", make_arm},
    {"arm64", make_arm64},
    {"i386", make_i386},
    {"loongarch64", make_loongarch64},
    {"made-up", make_made_up},
    {"mips64", make_mips64},
    {"ppc", make_ppc32},
    {"ppc64", make_ppc64},
    {"riscv64", make_riscv64},
    {"s390x", make_s390x},
    {"sh", make_sh},
    {"sparc64", make_sparc64},
    {"x86_64", make_x86_64},
}};

}  // namespace

std::vector<PageTableLevel> levels_of_pages(unsigned page_shift, unsigned top) {
  std::vector<PageTableLevel> levels;
  for (unsigned shift = page_shift; shift < top;) {
    const unsigned bits = std::min(page_shift - 3, top - shift);
    levels.push_back({static_cast<std::uint8_t>(shift), static_cast<std::uint8_t>(bits)});
    shift += bits;
  }
  std::reverse(levels.begin(), levels.end());
  return levels;
}

void link_empty_entries(SyntheticKernel& kernel) {
  EmptyEntries(kernel).link(kernel.pgd(), 0);
}

LowMemoryVariant low_memory_variant(const KernelShape& shape, const std::string& wide) {
  const std::string& variant = shape.variant;
  if (variant.empty()) return {};
  if (variant == wide) return {.wide = true};
  if (variant == "2g") return {.at_2g = true};
  if (variant == wide + "-2g") return {.wide = true, .at_2g = true};
  throw std::runtime_error(variant + " is no variant of " + shape.machine);
}

Machine make_machine(const KernelShape& shape) {
  std::string_view name = shape.machine;
  if (name.empty()) name = shape.made_up_word != 0 ? "made-up" : "x86_64";
  const auto at = std::find_if(kMachines.begin(), kMachines.end(),
                               [name](const Named& m) { return m.name == name; });
  if (at == kMachines.end()) throw std::runtime_error(std::string(name) + " is no machine");
  return at->make(shape);
}

}  // namespace vmsift::test
