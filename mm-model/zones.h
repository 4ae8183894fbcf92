// SPDX-License-Identifier: GPL-2.0-or-later
// The zones of the crashed kernel (struct zone, include/linux/mmzone.h): where their free lists are
// and how many pages of theirs the kernel itself counts as free (vm_stat[NR_FREE_PAGES]).
//
// The counter is exact under the zone's lock but for what each CPU has not yet added to it, at most
// kMostPerCpu pages a zone and CPU (calculate_normal_threshold() in mm/vmstat.c). Pages on per-CPU
// lists are not in it, nor are isolated ones; unaccepted memory is, since 6.5.
#pragma once

#include "mm-model/address_space.h"
#include "mm-model/nodes.h"
#include "mm-model/vmcoreinfo.h"
#include "src/base/result.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vmsift {

struct Zone {
  VirtAddr at;  // struct zone
  unsigned node = 0;
  unsigned index = 0;               // within the node
  std::uint64_t spanned_pages = 0;  // holes included; never 0
  PfnRange pages;  // that its pages lie in: those of its node where the zone's own are not known
};

class Zones {
 public:
  static constexpr unsigned kMostPerNode = 16;  // MAX_NR_ZONES is 6 at most so far
  static constexpr std::uint64_t kMostPerCpu = 125;

  // Zones that span any pages. Errors name the key that is missing, or the two that contradict each
  // other.
  static Result<Zones> detect(const Vmcoreinfo& note, const Nodes& nodes, AddressSpace& memory);

  [[nodiscard]] std::span<const Zone> all() const { return zones_; }

  // NR_FREE_PAGES of all zones together; nullopt: see no_free_pages().
  [[nodiscard]] std::optional<std::uint64_t> free_pages() const { return free_pages_; }
  // Why there is no such number; empty when there is.
  [[nodiscard]] const std::string& no_free_pages() const { return no_free_pages_; }

 private:
  Result<void> add_node(const Vmcoreinfo& note, const Node& node, AddressSpace& memory);
  Result<std::uint64_t> count_free(const Vmcoreinfo& note, AddressSpace& memory) const;

  std::vector<Zone> zones_;
  std::optional<std::uint64_t> free_pages_;
  std::string no_free_pages_;
};

}  // namespace vmsift
