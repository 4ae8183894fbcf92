// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/kdump_set.h"

#include "src/input/kdump_member.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace vmsift {
namespace {

constexpr std::size_t kCompared = 64U << 10;  // bytes at a time

// What headers differ in although members of one set have it in common; empty: nothing.
std::string_view difference(const KdumpMember& one, const KdumpMember& other) {
  const kdump::Header& a = one.header;
  const kdump::Header& b = other.header;
  if (one.order != other.order || a.abi != b.abi) return "kind of machine";
  if (a.version != b.version) return "header version";
  if (a.utsname != b.utsname) return "kernel or machine name";
  if (a.crash_time != b.crash_time) return "time of the crash";
  if (a.block_size != b.block_size) return "block size";
  if (a.dump_level != b.dump_level) return "dump level";
  if (a.max_pfn != b.max_pfn) return "number of page frames";
  if (a.bitmap_blocks != b.bitmap_blocks) return "size of the bitmaps";
  if (a.cpus != b.cpus) return "number of CPUs";
  return {};
}

// The headers are of one size: bitmap_blocks and block_size are the same.
Result<bool> same_bitmaps(const KdumpMember& one, const KdumpMember& other) {
  const std::uint64_t a = one.header.bitmap1_offset();
  const std::uint64_t b = other.header.bitmap1_offset();
  const std::uint64_t size = 2 * one.header.bitmap_bytes();
  std::vector<std::byte> left(kCompared);
  std::vector<std::byte> right(kCompared);
  for (std::uint64_t at = 0; at < size;) {
    // Holes of sparse files are zeros in both.
    const std::uint64_t data =
        std::min(one.file->next_data(a + at) - a, other.file->next_data(b + at) - b);
    if (data >= size) break;
    at = std::max(at, align_down<std::uint64_t>(data, kCompared));
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(kCompared, size - at));
    if (auto read = one.file->read_exactly(a + at, std::span(left).first(n)); !read) {
      return read.take_error();
    }
    if (auto read = other.file->read_exactly(b + at, std::span(right).first(n)); !read) {
      return read.take_error();
    }
    if (std::memcmp(left.data(), right.data(), n) != 0) return false;
    at += n;
  }
  return true;
}

Result<void> check_one_dump(const KdumpMember& first, const KdumpMember& member) {
  const auto not_of_one = [&](std::string_view what) {
    return error("{} and {} are not members of one set: they differ in {}", first.file->path(),
                 member.file->path(), what);
  };
  if (const auto what = difference(first, member); !what.empty()) return not_of_one(what);
  auto notes = read_kdump_notes(first);
  if (!notes) return notes.take_error();
  auto others = read_kdump_notes(member);
  if (!others) return others.take_error();
  if (notes->bytes != others->bytes) return not_of_one("notes");
  auto same = same_bitmaps(first, member);
  if (!same) return same.take_error();
  if (!*same) return not_of_one("bitmaps");
  return {};
}

Result<void> check_ranges(const std::vector<KdumpMember>& sorted) {
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    const KdumpMember& a = sorted[i - 1];
    const KdumpMember& b = sorted[i];
    if (b.pages.begin >= a.pages.end) continue;
    return error("{} has page frames {:#x} to {:#x}, which {} has too ({:#x} to {:#x})",
                 b.file->path(), b.pages.begin, b.pages.end, a.file->path(), a.pages.begin,
                 a.pages.end);
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<MemorySource>> open_kdump_set(
    std::vector<std::unique_ptr<ByteStore>> members, ReadMode mode) {
  std::vector<KdumpMember> opened;
  for (auto& file : members) {
    auto member = read_kdump_member(std::move(file));
    if (!member) return member.take_error();
    if (members.size() > 1 && !member->header.split) {
      return error("{}: a whole dump, and no member of a split set", member->file->path());
    }
    opened.push_back(std::move(*member));
  }
  if (opened.empty()) return error("a split set without members");
  for (std::size_t i = 1; i < opened.size(); ++i) {
    if (auto checked = check_one_dump(opened.front(), opened[i]); !checked) {
      return checked.take_error();
    }
  }
  // Members for which nothing was left hold no page frames, and any number of them may be alike.
  std::stable_sort(opened.begin(), opened.end(), [](const KdumpMember& a, const KdumpMember& b) {
    return std::pair(a.pages.begin, a.pages.end) < std::pair(b.pages.begin, b.pages.end);
  });
  if (auto checked = check_ranges(opened); !checked) return checked.take_error();
  return open_kdump_members(std::move(opened), mode);
}

}  // namespace vmsift
