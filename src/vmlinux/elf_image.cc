// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/vmlinux/elf_image.h"

#include <elfutils/libdwelf.h>
#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <unordered_set>

namespace vmsift {
namespace {

std::string libelf_error() {
  const char* message = elf_errmsg(-1);
  return message != nullptr ? message : "unknown reason";
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Result<ElfImage> ElfImage::open(const std::string& path, std::span<const std::string_view> wanted) {
  auto file = File::open(path, O_RDONLY);
  if (!file) return file.take_error();
  if (elf_version(EV_CURRENT) == EV_NONE) return error("libelf: {}", libelf_error());
  ElfImage image;
  image.file_ = std::move(*file);
  image.elf_.reset(elf_begin(image.file_.fd(), ELF_C_READ_MMAP, nullptr));
  GElf_Ehdr header;
  if (!image.elf_ || elf_kind(image.elf()) != ELF_K_ELF ||
      gelf_getehdr(image.elf(), &header) == nullptr) {
    return error("{}: not an ELF file, which a vmlinux with debug information is", path);
  }
  if (header.e_type == ET_CORE) return error("{}: an ELF core and not a vmlinux", path);
  image.machine_ = header.e_machine;
  image.pointer_size_ = header.e_ident[EI_CLASS] == ELFCLASS32 ? 4 : 8;
  if (auto read = image.read_sections(wanted); !read) return read.take_error().context(path);
  return image;
}

Result<void> ElfImage::read_sections(std::span<const std::string_view> wanted) {
  std::size_t count = 0;
  std::size_t names = 0;  // the section with the sections' names
  if (elf_getshdrnum(elf(), &count) != 0 || count == 0 || elf_getshdrstrndx(elf(), &names) != 0) {
    return error("no section headers: the file is damaged or cut short");
  }
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf(), section)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr) {
      return error("section {}: {}", elf_ndxscn(section), libelf_error());
    }
    if (header.sh_type == SHT_SYMTAB) {
      read_symbols(section, header, wanted);
    } else if (header.sh_type == SHT_PROGBITS && (header.sh_flags & SHF_ALLOC) != 0) {
      // What is not in the file is simply not found later.
      const Elf_Data* data = elf_rawdata(section, nullptr);
      if (data == nullptr || data->d_buf == nullptr) continue;
      const char* name = elf_strptr(elf(), names, header.sh_name);
      loaded_.push_back({header.sh_addr,
                         {static_cast<const std::byte*>(data->d_buf), data->d_size},
                         name != nullptr && std::string_view(name).starts_with(".rodata")});
    }
  }
  if (symbols_.empty()) return error("no symbol that a kernel has: stripped, or not a vmlinux");
  return {};
}

// Local symbols of different files may share a name. The log's own (kernel/printk/printk.c) are
// the only local ones that are asked for.
void ElfImage::read_symbols(Elf_Scn* section, const GElf_Shdr& header,
                            std::span<const std::string_view> wanted) {
  const std::unordered_set<std::string_view> names(wanted.begin(), wanted.end());
  Elf_Data* data = elf_getdata(section, nullptr);
  const std::size_t entry = gelf_fsize(elf(), ELF_T_SYM, 1, EV_CURRENT);
  if (data == nullptr || entry == 0) return;
  const std::size_t count =
      std::min<std::size_t>(data->d_size / entry, std::numeric_limits<int>::max());
  bool in_printk = false;
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Sym symbol;
    if (gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr) return;
    const char* name = elf_strptr(elf(), header.sh_link, symbol.st_name);
    if (name == nullptr) continue;
    if (GELF_ST_TYPE(symbol.st_info) == STT_FILE) {
      const std::string_view file = name;
      in_printk = file == "printk.c" || file.ends_with("/printk.c");
      continue;
    }
    if (symbol.st_shndx == SHN_UNDEF || !names.contains(name)) continue;
    const bool local = GELF_ST_BIND(symbol.st_info) == STB_LOCAL;
    const int rank = !local ? 3 : in_printk ? 2 : 1;
    Found& known = symbols_[name];
    if (rank > known.rank) {
      known = {{symbol.st_value, symbol.st_size}, rank, false};
    } else if (rank == known.rank && known.symbol.address != symbol.st_value) {
      known.ambiguous = true;
    }
  }
}

std::optional<ElfSymbol> ElfImage::symbol(std::string_view name) const {
  const auto it = symbols_.find(name);
  if (it == symbols_.end() || it->second.ambiguous) return std::nullopt;
  return it->second.symbol;
}

std::optional<std::string> ElfImage::string_at(std::uint64_t address, std::size_t most) const {
  for (const LoadedBytes& part : loaded_) {
    const std::uint64_t inside = address - part.address;
    if (address < part.address || inside >= part.bytes.size()) continue;
    const auto text = as_text(part.bytes).substr(inside, most);
    const auto end = text.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    return std::string(text.substr(0, end));
  }
  return std::nullopt;
}

bool ElfImage::has_string(std::string_view text) const {
  const std::string wanted = std::string(text) + '\0';
  return std::any_of(loaded_.begin(), loaded_.end(), [&](const LoadedBytes& part) {
    return part.constants &&
           ::memmem(part.bytes.data(), part.bytes.size(), wanted.data(), wanted.size()) != nullptr;
  });
}

std::string ElfImage::build_id() const {
  const void* bytes = nullptr;
  const ssize_t size = dwelf_elf_gnu_build_id(elf(), &bytes);
  std::string text;
  for (ssize_t i = 0; i < size; ++i) {
    text += fmt::format("{:02x}", static_cast<const unsigned char*>(bytes)[i]);
  }
  return text;
}

}  // namespace vmsift
