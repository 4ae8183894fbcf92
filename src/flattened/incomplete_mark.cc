// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/flattened/incomplete_mark.h"

#include "src/kdump/format.h"

#include <elf.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <vector>

namespace vmsift::flattened {
namespace {

constexpr std::uint32_t kKdumpIncomplete = kdump::kIncomplete;
constexpr std::uint32_t kElfIncomplete = 1;

// Fields of the main header that tell its flavour, which 64-bit and 32-bit kernels have at other
// places.
struct KdumpLayout {
  std::size_t status;
  std::size_t block_size;
  std::size_t sub_header_blocks;
  std::size_t bitmap_blocks;
};
constexpr std::array<KdumpLayout, 2> kKdumpLayouts = {{{424, 428, 432, 436}, {412, 416, 420, 424}}};

struct KdumpHeader {
  MarkPlace mark;
  std::uint64_t bitmaps_end = 0;
};

std::optional<KdumpHeader> find_kdump(std::span<const std::byte> start) {
  if (!kdump::has_signature(start) || start.size() < kKdumpLayouts[0].bitmap_blocks + 4) {
    return std::nullopt;
  }
  for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    for (const KdumpLayout& at : kKdumpLayouts) {
      const auto number = [&](std::size_t where) {
        return load<std::uint32_t>(start.data() + where, order);
      };
      const std::uint32_t block = number(at.block_size);
      const std::uint32_t sub = number(at.sub_header_blocks);
      if (block < 4096 || block > 256U << 10 || !std::has_single_bit(block) || sub == 0 ||
          sub > 1U << 16 || number(at.bitmap_blocks) == 0) {
        continue;
      }
      const std::uint64_t blocks = std::uint64_t{1} + sub + number(at.bitmap_blocks);
      return KdumpHeader{{at.status, order, kKdumpIncomplete}, blocks * block};
    }
  }
  return std::nullopt;
}

// Where ELF32 and ELF64 keep what matters here.
struct ElfLayout {
  std::size_t phoff, shoff, flags, phnum, header_bytes;
  std::size_t phdr_bytes, phdr_offset;
  std::size_t info;  // sh_info in a section header
  bool wide;
};
constexpr ElfLayout kElf64 = {32, 40, 48, 56, 64, 56, 8, 44, true};
constexpr ElfLayout kElf32 = {28, 32, 36, 44, 52, 32, 4, 28, false};

const ElfLayout* find_elf(std::span<const std::byte> start) {
  if (start.size() < kElf64.header_bytes || std::memcmp(start.data(), ELFMAG, SELFMAG) != 0) {
    return nullptr;
  }
  const auto elf_class = std::to_integer<unsigned>(start[EI_CLASS]);
  return elf_class == ELFCLASS64 ? &kElf64 : elf_class == ELFCLASS32 ? &kElf32 : nullptr;
}

ByteOrder elf_order(std::span<const std::byte> start) {
  return std::to_integer<unsigned>(start[EI_DATA]) == ELFDATA2MSB ? ByteOrder::big
                                                                  : ByteOrder::little;
}

std::uint64_t word(const std::byte* from, const ElfLayout& elf, ByteOrder order) {
  return elf.wide ? load<std::uint64_t>(from, order) : load<std::uint32_t>(from, order);
}

// Program headers up to the first one that did not arrive. They stand in front of everything that
// they point to, so the nearest of these ends the table however many were to come.
Result<std::uint64_t> count_program_headers(const File& file, const ElfLayout& elf, ByteOrder order,
                                            std::uint64_t at) {
  constexpr std::uint64_t kMost = 1U << 20;
  constexpr std::size_t kPerRead = 512;
  std::vector<std::byte> raw(kPerRead * elf.phdr_bytes);
  std::uint64_t count = 0;
  std::uint64_t table_end = ~std::uint64_t{0};
  while (count < kMost) {
    auto got = file.read_at(at + count * elf.phdr_bytes, raw);
    if (!got) return got.take_error();
    const std::size_t n = *got / elf.phdr_bytes;
    for (std::size_t i = 0; i < n; ++i, ++count) {
      const std::byte* const phdr = raw.data() + i * elf.phdr_bytes;
      const auto type = load<std::uint32_t>(phdr, order);
      const std::uint64_t end = at + (count + 1) * elf.phdr_bytes;
      table_end = std::min(table_end, word(phdr + elf.phdr_offset, elf, order));
      if ((type != PT_LOAD && type != PT_NOTE) || end > table_end) return count;
    }
    if (n < kPerRead) break;
  }
  return count;
}

// e_phnum, or sh_info of the first section header where that one cannot say it (gABI, PN_XNUM).
Result<void> set_count(const File& file, const ElfLayout& elf, std::span<std::byte> start,
                       std::uint64_t count) {
  const ByteOrder order = elf_order(start);
  const std::uint64_t shoff = word(start.data() + elf.shoff, elf, order);
  auto shown = static_cast<std::uint16_t>(std::min<std::uint64_t>(count, PN_XNUM));
  if (count >= PN_XNUM && shoff != 0 && shoff <= ~std::uint32_t{0}) {
    std::array<std::byte, 4> info{};
    store(info.data(), static_cast<std::uint32_t>(count), order);
    if (auto written = file.write_at(shoff + elf.info, info); !written) return written;
  } else if (count >= PN_XNUM) {
    shown = PN_XNUM - 1;
  }
  store(start.data() + elf.phnum, shown, order);
  return {};
}

Result<bool> mark_kdump(const File& file, const KdumpHeader& header, std::span<std::byte> start) {
  std::byte* const at = start.data() + header.mark.offset;
  const auto status = load<std::uint32_t>(at, header.mark.order) | header.mark.bit;
  store(at, status, header.mark.order);
  if (auto w = file.write_at(header.mark.offset, std::span(at, 4)); !w) return w.take_error();
  auto size = file.size();
  if (!size) return size.take_error();
  if (*size < header.bitmaps_end &&
      ::ftruncate(file.fd(), static_cast<off_t>(header.bitmaps_end)) != 0) {
    return system_error(errno, fmt::format("{}: making room for bitmaps", file.path()));
  }
  return true;
}

Result<bool> mark_elf(const File& file, const ElfLayout& elf, std::span<std::byte> start) {
  const ByteOrder order = elf_order(start);
  const std::uint64_t phoff = word(start.data() + elf.phoff, elf, order);
  if (phoff == 0 || phoff > std::uint64_t{1} << 48) return false;
  auto count = count_program_headers(file, elf, order, phoff);
  if (!count) return count.take_error();
  if (*count == 0) return false;
  if (auto set = set_count(file, elf, start, *count); !set) return set.take_error();
  const auto flags = load<std::uint32_t>(start.data() + elf.flags, order) | kElfIncomplete;
  store(start.data() + elf.flags, flags, order);
  if (auto w = file.write_at(0, start.first(elf.header_bytes)); !w) return w.take_error();
  return true;
}

}  // namespace

std::optional<MarkPlace> find_mark(std::span<const std::byte> start) {
  if (const auto kdump = find_kdump(start)) return kdump->mark;
  if (const ElfLayout* elf = find_elf(start)) {
    return MarkPlace{elf->flags, elf_order(start), kElfIncomplete};
  }
  return std::nullopt;
}

Result<bool> mark_incomplete(const File& file) {
  std::array<std::byte, kMarkBytes> buffer{};
  auto got = file.read_at(0, buffer);
  if (!got) return got.take_error();
  const auto start = std::span(buffer).first(*got);
  if (const auto kdump = find_kdump(start)) return mark_kdump(file, *kdump, start);
  if (const ElfLayout* elf = find_elf(start)) return mark_elf(file, *elf, start);
  return false;
}

}  // namespace vmsift::flattened
