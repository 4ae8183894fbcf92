// SPDX-License-Identifier: GPL-2.0-or-later
#include "mm-model/kernel_image.h"

#include <algorithm>

namespace vmsift {
namespace {

// struct new_utsname, fields of 65 bytes: sysname, nodename, release (include/uapi, since 2.2).
constexpr std::uint64_t kRelease = 2 * 65;

bool holds(AddressSpace& memory, PhysAddr at, const ImageAnchor& anchor) {
  return std::all_of(anchor.pieces.begin(), anchor.pieces.end(), [&](const auto& piece) {
    std::string found(piece.bytes.size(), '\0');
    return memory.read_physical(at + piece.offset, std::as_writable_bytes(std::span(found))) &&
           found == piece.bytes;
  });
}

}  // namespace

std::optional<ImageAnchor> image_anchor(const Vmcoreinfo& given) {
  const auto banner_at = given.symbol("linux_banner");
  const auto banner = given.text("LINUX_BANNER");
  if (banner_at && banner && !banner->empty()) {
    return ImageAnchor{*banner_at, {{0, std::string(*banner) + '\n'}}};
  }
  const auto names_at = given.symbol("init_uts_ns");
  const auto release = given.text("OSRELEASE");
  if (!names_at || !release || release->empty()) return std::nullopt;
  // The key is there since 5.11; before, a counter of 4 bytes stood in front.
  const std::uint64_t name = given.offset("uts_namespace.name").value_or(4);
  return ImageAnchor{
      *names_at,
      {{name, std::string("Linux\0", 6)}, {name + kRelease, std::string(*release) + '\0'}}};
}

std::uint64_t find_image(const MemorySource& source, AddressSpace& memory,
                         const ImageAnchor& anchor, std::uint64_t remainder,
                         std::uint64_t alignment, const std::function<bool(PhysAddr)>& visit) {
  const std::uint64_t page_size = source.info().page_size;
  const std::uint64_t pages = std::max<std::uint64_t>(alignment / page_size, 1);
  std::uint64_t seen = 0;
  Pfn pfn = 0;
  for (std::uint64_t places = 0; places < kMaxImagePlaces; ++places) {
    pfn = source.next_window(pfn, pages);
    if (pfn >= source.info().max_pfn) break;
    pfn = align_down(pfn, pages);
    const PhysAddr at{pfn * page_size + remainder % alignment};
    if (holds(memory, at, anchor)) {
      ++seen;
      if (visit(at)) break;
    }
    pfn += pages;
  }
  return seen;
}

}  // namespace vmsift
