// SPDX-License-Identifier: GPL-2.0-or-later
// Small ELF cores from a short description. The layout can be any that a writer of vmcores may
// choose, and every number in a header can be made a lie.
#pragma once

#include "src/base/types.h"
#include "tests/unit/support/test_bytes.h"

#include <elf.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace vmsift::test {

// Places of Elf64_Ehdr and Elf64_Phdr fields, for poke().
namespace ehdr_at {
constexpr std::size_t kClass = 4, kData = 5, kType = 16, kMachine = 18, kPhoff = 32, kShoff = 40,
                      kPhentsize = 54, kPhnum = 56, kShnum = 60;
}
namespace phdr_at {
constexpr std::size_t kType = 0, kOffset = 8, kVaddr = 16, kPaddr = 24, kFilesz = 32, kMemsz = 40;
}
constexpr std::size_t kEhdrBytes = 64, kPhdrBytes = 56, kShdrBytes = 64;

// Where each class has what the builder fills in.
struct ElfShape {
  std::uint8_t elf_class;
  std::size_t ehdr, phdr, shdr;  // sizes
  std::size_t phoff, shoff, flags, ehsize, phentsize, phnum, shentsize, shnum, sh_info;
  std::size_t p_offset, p_vaddr, p_paddr, p_filesz, p_memsz;
};
constexpr ElfShape kElf64Shape = {ELFCLASS64, 64, 56, 64, 32, 40, 48, 52, 54,
                                  56,         58, 60, 44, 8,  16, 24, 32, 40};
constexpr ElfShape kElf32Shape = {ELFCLASS32, 52, 32, 40, 28, 32, 36, 40, 42,
                                  44,         46, 48, 28, 4,  8,  12, 16, 20};

struct ElfPart {
  std::uint32_t type = PT_LOAD;
  std::uint64_t paddr = 0;
  Bytes data = {};
  std::uint64_t vaddr = 0;
  // What the header says where that is not what the data are.
  std::optional<std::uint64_t> memsz = std::nullopt;
  std::optional<std::uint64_t> filesz = std::nullopt;
  std::optional<std::uint64_t> offset = std::nullopt;
  std::size_t gap = 0;  // bytes of 0xee in front of the data
};

inline Bytes elf_note(std::string_view name, std::uint32_t type, std::span<const std::byte> desc,
                      ByteOrder order = ByteOrder::little) {
  Bytes note(12);
  poke(note, 0, static_cast<std::uint32_t>(name.size() + 1), order);
  poke(note, 4, static_cast<std::uint32_t>(desc.size()), order);
  poke(note, 8, type, order);
  append(note, text_bytes(name));
  note.resize(align_up(note.size() + 1, std::size_t{4}));
  append(note, desc);
  note.resize(align_up(note.size(), std::size_t{4}));
  return note;
}

struct ElfLayout {
  ByteOrder order = ByteOrder::little;
  std::uint16_t machine = EM_X86_64;
  bool section_headers_first = false;  // as QEMU writes since 7.2
  bool program_headers_last = false;
  bool extended_count = false;         // PN_XNUM although it is not needed
  std::size_t program_header_gap = 0;  // bytes between what stands in front and the headers
  bool elf32 = false;
  std::uint32_t flags = 0;  // e_flags
};

class ElfBuilder {
 public:
  explicit ElfBuilder(ElfLayout layout = {}) : layout_(layout) {}

  ElfBuilder& part(ElfPart p) {
    parts_.push_back(std::move(p));
    return *this;
  }
  ElfBuilder& load(std::uint64_t paddr, Bytes data) {
    return part({.paddr = paddr, .data = std::move(data)});
  }
  ElfBuilder& notes(Bytes bytes) { return part({.type = PT_NOTE, .data = std::move(bytes)}); }

  // Where the program header of the nth part is in the image that build() made.
  [[nodiscard]] std::size_t phdr(std::size_t n) const { return phoff_ + n * shape().phdr; }
  // Where its data are.
  [[nodiscard]] std::size_t data(std::size_t n) const { return data_at_[n]; }

  Bytes build() {
    const bool extended = layout_.extended_count || parts_.size() >= PN_XNUM;
    Bytes image(shape().ehdr);
    std::size_t shoff = 0;
    if (layout_.section_headers_first && extended) shoff = grow(image, shape().shdr);
    const std::size_t table = parts_.size() * shape().phdr;
    if (!layout_.program_headers_last) {
      grow(image, layout_.program_header_gap);
      phoff_ = grow(image, table);
    }
    data_at_.clear();
    for (const ElfPart& p : parts_) {
      image.insert(image.end(), p.gap, std::byte{0xee});
      data_at_.push_back(image.size());
      append(image, p.data);
    }
    if (layout_.program_headers_last) {
      grow(image, layout_.program_header_gap);
      phoff_ = grow(image, table);
    }
    if (extended && shoff == 0) shoff = grow(image, shape().shdr);
    put_file_header(image, shoff);
    for (std::size_t i = 0; i < parts_.size(); ++i) put_program_header(image, i);
    return image;
  }

 private:
  static std::size_t grow(Bytes& image, std::size_t bytes) {
    const std::size_t at = image.size();
    image.resize(at + bytes);
    return at;
  }

  [[nodiscard]] const ElfShape& shape() const { return layout_.elf32 ? kElf32Shape : kElf64Shape; }

  void put_word(Bytes& image, std::size_t at, std::uint64_t value) const {
    if (layout_.elf32) {
      poke(image, at, static_cast<std::uint32_t>(value), layout_.order);
    } else {
      poke(image, at, value, layout_.order);
    }
  }

  void put_file_header(Bytes& image, std::size_t shoff) const {
    const ByteOrder order = layout_.order;
    const ElfShape& s = shape();
    std::memcpy(image.data(), ELFMAG, SELFMAG);
    image[ehdr_at::kClass] = static_cast<std::byte>(s.elf_class);
    image[ehdr_at::kData] =
        order == ByteOrder::little ? std::byte{ELFDATA2LSB} : std::byte{ELFDATA2MSB};
    image[EI_VERSION] = std::byte{EV_CURRENT};
    poke(image, ehdr_at::kType, std::uint16_t{ET_CORE}, order);
    poke(image, ehdr_at::kMachine, layout_.machine, order);
    poke(image, 20, std::uint32_t{EV_CURRENT}, order);
    put_word(image, s.phoff, phoff_);
    put_word(image, s.shoff, shoff);
    poke(image, s.flags, layout_.flags, order);
    poke(image, s.ehsize, static_cast<std::uint16_t>(s.ehdr), order);
    poke(image, s.phentsize, static_cast<std::uint16_t>(s.phdr), order);
    poke(image, s.phnum,
         shoff != 0 ? std::uint16_t{PN_XNUM} : static_cast<std::uint16_t>(parts_.size()), order);
    if (shoff == 0) return;
    poke(image, s.shentsize, static_cast<std::uint16_t>(s.shdr), order);
    poke(image, s.shnum, std::uint16_t{1}, order);
    poke(image, shoff + s.sh_info, static_cast<std::uint32_t>(parts_.size()), order);
  }

  void put_program_header(Bytes& image, std::size_t n) const {
    const ElfPart& p = parts_[n];
    const std::size_t at = phdr(n);
    const ElfShape& s = shape();
    const std::uint64_t filesz = p.filesz.value_or(p.data.size());
    poke(image, at, p.type, layout_.order);
    put_word(image, at + s.p_offset, p.offset.value_or(data_at_[n]));
    put_word(image, at + s.p_vaddr, p.vaddr);
    put_word(image, at + s.p_paddr, p.paddr);
    put_word(image, at + s.p_filesz, filesz);
    put_word(image, at + s.p_memsz, p.memsz.value_or(p.type == PT_LOAD ? filesz : 0));
  }

  ElfLayout layout_;
  std::vector<ElfPart> parts_;
  std::size_t phoff_ = 0;
  std::vector<std::size_t> data_at_;
};

}  // namespace vmsift::test
