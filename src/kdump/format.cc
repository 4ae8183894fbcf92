// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/kdump/format.h"

#include "src/kdump/layout.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include <elf.h>

namespace vmsift::kdump {
namespace {

template <class T>
T saturate(std::uint64_t value) {
  return static_cast<T>(std::min<std::uint64_t>(value, std::numeric_limits<T>::max()));
}

// A page frame as the file counts it.
Pfn in_file(Pfn pfn, const Header& h) {
  return pfn - std::min(pfn, h.first_pfn);
}

}  // namespace

std::size_t main_header_bytes(Abi abi) {
  return main_layout(abi).end;
}

std::size_t status_offset(Abi abi) {
  return main_layout(abi).status;
}

std::size_t sub_header_bytes(Abi abi) {
  constexpr std::array<std::size_t, 3> kBytes = {kSubHeaderBytes, 80, 96};
  return kBytes[static_cast<std::size_t>(abi)];
}

// MIPS, RISC-V, LoongArch and s390 have one e_machine for both word sizes.
Abi abi_of_elf(bool is_64bit, std::uint16_t machine) {
  switch (machine) {
    case EM_386:
    case EM_SH:
      return Abi::packed32;
    case EM_ARM:
    case EM_PPC:
    case EM_SPARC:
    case EM_SPARC32PLUS:
      return Abi::padded32;
    case EM_X86_64:
    case EM_AARCH64:
    case EM_PPC64:
    case EM_SPARCV9:
      return Abi::bits64;
    default:
      return is_64bit ? Abi::bits64 : Abi::padded32;
  }
}

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
  const std::uint64_t bits = pages - std::min(pages, first_pfn);
  const std::uint64_t bitmap =
      ceil_div(ceil_div<std::uint64_t>(bits, 8), std::uint64_t{block_size});
  const std::uint64_t sub = ceil_div(sub_header_bytes() + note_bytes, std::uint64_t{block_size});
  if (2 * bitmap > kMost || sub > kMost) return false;
  max_pfn = pages;
  bitmap_blocks = static_cast<std::uint32_t>(2 * bitmap);
  sub_header_blocks = static_cast<std::uint32_t>(sub);
  return true;
}

// uname -m of 32-bit arm: armv7l and the like, where arm64 has aarch64.
bool Header::may_count_from_phys_base() const {
  return word_bytes(abi) == 4 && utsname[4].starts_with("arm");
}

void Header::count_from(Pfn first) {
  first_pfn = first;
  max_pfn += first;
  if (!split) return;
  start_pfn += first;
  end_pfn += first;
}

void encode_main(const Header& h, ByteOrder order, std::span<std::byte> into) {
  std::memset(into.data(), 0, into.size());
  const MainLayout at = main_layout(h.abi);
  const auto put32 = [&](std::size_t offset, std::uint64_t value) {
    store(into.data() + offset, saturate<std::uint32_t>(value), order);
  };
  const std::string_view signature = h.is_private ? kPrivateSignature : kSignature;
  std::memcpy(into.data(), signature.data(), signature.size());
  put32(kVersionAt, h.version);
  for (std::size_t i = 0; i < kUtsFields; ++i) {
    const std::size_t n = std::min(h.utsname[i].size(), kUtsFieldBytes - 1);
    std::memcpy(into.data() + kUtsnameAt + i * kUtsFieldBytes, h.utsname[i].data(), n);
  }
  if (at.long_bytes == 8) {
    store(into.data() + at.seconds, h.crash_time, order);
  } else {
    put32(at.seconds, h.crash_time);
  }
  put32(at.status, h.status);
  put32(at.block_size(), h.block_size);
  put32(at.sub_header_blocks(), h.sub_header_blocks);
  put32(at.bitmap_blocks(), h.bitmap_blocks);
  put32(at.max_mapnr(),
        in_file(h.max_pfn, h));  // obsolete; readers of version 6 use the sub header's
  put32(at.cpus(), h.cpus);
}

void encode_sub(const Header& header, ByteOrder order, std::span<std::byte> into) {
  std::memset(into.data(), 0, into.size());
  Header h = header;
  for (std::uint64_t* const pfn : {&h.start_pfn, &h.end_pfn, &h.max_pfn}) *pfn = in_file(*pfn, h);
  for_each_sub_field(h, [&](const SubField& field, auto value) {
    if (field.since > h.version) return;
    std::byte* const to = into.data() + field.offset(h.abi);
    const auto wide = static_cast<std::uint64_t>(value);
    if (field.size(h.abi) == 8) {
      store(to, wide, order);
    } else {
      store(to, saturate<std::uint32_t>(wide), order);
    }
  });
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
