// SPDX-License-Identifier: GPL-2.0-or-later
// A small kernel image: bytes at addresses of one linear mapping, and the table of symbols that the
// kernel has of itself, in any of its forms.
#pragma once

#include "mm-model/address_space.h"
#include "tests/unit/support/note.h"
#include "tests/unit/support/synthetic_memory.h"
#include "tests/unit/support/test_bytes.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vmsift::test {

class SymbolImage {
 public:
  static constexpr Pfn kPages = 160;
  // Where the parts of the table are, from the base on.
  static constexpr std::uint64_t kTokens = 0x10000, kIndex = 0x11000, kNames = 0x12000,
                                 kOffsets = 0x30000, kCount = 0x3f000, kBaseVariable = 0x3f010;
  // How addresses are kept.
  enum class Form { addresses, above_base, per_cpu, from_itself, small };
  struct Symbol {
    char type;
    std::string name;
    std::uint64_t address;
  };

  explicit SymbolImage(ByteOrder order = ByteOrder::little, unsigned word_bytes = 8)
      : base{word_bytes == 8 ? 0xffffffff81000000 : 0xc1000000},
        memory(kPages, order),
        word_(word_bytes) {
    memory.add({0, kPages});
    layout.word_bytes = word_bytes;
    layout.linear.push_back({base, {0}, kPages * 4096});
  }

  VirtAddr base;
  SyntheticMemory memory;
  AddressLayout layout;
  Note note;

  void put(std::uint64_t at, const Bytes& bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      memory.put({at + i}, std::to_integer<std::uint8_t>(bytes[i]));
    }
  }
  // A table of these symbols, and where it is.
  void write_table(const std::vector<Symbol>& symbols, Form form) {
    write_tokens();
    write_names(symbols);
    memory.put({kCount}, static_cast<std::uint32_t>(symbols.size()));
    write_addresses(symbols, form);
    note.set_hex("SYMBOL(kallsyms_names)", base.value + kNames);
    note.set_hex("SYMBOL(kallsyms_num_syms)", base.value + kCount);
    note.set_hex("SYMBOL(kallsyms_token_table)", base.value + kTokens);
    note.set_hex("SYMBOL(kallsyms_token_index)", base.value + kIndex);
  }

 private:
  // Characters stand for themselves, the others for pieces of some names.
  static std::string token(std::size_t i) {
    constexpr std::array<std::string_view, 6> kPieces = {"init_", "__st", "D_",
                                                         "art_",  "_BTF", "kn"};
    if (i >= 0x80) return std::string(kPieces[(i - 0x80) % kPieces.size()]);
    return {static_cast<char>(i == 0 ? '?' : i)};
  }
  void write_tokens() {
    std::uint16_t at = 0;
    for (std::size_t i = 0; i < 256; ++i) {
      memory.put({kIndex + i * 2}, at);
      put(kTokens + at, text_bytes(token(i) + '\0'));
      at = static_cast<std::uint16_t>(at + token(i).size() + 1);
    }
  }
  static Bytes in_tokens(std::string_view name) {
    Bytes stored;
    while (!name.empty()) {
      std::size_t best = static_cast<unsigned char>(name[0]);
      for (std::size_t i = 0x80; i < 0x86; ++i) {
        if (name.starts_with(token(i))) best = i;
      }
      stored.push_back(static_cast<std::byte>(best));
      name.remove_prefix(token(best).size());
    }
    return stored;
  }
  void write_names(const std::vector<Symbol>& symbols) {
    std::uint64_t at = kNames;
    for (const Symbol& s : symbols) {
      Bytes stored = in_tokens(s.type + s.name);
      const std::size_t size = stored.size();
      if (size >= 0x80) stored.insert(stored.begin(), static_cast<std::byte>(size >> 7));
      stored.insert(stored.begin(), static_cast<std::byte>(size < 0x80 ? size : size | 0x80));
      put(at, stored);
      at += stored.size();
    }
  }
  void put_word(std::uint64_t at, std::uint64_t value) {
    word_ == 8 ? memory.put({at}, value) : memory.put({at}, static_cast<std::uint32_t>(value));
  }
  void write_addresses(const std::vector<Symbol>& symbols, Form form) {
    const bool has_base = form == Form::above_base || form == Form::per_cpu;
    note.set_hex(
        form == Form::addresses ? "SYMBOL(kallsyms_addresses)" : "SYMBOL(kallsyms_offsets)",
        base.value + kOffsets);
    if (has_base) {
      note.set_hex("SYMBOL(kallsyms_relative_base)", base.value + kBaseVariable);
      put_word(kBaseVariable, base.value);
    }
    for (std::size_t i = 0; i < symbols.size(); ++i) {
      const std::uint64_t address = symbols[i].address;
      const std::uint64_t at = kOffsets + i * (form == Form::addresses ? word_ : 4);
      switch (form) {
        case Form::addresses:
          put_word(at, address);
          break;
        case Form::above_base:
          memory.put({at}, static_cast<std::uint32_t>(address - base.value));
          break;
        case Form::per_cpu:
          memory.put({at}, static_cast<std::uint32_t>(
                               address < base.value ? address : base.value - 1 - address));
          break;
        case Form::from_itself:
          memory.put({at}, static_cast<std::uint32_t>(address - (base.value + at)));
          break;
        case Form::small:
          memory.put({at}, static_cast<std::uint32_t>(address));
          break;
      }
    }
  }

  unsigned word_;
};

}  // namespace vmsift::test
