// SPDX-License-Identifier: GPL-2.0-or-later
// kdump-compressed files of every flavour, put together byte by byte: the numbers are those of the
// format's description, so that decoder and encoder cannot be wrong in the same way unnoticed.
#pragma once

#include "compress/codec.h"
#include "src/base/types.h"
#include "tests/unit/support/elf_builder.h"
#include "tests/unit/support/test_bytes.h"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace vmsift::test {

enum class Flavour : std::uint8_t { bits64, packed32, padded32 };
inline constexpr std::array<Flavour, 3> kFlavours = {Flavour::bits64, Flavour::packed32,
                                                     Flavour::padded32};

// Where the fields stand that this file writes. -1: the flavour is not asked.
struct FlavourPlaces {
  std::size_t long_size, seconds, status, main_end;
  std::size_t dump_level, split, start_pfn, end_pfn, vmcoreinfo, vmcoreinfo_size, note, note_size,
      erase, erase_size, start_pfn_64, end_pfn_64, max_mapnr_64, sub_end;
};
inline FlavourPlaces places(Flavour flavour) {
  switch (flavour) {
    case Flavour::bits64:
      return {8, 408, 424, 464, 8, 12, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104};
    case Flavour::packed32:
      return {4, 404, 412, 452, 4, 8, 12, 16, 20, 28, 32, 40, 44, 52, 56, 64, 72, 80};
    default:
      return {4, 404, 412, 452, 4, 8, 12, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96};
  }
}

struct RawKdump {
  Flavour flavour = Flavour::bits64;
  ByteOrder order = ByteOrder::little;
  std::uint32_t version = 6;
  std::uint32_t status = 0;
  std::uint32_t block = 4096;
  std::array<std::string_view, 6> utsname = {"Linux", "node", "4.9.0", "#1", "machine", "(none)"};
  std::uint32_t seconds = 1700000000;
  bool wide_time = false;  // padded32: a time_t of 64 bits moves what is behind it
  Pfn first_pfn = 0;       // of the bitmaps' first bit; `pages` and all are the machine's
  std::uint32_t dump_level = 17;
  std::uint32_t phys_base = 0x200000;
  std::uint32_t cpus = 3;
  std::string_view vmcoreinfo = "OSRELEASE=4.9.0\nPAGESIZE=4096\n";  // empty: no notes at all
  std::map<Pfn, Bytes> pages = {};
  std::vector<Pfn> excluded = {};
  Pfn max_pfn = 0;
  std::optional<PfnRange> split = {};
  bool share_zero_page = true;
  const Codec* codec = nullptr;  // nullptr: raw
  std::string_view eraseinfo = {};

  // Set by build().
  std::size_t descriptors = 0;
  std::size_t first_data = 0;

  [[nodiscard]] Bytes notes() const {
    if (vmcoreinfo.empty()) return {};
    Bytes bytes = elf_note("CORE", 1, noise(148, 5), order);
    append(bytes, elf_note("VMCOREINFO", 0, text_bytes(vmcoreinfo), order));
    return bytes;
  }

  Bytes build() {
    FlavourPlaces at = places(flavour);
    if (wide_time) {
      at.seconds = places(Flavour::bits64).seconds;
      at.status = places(Flavour::bits64).status;
    }
    Bytes file(2 * std::size_t{block});
    const auto put32 = [&](std::size_t offset, std::uint64_t value) {
      poke(file, offset, static_cast<std::uint32_t>(value), order);
    };
    const auto put64 = [&](std::size_t offset, std::uint64_t value) {
      poke(file, offset, value, order);
    };
    const auto put_long = [&](std::size_t offset, std::uint64_t value) {
      at.long_size == 8 ? put64(offset, value) : put32(offset, value);
    };
    std::memcpy(file.data(), "KDUMP   ", 8);
    put32(8, version);
    for (std::size_t i = 0; i < 6; ++i) {
      std::memcpy(&file[12 + 65 * i], utsname[i].data(), utsname[i].size());
    }
    put_long(at.seconds, seconds);
    put32(at.status, status);
    put32(at.status + 4, block);
    const Bytes note_bytes = notes();
    const std::size_t sub_blocks = (at.sub_end + note_bytes.size() + block - 1) / block;
    put32(at.status + 8, sub_blocks);
    if (max_pfn == 0) max_pfn = pages.empty() ? 1 : pages.rbegin()->first + 1;
    const Pfn bits = max_pfn - first_pfn;
    const std::size_t bitmap = ((bits + 7) / 8 + block - 1) / block * block;
    put32(at.status + 12, 2 * bitmap / block);
    put32(at.status + 16, bits);
    put32(at.status + 36, cpus);

    file.resize((1 + sub_blocks) * block);
    const std::size_t sub = block;
    const std::size_t notes_at = sub + at.sub_end;
    put_long(sub, phys_base);
    if (version >= 1) put32(sub + at.dump_level, dump_level);
    if (version >= 2 && split) {
      put32(sub + at.split, 1);
      put_long(sub + at.start_pfn, split->begin - first_pfn);
      put_long(sub + at.end_pfn, split->end - first_pfn);
    }
    if (version >= 3 && !note_bytes.empty()) {
      std::copy(note_bytes.begin(), note_bytes.end(),
                file.begin() + static_cast<std::ptrdiff_t>(notes_at));
      put64(sub + at.vmcoreinfo, notes_at + 12 + 8 + 148 + 12 + 12);  // both names take their room
      put_long(sub + at.vmcoreinfo_size, vmcoreinfo.size());
    }
    if (version >= 4 && !note_bytes.empty()) {
      put64(sub + at.note, notes_at);
      put_long(sub + at.note_size, note_bytes.size());
    }
    if (version >= 6) {
      if (split) {
        put64(sub + at.start_pfn_64, split->begin - first_pfn);
        put64(sub + at.end_pfn_64, split->end - first_pfn);
      }
      put64(sub + at.max_mapnr_64, bits);
    }

    const std::size_t bitmaps = file.size();
    file.resize(bitmaps + 2 * bitmap);
    const auto mark = [&](std::size_t which, Pfn pfn) {
      pfn -= first_pfn;
      file[bitmaps + which * bitmap + pfn / 8] |= std::byte{1} << (pfn % 8);
    };
    for (const Pfn pfn : excluded) mark(0, pfn);
    for (const auto& [pfn, bytes] : pages) {
      mark(0, pfn);
      mark(1, pfn);
    }
    descriptors = file.size();
    append_pages(file);
    if (version >= 5 && !eraseinfo.empty()) {
      put64(sub + at.erase, file.size());
      put_long(sub + at.erase_size, eraseinfo.size());
      append(file, text_bytes(eraseinfo));
    }
    return file;
  }

 private:
  void append_pages(Bytes& file) {
    std::vector<const Bytes*> own;
    for (const auto& [pfn, bytes] : pages) {
      if (!split || (pfn >= split->begin && pfn < split->end)) own.push_back(&bytes);
    }
    file.resize(file.size() + own.size() * 24);
    first_data = file.size();
    if (share_zero_page) file.resize(file.size() + block);
    const auto encoder = codec == nullptr ? nullptr : codec->encoder(block);
    for (std::size_t i = 0; i < own.size(); ++i) {
      Bytes stored = *own[i];
      std::uint64_t at = file.size();
      std::uint32_t flags = 0;
      if (share_zero_page && stored == zeros(block)) {
        at = first_data;
      } else {
        if (encoder) {
          Bytes room(block + codec->slack(block));
          const std::byte* page = own[i]->data();
          std::uint32_t size = 0;
          encoder->encode({&page, 1}, room, {&size, 1});
          if (size < block) flags = codec->page_flag;
          room.resize(size);
          stored = std::move(room);
        }
        append(file, stored);
      }
      const std::size_t descriptor = descriptors + i * 24;
      poke(file, descriptor, at, order);
      poke(file, descriptor + 8, static_cast<std::uint32_t>(stored.size()), order);
      poke(file, descriptor + 12, flags, order);
    }
  }
};

}  // namespace vmsift::test
