// SPDX-License-Identifier: GPL-2.0-or-later
// The kdump-compressed file format ("KDUMP   ", header versions 0 to 6), field by field. Nothing is
// laid over host structs: any host reads and writes any kernel's file.
//
//   block 0          main header
//   block 1 ..       sub header, then the ELF notes
//   bitmap 1, 2      which page frames are memory; which have a descriptor. Whole blocks each
//   descriptors      one for each bit of bitmap 2, in pfn order
//   page data        anywhere behind; only descriptors point there
//
// Integers have the crashed kernel's byte order and sizes. A version adds fields at the end of the
// sub header: 1 the dump level, 2 the range of a split set's member, 3 where VMCOREINFO is, 4 the
// notes, 5 the erased ranges, 6 page frame numbers of 64 bits. What a version has not reads as 0.
//
// A split set is several files with the same headers, notes and whole bitmaps, but descriptors and
// data only for the page frames of [start_pfn, end_pfn); the first descriptor is of the first bit
// of bitmap 2 that is not below start_pfn.
//
// The first bit of a bitmap is page frame 0, but not of arm: makedumpfile and crash count its page
// frames from phys_base on, in the bitmaps and in every number of the headers. QEMU counts those
// of arm from 0 too. Here that difference ends at Header: it holds page frames of the machine.
#pragma once

#include "src/base/bytes.h"
#include "src/base/result.h"
#include "src/base/types.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace vmsift::kdump {

inline constexpr std::string_view kSignature = "KDUMP   ";
// A dump with pages that no other reader knows how to decompress (LZ4) carries this one instead, so
// that those readers refuse the file and do not take compressed bytes for memory.
inline constexpr std::string_view kPrivateSignature = "VMSIFT  ";
inline constexpr std::uint32_t kVersion = 6;
inline constexpr std::uint32_t kIncomplete = 8;        // status: memory is missing
inline constexpr std::uint32_t kExcludedVmemmap = 16;  // status: as of -e, which crash has to know
inline constexpr Pfn kMaxPfn = Pfn{1} << 40;           // 52-bit addresses, pages of 4 KiB
inline constexpr std::size_t kMainHeaderBytes = 464;   // Abi::bits64, no other is larger
inline constexpr std::size_t kSubHeaderBytes = 104;    // Abi::bits64, no other is larger
inline constexpr std::size_t kStatusBytes = 4;
inline constexpr std::size_t kDescriptorBytes = 24;
inline constexpr std::size_t kUtsFields = 6;  // sysname nodename release version machine domain
inline constexpr std::size_t kUtsFieldBytes = 65;

using Utsname = std::array<std::string, kUtsFields>;

// struct new_utsname, as kernels and headers hold it: kUtsFields strings of kUtsFieldBytes each.
Utsname decode_utsname(std::span<const std::byte, kUtsFields * kUtsFieldBytes> bytes);

// How the crashed kernel's compiler lays out structs: sizes of long, and where in a struct a 64-bit
// integer may stand. The headers are structs of that kernel's makedumpfile.
enum class Abi : std::uint8_t {
  bits64,
  packed32,  // i386, sh: at multiples of 4. QEMU writes it for every 32-bit guest
  padded32,  // arm, ppc, mips: at multiples of 8
};

constexpr unsigned word_bytes(Abi abi) {  // of a pointer and a long
  return abi == Abi::bits64 ? 8 : 4;
}

std::size_t main_header_bytes(Abi abi);
std::size_t sub_header_bytes(Abi abi);  // of version 6
std::size_t status_offset(Abi abi);     // of the status in the main header
// Of a kernel whose ELF core has this class and e_machine. The class alone does not tell: cores of
// i386 and arm with more than 32 bits of physical addresses are ELF64, and kexec can be asked for
// ELF32 cores of small 64-bit machines.
Abi abi_of_elf(bool is_64bit, std::uint16_t machine);

struct Header {
  Abi abi = Abi::bits64;
  bool is_private = false;  // kPrivateSignature
  std::uint32_t version = kVersion;
  Utsname utsname;
  std::uint64_t crash_time = 0;         // seconds since 1970, 0: not known
  std::uint32_t status = 0;             // codec's header flag | kIncomplete
  std::uint32_t block_size = 4096;      // bytes of a page and of a block
  std::uint32_t sub_header_blocks = 1;  // sub header and notes
  std::uint32_t bitmap_blocks = 0;      // of both bitmaps
  std::uint32_t cpus = 0;
  std::uint64_t phys_base = 0;
  std::uint32_t dump_level = 0;
  bool split = false;  // one member of a set, which has the pages of [start_pfn, end_pfn)
  Pfn start_pfn = 0;
  Pfn end_pfn = 0;
  std::uint64_t vmcoreinfo_offset = 0;  // in the file, of the text; 0: none
  std::uint64_t vmcoreinfo_size = 0;
  std::uint64_t notes_offset = 0;
  std::uint64_t notes_size = 0;
  std::uint64_t eraseinfo_offset = 0;  // of the list of what was erased; 0: none
  std::uint64_t eraseinfo_size = 0;
  std::uint64_t max_pfn = 0;
  Pfn first_pfn = 0;  // of the first bit of the bitmaps: set it before plan()

  [[nodiscard]] std::uint64_t bitmap_bytes() const {  // of one bitmap
    return std::uint64_t{bitmap_blocks} / 2 * block_size;
  }
  [[nodiscard]] std::uint64_t bitmap1_offset() const {
    return (std::uint64_t{1} + sub_header_blocks) * block_size;
  }
  [[nodiscard]] std::uint64_t bitmap2_offset() const { return bitmap1_offset() + bitmap_bytes(); }
  [[nodiscard]] std::uint64_t descriptors_offset() const {
    return bitmap2_offset() + bitmap_bytes();
  }

  [[nodiscard]] std::size_t sub_header_bytes() const { return kdump::sub_header_bytes(abi); }
  [[nodiscard]] std::size_t status_offset() const { return kdump::status_offset(abi); }

  // Sets the counts of blocks for this many pages and bytes of notes; false when the format's 32
  // bits cannot count them.
  [[nodiscard]] bool plan(std::uint64_t pages, std::uint64_t note_bytes);

  // Whether this may be a dump whose page frames are counted from phys_base on.
  [[nodiscard]] bool may_count_from_phys_base() const;
  // What was decoded turns out to be counted from there.
  void count_from(Pfn first);
};

// `into` is the first block_size bytes of the file, or the sub_header_bytes() (or more) behind;
// cleared first. Fields that the header's version does not have are left 0.
void encode_main(const Header& header, ByteOrder order, std::span<std::byte> into);
void encode_sub(const Header& header, ByteOrder order, std::span<std::byte> into);

// Whether a file that starts like this is one of ours to read.
bool has_signature(std::span<const std::byte> start);

// From the first kMainHeaderBytes, then, at offset block_size, up to kSubHeaderBytes (fewer only
// where the file ends). Byte order and layout are those in which the headers make sense; no single
// field decides, and headers that make sense in two ways are refused. Every field that sizes or
// places anything is checked against `file_size`. Page frames are still as the file counts them:
// first_pfn is 0.
struct MainHeader {
  Header header;
  ByteOrder order = ByteOrder::little;
};
Result<MainHeader> decode_main(std::span<const std::byte> bytes, std::uint64_t file_size);
// For Abi::packed32 this is also where it is told from padded32, and so for bits64: a makedumpfile
// with a time_t of 64 bits (that of Debian's armhf) writes the main header of a 64-bit kernel in
// front of the sub header of a 32-bit one.
Result<void> decode_sub(std::span<const std::byte> bytes, std::uint64_t file_size,
                        MainHeader& main);

struct Descriptor {
  std::uint64_t offset = 0;  // of the page's data in the file; 0: the page was lost
  std::uint32_t size = 0;    // stored bytes
  std::uint32_t flags = 0;   // page flag of the codec, 0: raw
};

void encode_descriptor(const Descriptor& d, ByteOrder order, std::byte* into);
Descriptor decode_descriptor(const std::byte* from, ByteOrder order);

}  // namespace vmsift::kdump
