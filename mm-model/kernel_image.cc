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

// "Linux version 6.1.0 (builder) ...": what stands between, where it looks like a release.
std::optional<std::string> release_in_page(std::string_view page) {
  constexpr std::string_view kStart = "Linux version ";
  constexpr std::size_t kLongest = 64;  // of a field of struct new_utsname
  for (auto at = page.find(kStart); at != std::string_view::npos; at = page.find(kStart, at + 1)) {
    const std::string_view rest = page.substr(at + kStart.size(), kLongest + 2);
    const auto end = rest.find(" (");
    if (end == std::string_view::npos || end == 0 || rest[0] < '0' || rest[0] > '9') continue;
    const std::string_view release = rest.substr(0, end);
    if (std::all_of(release.begin(), release.end(), [](char c) { return c > ' ' && c < 0x7f; })) {
      return std::string(release);
    }
  }
  return std::nullopt;
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

std::optional<std::string> release_in_memory(const MemorySource& source) {
  const AddressLayout none;
  AddressSpace memory(none, source);
  std::string page(source.info().page_size, '\0');
  Pfn pfn = 0;
  for (std::uint64_t pages = 0; pages < kMaxBannerPages; ++pages, ++pfn) {
    pfn = source.next_window(pfn, 1);
    if (pfn >= source.info().max_pfn) break;
    if (!memory.read_physical({pfn * page.size()}, std::as_writable_bytes(std::span(page)))) {
      continue;
    }
    if (auto release = release_in_page(page)) return release;
  }
  return std::nullopt;
}

}  // namespace vmsift
