// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/elf_headers.h"

#include "src/base/types.h"

#include <gelf.h>
#include <libelf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <type_traits>

namespace vmsift {
namespace {

constexpr std::size_t kHeadersPerRead = 4096;
constexpr std::size_t kMaxNoteWarnings = 8;  // nobody reads one for each of a million segments

Elf_Data elf_data(void* bytes, std::size_t size, Elf_Type type) {
  Elf_Data data{};
  data.d_buf = bytes;
  data.d_size = size;
  data.d_type = type;
  data.d_version = EV_CURRENT;
  return data;
}

// The two classes differ in the sizes of their structures and in nothing else that matters here.
struct Class32 {
  using Ehdr = Elf32_Ehdr;
  using Phdr = Elf32_Phdr;
  using Shdr = Elf32_Shdr;
  static constexpr auto* kToMemory = &elf32_xlatetom;
};
struct Class64 {
  using Ehdr = Elf64_Ehdr;
  using Phdr = Elf64_Phdr;
  using Shdr = Elf64_Shdr;
  static constexpr auto* kToMemory = &elf64_xlatetom;
};

// Turns `count` file structures into the host's, in place of a cast that byte order would break.
template <class Class, class T>
bool decode(std::span<std::byte> from, T* to, std::size_t count, Elf_Type type, unsigned encoding) {
  elf_version(EV_CURRENT);
  Elf_Data src = elf_data(from.data(), from.size(), type);
  Elf_Data dst = elf_data(to, count * sizeof(T), type);
  return Class::kToMemory(&dst, &src, encoding) != nullptr;
}

// The count that e_phnum cannot hold stands in the first section header (gABI, PN_XNUM).
template <class Class>
Result<std::uint64_t> count_program_headers(const ByteStore& file, const typename Class::Ehdr& ehdr,
                                            unsigned encoding) {
  if (ehdr.e_phnum != PN_XNUM) return std::uint64_t{ehdr.e_phnum};
  std::array<std::byte, sizeof(typename Class::Shdr)> raw{};
  typename Class::Shdr shdr{};
  if (ehdr.e_shoff == 0) {
    return error("{}: PN_XNUM without a section header to hold the count", file.path());
  }
  if (auto read = file.read_exactly(ehdr.e_shoff, raw); !read) {
    return read.take_error().context("first section header");
  }
  if (!decode<Class>(std::span(raw), &shdr, 1, ELF_T_SHDR, encoding)) {
    return error("{}: undecodable section header", file.path());
  }
  return std::uint64_t{shdr.sh_info};
}

// From the first bytes of the file, as many as there are up to the size of the header.
template <class Class>
Result<typename Class::Ehdr> decode_file_header(const ByteStore& file, std::span<std::byte> raw,
                                                unsigned encoding) {
  typename Class::Ehdr ehdr{};
  if (raw.size() < sizeof ehdr) {
    return error("{}: truncated ELF header, {} bytes of {}", file.path(), raw.size(), sizeof ehdr);
  }
  if (!decode<Class>(raw.first(sizeof ehdr), &ehdr, 1, ELF_T_EHDR, encoding)) {
    return error("{}: undecodable ELF header", file.path());
  }
  if (ehdr.e_type != ET_CORE) {
    return error("{}: ELF type {}, not a core (ET_CORE)", file.path(), ehdr.e_type);
  }
  if (ehdr.e_phentsize != sizeof(typename Class::Phdr)) {
    return error("{}: program headers of {} bytes, {} expected", file.path(), ehdr.e_phentsize,
                 sizeof(typename Class::Phdr));
  }
  return ehdr;
}

template <class Class>
Result<ElfHeaders> read_headers(const ByteStore& file, std::span<std::byte> start,
                                unsigned encoding) {
  using Phdr = typename Class::Phdr;
  const std::uint64_t file_size = file.size();
  auto ehdr = decode_file_header<Class>(file, start, encoding);
  if (!ehdr) return ehdr.take_error();
  auto count = count_program_headers<Class>(file, *ehdr, encoding);
  if (!count) return count.take_error();
  if (*count == 0 || *count > kMaxSegments) {
    return error("{}: {} program headers, 1 to {} are accepted", file.path(), *count, kMaxSegments);
  }
  const std::uint64_t bytes = *count * sizeof(Phdr);
  if (ehdr->e_phoff > file_size || bytes > file_size - ehdr->e_phoff) {
    return error("{}: truncated: {} program headers at {:#x} do not fit in {} bytes", file.path(),
                 *count, ehdr->e_phoff, file_size);
  }

  ElfHeaders headers;
  headers.machine = ehdr->e_machine;
  headers.order = encoding == ELFDATA2LSB ? ByteOrder::little : ByteOrder::big;
  headers.word_bits = std::is_same_v<Class, Class64> ? 64 : 32;
  headers.flags = ehdr->e_flags;
  headers.os_abi = ehdr->e_ident[EI_OSABI];
  std::vector<std::byte> raw;
  std::vector<Phdr> phdrs;
  for (std::uint64_t done = 0; done < *count; done += phdrs.size()) {
    phdrs.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kHeadersPerRead, *count - done)));
    raw.resize(phdrs.size() * sizeof(Phdr));
    if (auto read = file.read_exactly(ehdr->e_phoff + done * sizeof(Phdr), raw); !read) {
      return read.take_error().context("program headers");
    }
    if (!decode<Class>(std::span(raw), phdrs.data(), phdrs.size(), ELF_T_PHDR, encoding)) {
      return error("{}: undecodable program headers", file.path());
    }
    for (const Phdr& p : phdrs) {
      ElfSegment s{p.p_type, p.p_offset, p.p_vaddr, p.p_paddr, p.p_filesz, p.p_memsz};
      // "No address" is all ones in either width.
      constexpr auto kNone = std::numeric_limits<decltype(p.p_paddr)>::max();
      if (p.p_paddr == kNone) s.paddr = kNoPhysicalAddress;
      if (p.p_vaddr == kNone) s.vaddr = kNoVirtualAddress;
      if (p.p_type == PT_LOAD) headers.loads.push_back(s);
      if (p.p_type == PT_NOTE) headers.notes.push_back(s);
    }
  }
  return headers;
}

}  // namespace

bool looks_like_elf(std::span<const std::byte> start) {
  return start.size() >= SELFMAG && std::memcmp(start.data(), ELFMAG, SELFMAG) == 0;
}

Result<ElfHeaders> read_elf_headers(const ByteStore& file) {
  std::array<std::byte, sizeof(Elf64_Ehdr)> raw{};
  auto got = file.read_at(0, raw);
  if (!got) return got.take_error();
  const auto start = std::span(raw).first(*got);
  if (!looks_like_elf(start)) return error("{}: not an ELF file", file.path());
  if (start.size() < EI_NIDENT) {
    return error("{}: truncated ELF header, {} bytes of {}", file.path(), start.size(), raw.size());
  }
  const auto elf_class = std::to_integer<unsigned>(raw[EI_CLASS]);
  const auto encoding = std::to_integer<unsigned>(raw[EI_DATA]);
  if (encoding != ELFDATA2LSB && encoding != ELFDATA2MSB) {
    return error("{}: unknown ELF byte order {}", file.path(), encoding);
  }
  if (elf_class == ELFCLASS32) return read_headers<Class32>(file, start, encoding);
  if (elf_class == ELFCLASS64) return read_headers<Class64>(file, start, encoding);
  return error("{}: unknown ELF class {}", file.path(), elf_class);
}

Result<ElfNotes> read_elf_notes(const ByteStore& file, const ElfHeaders& headers) {
  const std::uint64_t file_size = file.size();
  ElfNotes all;
  std::uint64_t room = kMaxNoteBytes;  // for what is read, of use or not
  const auto warn = [&](std::string text) {
    if (all.warnings.size() < kMaxNoteWarnings) all.warnings.push_back(std::move(text));
  };
  for (const ElfSegment& s : headers.notes) {
    const std::uint64_t in_file =
        s.offset > file_size ? 0 : std::min(s.filesz, file_size - s.offset);
    const std::uint64_t take = std::min(in_file, room);
    room -= take;
    if (take < s.filesz) {
      warn(fmt::format("{} of {} bytes of notes at {:#x} left out", s.filesz - take, s.filesz,
                       s.offset));
    }
    if (take == 0) continue;
    std::vector<std::byte> bytes(static_cast<std::size_t>(take));
    if (auto read = file.read_exactly(s.offset, bytes); !read) {
      return read.take_error().context("notes");
    }
    // Segment by segment, so that a torn one does not take the next with it.
    ElfNotes part = parse_notes(std::move(bytes), headers.order);
    all.bytes.insert(all.bytes.end(), part.bytes.begin(), part.bytes.end());
    all.bytes.resize(align_up(all.bytes.size(), std::size_t{4}));
    all.cpus += part.cpus;
    if (all.vmcoreinfo.empty()) all.vmcoreinfo = std::move(part.vmcoreinfo);
    for (std::string& text : part.warnings) warn(std::move(text));
  }
  return all;
}

ElfNotes parse_notes(std::vector<std::byte> bytes, ByteOrder order) {
  ElfNotes notes;
  // libelf walks notes of an ELF image only, so the notes get a header of their own in front.
  std::vector<unsigned char> image(sizeof(Elf64_Ehdr) + bytes.size());
  std::memcpy(image.data(), ELFMAG, SELFMAG);
  image[EI_CLASS] = ELFCLASS64;
  image[EI_DATA] = order == ByteOrder::little ? ELFDATA2LSB : ELFDATA2MSB;
  image[EI_VERSION] = EV_CURRENT;
  if (!bytes.empty()) std::memcpy(image.data() + sizeof(Elf64_Ehdr), bytes.data(), bytes.size());

  elf_version(EV_CURRENT);
  const std::unique_ptr<Elf, decltype(&elf_end)> elf(
      elf_memory(reinterpret_cast<char*>(image.data()), image.size()), &elf_end);
  Elf_Data* data = !elf || bytes.empty() ? nullptr
                                         : elf_getdata_rawchunk(elf.get(), sizeof(Elf64_Ehdr),
                                                                bytes.size(), ELF_T_NHDR);
  std::size_t end = 0;
  if (data != nullptr) {
    const auto* base = static_cast<const char*>(data->d_buf);
    GElf_Nhdr nhdr;
    std::size_t name = 0;
    std::size_t desc = 0;
    while (const std::size_t next = gelf_getnote(data, end, &nhdr, &name, &desc)) {
      const std::string_view owner(base + name, nhdr.n_namesz == 0 ? 0 : nhdr.n_namesz - 1);
      if (owner == "CORE" && nhdr.n_type == NT_PRSTATUS) ++notes.cpus;
      if (owner == "VMCOREINFO" && notes.vmcoreinfo.empty()) {
        notes.vmcoreinfo.assign(base + desc, nhdr.n_descsz);
      }
      end = next;
    }
  }
  // What libelf does not accept as a note is not handed on to the dump either; padding is no news.
  const auto rest = std::span(bytes).subspan(std::min(end, bytes.size()));
  if (std::any_of(rest.begin(), rest.end(), [](std::byte b) { return b != std::byte{0}; })) {
    notes.warnings.push_back(
        fmt::format("{} bytes behind the last valid note left out", rest.size()));
  }
  bytes.resize(std::min(end, bytes.size()));
  notes.bytes = std::move(bytes);
  return notes;
}

}  // namespace vmsift
