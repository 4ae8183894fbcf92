// SPDX-License-Identifier: GPL-2.0-or-later
// A kernel without a note, found by its banner and its page tables.
#include "arch/x86_64.h"

#include "tests/unit/support/note.h"
#include "tests/unit/support/synthetic_memory.h"

#include <gtest/gtest.h>

namespace vmsift {
namespace {

using test::Note;
using test::SyntheticMemory;

constexpr std::uint64_t kMap = x86_64::kStartKernelMap;
constexpr std::uint64_t kAlign = 2 << 20;
constexpr std::uint64_t kBanner = 0x2001ff0;  // as linked, from kMap on
constexpr std::uint64_t kRoot = 0x2a10000;
constexpr std::uint64_t kMask = 0x2a4c8f8;
constexpr std::string_view kText = "Linux version 6.1.0 (me@here) #1 SMP";

struct Machine {
  std::uint64_t displacement = 5 * kAlign;  // of the image in memory
  std::uint64_t shift = 9 * kAlign;         // of its virtual addresses
  bool five_levels = false;
  std::uint64_t encryption_mask = 0;
};

void put_text(SyntheticMemory& memory, std::uint64_t at) {
  for (const char c : std::string(kText) + '\n') {
    memory.put<std::uint8_t>({at++}, static_cast<std::uint8_t>(c));
  }
}

// Tables behind the image map all of it.
void put_tables(SyntheticMemory& memory, const Machine& m, std::uint64_t pmd_page) {
  const std::uint64_t table = 0x63;  // present, writable, accessed, dirty
  const std::uint64_t leaf = 0xe3;
  std::uint64_t at = kRoot + m.displacement;
  std::uint64_t next = pmd_page + 0x1000;
  if (m.five_levels) {
    memory.put<std::uint64_t>({at + 511 * 8}, next | table | m.encryption_mask);
    at = next;
    next += 0x1000;
  }
  memory.put<std::uint64_t>({at + 511 * 8}, next | table | m.encryption_mask);
  memory.put<std::uint64_t>({next + 510 * 8}, pmd_page | table | m.encryption_mask);
  for (std::uint64_t i = 0; i < 24; ++i) {  // from 16 MiB on, as linked
    const std::uint64_t linked = (16 << 20) + i * kAlign;
    memory.put<std::uint64_t>({pmd_page + (linked + m.shift) / kAlign * 8},
                              (linked + m.displacement) | leaf | m.encryption_mask);
  }
}

struct MachineMemory : SyntheticMemory {
  explicit MachineMemory(const Machine& m = {}) : SyntheticMemory(1 << 16) {  // 256 MiB
    add({0, 1 << 16});
    put_text(*this, kBanner + m.displacement);
    put<std::uint64_t>({kMask + m.displacement}, m.encryption_mask);
    put_tables(*this, m, 0xf000000);
  }
};

Note given() {
  Note note;
  note.set("LINUX_BANNER", kText);
  note.set_hex("SYMBOL(linux_banner)", kMap + kBanner);
  note.set_hex("SYMBOL(init_top_pgt)", kMap + kRoot);
  note.set_hex("SYMBOL(sme_me_mask)", kMap + kMask);
  note.set("SIZE(mem_section)", 32);
  return note;
}

Result<std::optional<std::string>> find(const SyntheticMemory& memory, const Note& note = given()) {
  return x86_64::find_boot(memory, Vmcoreinfo(note.text()));
}

Vmcoreinfo found(const SyntheticMemory& memory, const Note& note = given()) {
  auto boot = find(memory, note);
  EXPECT_TRUE(boot) << boot.message();
  EXPECT_TRUE(boot && *boot);
  return boot && *boot ? Vmcoreinfo(**boot) : Vmcoreinfo();
}

TEST(X86_64Boot, IsFoundWithAndWithoutKaslr) {
  for (const std::uint64_t displacement : {std::uint64_t{0}, 1 * kAlign, 40 * kAlign}) {
    for (const std::uint64_t shift : {std::uint64_t{0}, 1 * kAlign, 400 * kAlign}) {
      for (const bool five_levels : {false, true}) {
        const auto note = found(MachineMemory({displacement, shift, five_levels, 0}));
        EXPECT_EQ(note.number("phys_base"), static_cast<std::int64_t>(displacement - shift));
        EXPECT_EQ(note.text("KERNELOFFSET"), fmt::format("{:x}", shift));
        EXPECT_EQ(note.number("pgtable_l5_enabled"), five_levels ? 1 : 0);
        EXPECT_EQ(note.number("sme_mask"), 0);
        EXPECT_EQ(note.number("MAX_PHYSMEM_BITS"), five_levels ? 52 : 46);
        EXPECT_EQ(note.length("mem_section"), five_levels ? 262144U : 4096U);
        EXPECT_EQ(note.number("KERNEL_IMAGE_SIZE").value_or(0), shift == 0 ? 0 : 1 << 30);
      }
    }
  }
}

TEST(X86_64Boot, TheEncryptionBitIsReadFirst) {
  const std::uint64_t bit = std::uint64_t{1} << 47;
  EXPECT_EQ(found(MachineMemory(Machine{.encryption_mask = bit})).number("sme_mask"),
            static_cast<std::int64_t>(bit));
  MachineMemory memory;
  memory.put<std::uint64_t>({kMask + 5 * kAlign}, 0x1234);  // no such bit
  EXPECT_EQ(found(memory).number("sme_mask"), 0);
}

TEST(X86_64Boot, AKnownLengthOfMemSectionStays) {
  Note note = given();
  note.set("LENGTH(mem_section)", 2048);
  const auto boot = found(MachineMemory(), note);
  EXPECT_FALSE(boot.length("mem_section"));
  EXPECT_FALSE(boot.number("MAX_PHYSMEM_BITS")) << "it would have to fit";
  for (const int size : {0, 4097}) {
    note = given();
    note.set("SIZE(mem_section)", size);
    EXPECT_FALSE(found(MachineMemory(), note).length("mem_section")) << size;
  }
}

// A kernel that was loaded for a later kexec has the same banner, and tables that were never used.
TEST(X86_64Boot, AnImageThatDidNotRunIsPassedOver) {
  MachineMemory memory;
  put_text(memory, kBanner + 1 * kAlign);
  EXPECT_EQ(found(memory).text("KERNELOFFSET"), "1200000");
  EXPECT_EQ(found(memory).number("phys_base"), static_cast<std::int64_t>(5 * kAlign - 9 * kAlign));
}

TEST(X86_64Boot, AnotherKernelIsNotFound) {
  MachineMemory memory;
  Note note = given();
  note.set("LINUX_BANNER", "Linux version 6.1.0 (me@here) #2 SMP");
  auto boot = find(memory, note);
  ASSERT_TRUE(boot);
  EXPECT_FALSE(*boot);
}

TEST(X86_64Boot, TablesThatDoNotMapItAreAnError) {
  MachineMemory memory;
  memory.put<std::uint64_t>({kRoot + 5 * kAlign + 511 * 8}, 0);
  const auto boot = find(memory);
  ASSERT_FALSE(boot);
  EXPECT_NE(boot.message().find("page tables"), std::string::npos);
}

TEST(X86_64Boot, TheImagesThatAreLookedAtAreCounted) {
  SyntheticMemory memory(1 << 17);
  memory.add({0, 1 << 17});
  const Machine last{.displacement = 100 * kAlign};
  for (std::uint64_t i = 0; i <= 100; ++i) put_text(memory, kBanner + i * kAlign);
  put_tables(memory, last, 0x1f000000);
  EXPECT_FALSE(find(memory)) << "the 65th and later are not looked at";
}

TEST(X86_64Boot, SymbolsMustBeInTheImage) {
  const MachineMemory memory;
  for (const char* name : {"SYMBOL(linux_banner)", "SYMBOL(init_top_pgt)"}) {
    for (const std::uint64_t at : {std::uint64_t{0x1000}, kMap - 1, kMap + (1 << 30)}) {
      Note note = given();
      note.set_hex(name, at);
      EXPECT_FALSE(find(memory, note)) << name << " " << at;
    }
    Note note = given();
    note.remove(name);
    EXPECT_FALSE(find(memory, note)) << name;
  }
}

}  // namespace
}  // namespace vmsift
