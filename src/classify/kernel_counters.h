// SPDX-License-Identifier: GPL-2.0-or-later
// Pages of a class as the kernel itself counts them, beside free ones: vm_node_stat[] (mm/vmstat.c,
// 4.8 and later), vm_zone_stat[] and the pools of huge pages, hstates[] (mm/hugetlb.c). No note
// names them; the kernel's own type information does (BTF).
#pragma once

#include "filters/page_class.h"
#include "mm-model/address_space.h"
#include "mm-model/vmcoreinfo.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace vmsift {

struct KernelCounter {
  std::string_view what;           // names the pages in plural
  std::string_view name;           // of the counter
  std::vector<PageClass> classes;  // ours that it counts together
  std::uint64_t pages = 0;
};

// The counters that can be read and make sense. Per-CPU counts that are not added yet are missing
// in them, so that one may also read as less than there is.
std::vector<KernelCounter> read_kernel_counters(const Vmcoreinfo& note, AddressSpace& memory);

// An item of vm_zone_stat[], where the note has its place: of all zones of all nodes.
std::optional<std::uint64_t> read_zone_counter(const char* item, const Vmcoreinfo& note,
                                               AddressSpace& memory);

}  // namespace vmsift
