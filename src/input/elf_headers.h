// SPDX-License-Identifier: GPL-2.0-or-later
// The headers of an ELF core, decoded by libelf from bounded copies: nothing here depends on how
// large the file is, and no count or offset of the file is trusted before it was compared with the
// file's size. Program headers are taken from e_phoff (QEMU since 7.2 puts section headers in
// front of them) and counted as PN_XNUM says.
#pragma once

#include "src/base/bytes.h"
#include "src/input/byte_store.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace vmsift {

// What /proc/kcore gives as p_paddr of ranges that are not linear memory.
inline constexpr std::uint64_t kNoPhysicalAddress = std::numeric_limits<std::uint64_t>::max();
// What kexec gives as p_vaddr of memory that the kernel has no mapping of (highmem).
inline constexpr std::uint64_t kNoVirtualAddress = std::numeric_limits<std::uint64_t>::max();

// e_flags of an ELF core that makedumpfile or vmsift filtered: memory is missing, space ran out.
inline constexpr std::uint32_t kElfIncomplete = 1;

struct ElfSegment {
  std::uint32_t type = 0;
  std::uint64_t offset = 0;
  std::uint64_t vaddr = 0;
  std::uint64_t paddr = 0;
  std::uint64_t filesz = 0;
  std::uint64_t memsz = 0;
};

struct ElfHeaders {
  std::uint16_t machine = 0;
  ByteOrder order = ByteOrder::little;
  unsigned word_bits = 64;        // of the ELF class
  std::uint32_t flags = 0;        // e_flags
  std::uint8_t os_abi = 0;        // EI_OSABI
  std::vector<ElfSegment> loads;  // PT_LOAD in file order
  std::vector<ElfSegment> notes;  // PT_NOTE in file order
};

struct ElfNotes {
  std::vector<std::byte> bytes;  // every note, verbatim and padded to 4 bytes
  std::string vmcoreinfo;        // text of the first VMCOREINFO note
  std::uint32_t cpus = 0;        // NT_PRSTATUS of CORE
  std::vector<std::string> warnings;
};

// Whether the file starts like an ELF file.
bool looks_like_elf(std::span<const std::byte> start);

// At most kMaxSegments program headers; error when the file is no ET_CORE or the headers do not lie
// within it. ELF32 and ELF64 alike.
inline constexpr std::uint64_t kMaxSegments = 1U << 20;
Result<ElfHeaders> read_elf_headers(const ByteStore& file);

// At most kMaxNoteBytes in all; what is beyond, torn or outside of the file is left out with a
// warning, since the memory can be saved without it.
inline constexpr std::uint64_t kMaxNoteBytes = 16U << 20;
Result<ElfNotes> read_elf_notes(const ByteStore& file, const ElfHeaders& headers);

// The notes of `bytes`, in the given byte order.
ElfNotes parse_notes(std::vector<std::byte> bytes, ByteOrder order);

}  // namespace vmsift
