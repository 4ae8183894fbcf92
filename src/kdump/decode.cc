// SPDX-License-Identifier: GPL-2.0-or-later
// Telling byte order and layout of the headers. Every reading that is possible is made, and each
// test in turn strikes out those that fail it, as long as one is left: a damaged field then gives
// an error about that field, and not a wrong guess.
#include "src/kdump/format.h"
#include "src/kdump/layout.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

namespace vmsift::kdump {
namespace {

constexpr std::uint32_t kMinBlock = 4096;
constexpr std::uint32_t kMaxBlock = 256U << 10;

bool plausible_block(std::uint32_t size) {
  return std::has_single_bit(size) && size >= kMinBlock && size <= kMaxBlock;
}

bool starts_with(std::span<const std::byte> bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

bool within(std::uint64_t file_size, std::uint64_t offset, std::uint64_t size) {
  return offset <= file_size && size <= file_size - offset;
}

// Keeps the readings that pass, or all of them when none does.
template <class T, class Test>
void narrow(std::vector<T>& readings, const Test& test) {
  const auto passing = std::stable_partition(readings.begin(), readings.end(), test);
  if (passing != readings.begin()) readings.erase(passing, readings.end());
}

MainHeader read_main(std::span<const std::byte> bytes, Abi abi, ByteOrder order) {
  MainHeader main;
  main.order = order;
  Header& h = main.header;
  h.abi = abi;
  const MainLayout at = main_layout(abi);
  const auto get32 = [&](std::size_t offset) { return load<std::uint32_t>(&bytes[offset], order); };
  h.is_private = starts_with(bytes, kPrivateSignature);
  h.version = get32(kVersionAt);
  h.utsname = decode_utsname(bytes.subspan<kUtsnameAt, kUtsFields * kUtsFieldBytes>());
  h.crash_time =
      at.long_bytes == 8 ? load<std::uint64_t>(&bytes[at.seconds], order) : get32(at.seconds);
  h.status = get32(at.status);
  h.block_size = get32(at.block_size());
  h.sub_header_blocks = get32(at.sub_header_blocks());
  h.bitmap_blocks = get32(at.bitmap_blocks());
  h.max_pfn = get32(at.max_mapnr());
  h.cpus = get32(at.cpus());
  return main;
}

void read_sub(std::span<const std::byte> bytes, ByteOrder order, Header& h) {
  for_each_sub_field(h, [&](const SubField& field, auto& member) {
    if (field.since > h.version) return;
    const std::size_t offset = field.offset(h.abi);
    std::uint64_t value = 0;
    if (offset + field.size(h.abi) <= bytes.size()) {
      value = field.size(h.abi) == 8 ? load<std::uint64_t>(&bytes[offset], order)
                                     : load<std::uint32_t>(&bytes[offset], order);
    }
    if constexpr (std::is_same_v<std::decay_t<decltype(member)>, bool>) {
      member = value != 0;
    } else {
      member = static_cast<std::decay_t<decltype(member)>>(value);
    }
  });
}

// A part that the sub header places: behind the header, or not there at all.
bool plausible_part(std::uint64_t offset, std::uint64_t size, const Header& h) {
  return (offset == 0 && size == 0) ||
         (offset > h.block_size && within(h.bitmap1_offset(), offset, size));
}

bool plausible_parts(const Header& h) {
  return plausible_part(h.vmcoreinfo_offset, h.vmcoreinfo_size, h) &&
         plausible_part(h.notes_offset, h.notes_size, h);
}

// Version 6 counts page frames in both headers.
bool agrees_on_max_pfn(const Header& h, std::uint64_t in_main_header) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  return std::min(h.max_pfn, kMost) == in_main_header;
}

// Nothing else would tell the two main headers apart.
bool has_wide_time(const Header& as64, const Header& as32, std::uint64_t max_pfn) {
  const auto makes_sense = [=](const Header& h) {
    return agrees_on_max_pfn(h, max_pfn) && plausible_parts(h);
  };
  return as64.version >= 6 && !makes_sense(as64) && makes_sense(as32);
}

bool same_places(const Header& a, const Header& b) {
  return a.vmcoreinfo_offset == b.vmcoreinfo_offset && a.vmcoreinfo_size == b.vmcoreinfo_size &&
         a.notes_offset == b.notes_offset && a.notes_size == b.notes_size &&
         a.start_pfn == b.start_pfn && a.end_pfn == b.end_pfn && a.max_pfn == b.max_pfn;
}

Result<void> check_sub(Header& h, std::uint64_t file_size) {
  if (h.sub_header_blocks == 0) return error("no room for the sub header");
  if (h.bitmap_blocks % 2 != 0 || h.descriptors_offset() > file_size) {
    return error("truncated: the bitmaps end at {:#x}, the file at {:#x}", h.descriptors_offset(),
                 file_size);
  }
  if (h.max_pfn > kMaxPfn) return error("{} page frames, at most {} are read", h.max_pfn, kMaxPfn);
  if (h.max_pfn == 0 || ceil_div<std::uint64_t>(h.max_pfn, 8) > h.bitmap_bytes()) {
    return error("{} page frames do not fit in bitmaps of {} bytes", h.max_pfn, h.bitmap_bytes());
  }
  if (!within(file_size, h.vmcoreinfo_offset, h.vmcoreinfo_size) ||
      !within(file_size, h.notes_offset, h.notes_size)) {
    return error("notes outside of the file");
  }
  if (h.split && (h.start_pfn > h.end_pfn || h.end_pfn > h.max_pfn)) {
    return error("member of a split set with page frames {:#x} to {:#x} of {:#x}", h.start_pfn,
                 h.end_pfn, h.max_pfn);
  }
  // It stands at the end of the file, and memory can be read without it.
  if (!within(file_size, h.eraseinfo_offset, h.eraseinfo_size)) {
    h.eraseinfo_offset = h.eraseinfo_size = 0;
  }
  if (!h.split) h.start_pfn = h.end_pfn = 0;
  return {};
}

}  // namespace

bool has_signature(std::span<const std::byte> start) {
  return starts_with(start, kSignature) || starts_with(start, kPrivateSignature);
}

Result<MainHeader> decode_main(std::span<const std::byte> bytes, std::uint64_t file_size) {
  if (!has_signature(bytes)) return error("no kdump-compressed dump");
  if (bytes.size() < kMainHeaderBytes) return error("truncated kdump-compressed header");
  std::vector<MainHeader> readings;
  for (const Abi abi : {Abi::bits64, Abi::packed32}) {
    for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
      readings.push_back(read_main(bytes, abi, order));
    }
  }
  narrow(readings, [](const MainHeader& m) { return plausible_block(m.header.block_size); });
  if (!plausible_block(readings.front().header.block_size)) {
    return error("block size of the kdump-compressed header is not a power of two from {} to {}",
                 kMinBlock, kMaxBlock);
  }
  narrow(readings, [](const MainHeader& m) { return m.header.version <= kVersion; });
  narrow(readings, [](const MainHeader& m) {
    const Header& h = m.header;
    return h.sub_header_blocks != 0 && h.bitmap_blocks != 0 && h.bitmap_blocks % 2 == 0;
  });
  narrow(readings,
         [file_size](const MainHeader& m) { return m.header.descriptors_offset() <= file_size; });
  narrow(readings, [](const MainHeader& m) {
    return ceil_div<std::uint64_t>(m.header.max_pfn, 8) <= m.header.bitmap_bytes();
  });
  if (readings.size() > 1) {
    return error("the kdump-compressed header makes sense in {} ways, of byte order or word size",
                 readings.size());
  }
  MainHeader main = std::move(readings.front());
  if (main.header.version > kVersion) {
    return error("kdump-compressed header version {}, 0 to {} are read", main.header.version,
                 kVersion);
  }
  return main;
}

Result<void> decode_sub(std::span<const std::byte> bytes, std::uint64_t file_size,
                        MainHeader& main) {
  const std::uint64_t in_main_header = main.header.max_pfn;
  const bool looks_64bit = main.header.abi == Abi::bits64;
  std::vector<Header> readings = {main.header, main.header};
  if (!looks_64bit) readings[0].abi = Abi::packed32;
  readings[1].abi = Abi::padded32;
  for (Header& h : readings) read_sub(bytes, main.order, h);
  if (looks_64bit) {
    if (has_wide_time(readings[0], readings[1], in_main_header))
      std::swap(readings[0], readings[1]);
    readings.pop_back();
  }
  narrow(readings, [=](const Header& h) { return agrees_on_max_pfn(h, in_main_header); });
  narrow(readings, plausible_parts);
  if (readings.size() > 1 && !same_places(readings[0], readings[1])) {
    return error("the kdump-compressed sub header fits both 32-bit layouts, or none");
  }
  main.header = std::move(readings.front());
  return check_sub(main.header, file_size);
}

}  // namespace vmsift::kdump
