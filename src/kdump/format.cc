// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/kdump/format.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

namespace vmsift::kdump {
namespace {

// Offsets of the fields in a header for 64-bit kernels.
namespace main_at {
constexpr std::size_t kSignature = 0, kVersion = 8, kUtsname = 12, kSeconds = 408, kStatus = 424,
                      kBlockSize = 428, kSubHeaderBlocks = 432, kBitmapBlocks = 436,
                      kMaxMapnr32 = 440, kCpus = 460;
}
namespace sub_at {
constexpr std::size_t kPhysBase = 0, kDumpLevel = 8, kSplit = 12, kVmcoreinfoOffset = 32,
                      kVmcoreinfoSize = 40, kNotesOffset = 48, kNotesSize = 56, kMaxMapnr = 96;
}

constexpr std::uint32_t kMinBlock = 4096;
constexpr std::uint32_t kMaxBlock = 256U << 10;

bool plausible_block(std::uint32_t size) {
  return std::has_single_bit(size) && size >= kMinBlock && size <= kMaxBlock;
}

}  // namespace

Utsname decode_utsname(std::span<const std::byte, kUtsFields * kUtsFieldBytes> bytes) {
  Utsname fields;
  for (std::size_t i = 0; i < kUtsFields; ++i) {
    const auto* text = reinterpret_cast<const char*>(&bytes[i * kUtsFieldBytes]);
    fields[i].assign(text, strnlen(text, kUtsFieldBytes));
  }
  return fields;
}

bool Header::plan(std::uint64_t pages, std::uint64_t note_bytes) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int32_t>::max();
  if (note_bytes > kMost * block_size) return false;
  const std::uint64_t bitmap =
      ceil_div(ceil_div<std::uint64_t>(pages, 8), std::uint64_t{block_size});
  const std::uint64_t sub = ceil_div(kSubHeaderBytes + note_bytes, std::uint64_t{block_size});
  if (2 * bitmap > kMost || sub > kMost) return false;
  max_pfn = pages;
  bitmap_blocks = static_cast<std::uint32_t>(2 * bitmap);
  sub_header_blocks = static_cast<std::uint32_t>(sub);
  return true;
}

void encode_main(const Header& h, ByteOrder order, std::span<std::byte> into) {
  std::memset(into.data(), 0, into.size());
  const auto put32 = [&](std::size_t at, std::uint64_t value) {
    const auto most = std::uint64_t{std::numeric_limits<std::uint32_t>::max()};
    store(into.data() + at, static_cast<std::uint32_t>(std::min(value, most)), order);
  };
  const std::string_view signature = h.is_private ? kPrivateSignature : kSignature;
  std::memcpy(into.data() + main_at::kSignature, signature.data(), signature.size());
  put32(main_at::kVersion, h.version);
  for (std::size_t i = 0; i < kUtsFields; ++i) {
    const std::size_t n = std::min(h.utsname[i].size(), kUtsFieldBytes - 1);
    std::memcpy(into.data() + main_at::kUtsname + i * kUtsFieldBytes, h.utsname[i].data(), n);
  }
  store(into.data() + main_at::kSeconds, h.crash_time, order);
  put32(main_at::kStatus, h.status);
  put32(main_at::kBlockSize, h.block_size);
  put32(main_at::kSubHeaderBlocks, h.sub_header_blocks);
  put32(main_at::kBitmapBlocks, h.bitmap_blocks);
  put32(main_at::kMaxMapnr32, h.max_pfn);  // obsolete; readers of version 6 use the sub header's
  put32(main_at::kCpus, h.cpus);
}

void encode_sub(const Header& h, ByteOrder order, std::span<std::byte> into) {
  std::memset(into.data(), 0, into.size());
  const auto put64 = [&](std::size_t at, std::uint64_t value) {
    store(into.data() + at, value, order);
  };
  put64(sub_at::kPhysBase, h.phys_base);
  store(into.data() + sub_at::kDumpLevel, h.dump_level, order);
  store(into.data() + sub_at::kSplit, std::uint32_t{h.split}, order);
  put64(sub_at::kVmcoreinfoOffset, h.vmcoreinfo_offset);
  put64(sub_at::kVmcoreinfoSize, h.vmcoreinfo_size);
  put64(sub_at::kNotesOffset, h.notes_offset);
  put64(sub_at::kNotesSize, h.notes_size);
  put64(sub_at::kMaxMapnr, h.max_pfn);
}

bool has_signature(std::span<const std::byte> start) {
  return start.size() >= kSignature.size() &&
         (std::memcmp(start.data(), kSignature.data(), kSignature.size()) == 0 ||
          std::memcmp(start.data(), kPrivateSignature.data(), kPrivateSignature.size()) == 0);
}

Result<MainHeader> decode_main(std::span<const std::byte> bytes) {
  if (bytes.size() < kMainHeaderBytes || !has_signature(bytes)) {
    return error("truncated kdump-compressed header");
  }
  MainHeader main;
  Header& h = main.header;
  const auto get32 = [&](std::size_t at) { return load<std::uint32_t>(&bytes[at], main.order); };
  if (!plausible_block(get32(main_at::kBlockSize))) main.order = ByteOrder::big;
  h.block_size = get32(main_at::kBlockSize);
  if (!plausible_block(h.block_size)) {
    return error(
        "block size of the kdump-compressed header is not a power of two from {} to {} (or "
        "the dump is of a 32-bit kernel, which is not read yet)",
        kMinBlock, kMaxBlock);
  }
  h.is_private = std::memcmp(bytes.data(), kPrivateSignature.data(), kPrivateSignature.size()) == 0;
  h.version = get32(main_at::kVersion);
  h.utsname = decode_utsname(bytes.subspan<main_at::kUtsname, kUtsFields * kUtsFieldBytes>());
  h.crash_time = load<std::uint64_t>(&bytes[main_at::kSeconds], main.order);
  h.status = get32(main_at::kStatus);
  h.sub_header_blocks = get32(main_at::kSubHeaderBlocks);
  h.bitmap_blocks = get32(main_at::kBitmapBlocks);
  h.max_pfn = get32(main_at::kMaxMapnr32);
  h.cpus = get32(main_at::kCpus);
  return main;
}

Result<void> decode_sub(std::span<const std::byte> bytes, std::uint64_t file_size,
                        MainHeader& main) {
  Header& h = main.header;
  if (h.version != kVersion) {
    return error("kdump-compressed header version {}, only {} is read yet", h.version, kVersion);
  }
  const auto get64 = [&](std::size_t at) { return load<std::uint64_t>(&bytes[at], main.order); };
  h.phys_base = get64(sub_at::kPhysBase);
  h.dump_level = load<std::uint32_t>(&bytes[sub_at::kDumpLevel], main.order);
  h.split = load<std::uint32_t>(&bytes[sub_at::kSplit], main.order) != 0;
  h.vmcoreinfo_offset = get64(sub_at::kVmcoreinfoOffset);
  h.vmcoreinfo_size = get64(sub_at::kVmcoreinfoSize);
  h.notes_offset = get64(sub_at::kNotesOffset);
  h.notes_size = get64(sub_at::kNotesSize);
  h.max_pfn = get64(sub_at::kMaxMapnr);

  const auto in_file = [file_size](std::uint64_t offset, std::uint64_t size) {
    return offset <= file_size && size <= file_size - offset;
  };
  if (h.split) return error("one member of a split dump, which is not read yet");
  if (h.sub_header_blocks == 0) return error("no room for the sub header");
  if (h.bitmap_blocks % 2 != 0 || h.descriptors_offset() > file_size) {
    return error("truncated: the bitmaps end at {:#x}, the file at {:#x}", h.descriptors_offset(),
                 file_size);
  }
  if (h.max_pfn > kMaxPfn) return error("{} page frames, at most {} are read", h.max_pfn, kMaxPfn);
  if (h.max_pfn == 0 || ceil_div<std::uint64_t>(h.max_pfn, 8) > h.bitmap_bytes()) {
    return error("{} page frames do not fit in bitmaps of {} bytes", h.max_pfn, h.bitmap_bytes());
  }
  if (!in_file(h.vmcoreinfo_offset, h.vmcoreinfo_size) || !in_file(h.notes_offset, h.notes_size)) {
    return error("notes outside of the file");
  }
  return {};
}

void encode_descriptor(const Descriptor& d, ByteOrder order, std::byte* into) {
  store(into, d.offset, order);
  store(into + 8, d.size, order);
  store(into + 12, d.flags, order);
  store(into + 16, std::uint64_t{0}, order);
}

Descriptor decode_descriptor(const std::byte* from, ByteOrder order) {
  return {load<std::uint64_t>(from, order), load<std::uint32_t>(from + 8, order),
          load<std::uint32_t>(from + 12, order)};
}

}  // namespace vmsift::kdump
