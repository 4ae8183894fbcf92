// SPDX-License-Identifier: GPL-2.0-or-later
// Looking for a kernel's image in memory, by something in it that no other kernel has.
#pragma once

#include "mm-model/address_space.h"
#include "mm-model/vmcoreinfo.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace vmsift {

// Bytes that stand in the image of one kernel.
struct ImageAnchor {
  struct Piece {
    std::uint64_t offset;  // from `address`
    std::string bytes;
  };
  VirtAddr address;  // as linked
  std::vector<Piece> pieces;
};

// The whole of linux_banner, with compiler and date, where the text has it (vmsift-vmcoreinfo
// writes LINUX_BANNER); else "Linux" and the release in init_uts_ns.
std::optional<ImageAnchor> image_anchor(const Vmcoreinfo& given);

// Places that are looked at: 16 TiB of x86_64. Headers may claim memory without end.
constexpr std::uint64_t kMaxImagePlaces = std::uint64_t{1} << 23;

// Calls visit(place of the anchor) wherever the anchor is in memory at an address that is
// `alignment` away from another one, `remainder` being one of them; until it returns true. Reads
// one page for each `alignment` bytes of memory. Returns how often it was found.
std::uint64_t find_image(const MemorySource& source, AddressSpace& memory,
                         const ImageAnchor& anchor, std::uint64_t remainder,
                         std::uint64_t alignment, const std::function<bool(PhysAddr)>& visit);

// The release of a kernel whose banner is in memory, for telling the user; nullopt: not among the
// first kMaxBannerPages pages.
constexpr std::uint64_t kMaxBannerPages = std::uint64_t{1} << 20;
std::optional<std::string> release_in_memory(const MemorySource& source);

}  // namespace vmsift
