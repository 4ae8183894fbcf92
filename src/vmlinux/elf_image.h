// SPDX-License-Identifier: GPL-2.0-or-later
// A vmlinux as an ELF file: its symbols, and the bytes that it loads.
//
// libelf compares every offset and size of a section with the file before it hands data out; what
// is asked of that data here is compared with it once more.
#pragma once

#include "src/base/file.h"
#include "src/base/result.h"

#include <gelf.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vmsift {

struct ElfSymbol {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
};

class ElfImage {
 public:
  // Only symbols named in `wanted` are kept.
  static Result<ElfImage> open(const std::string& path, std::span<const std::string_view> wanted);

  [[nodiscard]] Elf* elf() const { return elf_.get(); }
  [[nodiscard]] std::uint16_t machine() const { return machine_; }
  [[nodiscard]] std::size_t pointer_size() const { return pointer_size_; }

  // A name that several files of the kernel use for different things is not found.
  [[nodiscard]] std::optional<ElfSymbol> symbol(std::string_view name) const;
  // The string at an address, up to `most` bytes; nullopt: not in the file, or not terminated.
  [[nodiscard]] std::optional<std::string> string_at(std::uint64_t address, std::size_t most) const;
  // Whether the code of the kernel has this string literal (or one that ends with it).
  [[nodiscard]] bool has_string(std::string_view text) const;
  // In hexadecimal; empty: none.
  [[nodiscard]] std::string build_id() const;

 private:
  struct EndElf {
    void operator()(Elf* elf) const { elf_end(elf); }
  };
  struct LoadedBytes {
    std::uint64_t address = 0;
    std::span<const std::byte> bytes;
    bool constants = false;  // string literals are there; type names of .BTF are not
  };
  struct Found {
    ElfSymbol symbol;
    int rank = 0;  // higher is surer
    bool ambiguous = false;
  };

  Result<void> read_sections(std::span<const std::string_view> wanted);
  void read_symbols(Elf_Scn* section, const GElf_Shdr& header,
                    std::span<const std::string_view> wanted);

  File file_;
  std::unique_ptr<Elf, EndElf> elf_;
  std::uint16_t machine_ = 0;
  std::size_t pointer_size_ = 8;
  std::vector<LoadedBytes> loaded_;
  std::map<std::string, Found, std::less<>> symbols_;
};

}  // namespace vmsift
