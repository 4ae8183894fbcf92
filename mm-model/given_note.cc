// SPDX-License-Identifier: GPL-2.0-or-later
#include "mm-model/given_note.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

namespace vmsift {
namespace {

// What a boot decides, on any architecture: arch_crash_save_vmcoreinfo() of each, 6.12 and 7.x.
constexpr std::array<std::string_view, 32> kOfTheBoot = {
    "CRASHTIME",
    // where the image lies and how it is mapped
    "KERNELOFFSET", "NUMBER(phys_base)", "NUMBER(KERNEL_IMAGE_SIZE)", "NUMBER(kimage_voffset)",
    "NUMBER(va_kernel_pa_offset)", "KERNELOFFPHYS", "IDENTITYBASE", "SAMODE31", "EAMODE31",
    "NUMBER(sme_mask)", "NUMBER(KERNELPACMASK)",
    // how large addresses are, and where the direct map and the others are then
    "NUMBER(pgtable_l5_enabled)", "NUMBER(TCR_EL1_T1SZ)", "NUMBER(VA_BITS)", "NUMBER(satp)",
    "NUMBER(RADIX_MMU)", "NUMBER(PHYS_OFFSET)", "NUMBER(phys_ram_base)", "NUMBER(PAGE_OFFSET)",
    "NUMBER(VMALLOC_START)", "NUMBER(VMALLOC_END)", "NUMBER(VMEMMAP_START)", "NUMBER(VMEMMAP_END)",
    "NUMBER(MODULES_VADDR)", "NUMBER(MODULES_END)", "NUMBER(KERNEL_LINK_ADDR)",
    // x86_64 has 46 or 52 bits, and as many sections
    "NUMBER(MAX_PHYSMEM_BITS)", "NUMBER(SECTION_SIZE_BITS)", "LENGTH(mem_section)",
    // not of the image, where an architecture has both in one mapping (ppc64)
    "SYMBOL(mem_section)", "SYMBOL(vmemmap)"};

constexpr std::string_view kSymbol = "SYMBOL(";

bool is_of_the_boot(std::string_view key) {
  return std::find(kOfTheBoot.begin(), kOfTheBoot.end(), key) != kOfTheBoot.end();
}

std::optional<std::uint64_t> hexadecimal(std::optional<std::string_view> text) {
  if (!text || text->empty()) return std::nullopt;
  std::uint64_t value = 0;
  const char* const last = text->data() + text->size();
  const auto [end, ec] = std::from_chars(text->data(), last, value, 16);
  return ec == std::errc{} && end == last ? std::optional(value) : std::nullopt;
}

// Of a given entry; nullopt: the dump's own is to be taken, where there is one.
std::optional<std::string> given_value(std::string_view key, std::string_view value,
                                       std::uint64_t image_start, std::uint64_t shift) {
  if (!key.starts_with(kSymbol)) {
    return is_of_the_boot(key) ? std::nullopt : std::optional(std::string(value));
  }
  const auto address = hexadecimal(value);
  if (!address) return std::nullopt;
  if (image_start == 0) return std::string(value);
  // All ones: the kernel had no address.
  if (*address < image_start || *address == std::numeric_limits<std::uint64_t>::max()) {
    return std::nullopt;
  }
  return fmt::format("{:x}", *address + shift);
}

bool is_build_id(std::string_view text) {
  return text.size() == 40 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

// Symbols that both know come first: s390x links its kernels, since 6.10, to where KERNELOFFSET is
// not 0.
std::uint64_t image_shift(const Vmcoreinfo& given, const Vmcoreinfo& own) {
  for (const char* name : {"_stext", "swapper_pg_dir", "init_uts_ns"}) {
    const auto ours = own.symbol(name);
    const auto theirs = given.symbol(name);
    if (ours && theirs) return *ours - *theirs;
  }
  const auto offset = own.hexadecimal("KERNELOFFSET");  // since 3.14
  return offset ? *offset - given.hexadecimal("KERNELOFFSET").value_or(0) : 0;
}

std::string merge_notes(const Vmcoreinfo& given, const Vmcoreinfo& own, std::uint64_t image_start) {
  const std::uint64_t shift = image_shift(given, own);
  std::string text;
  const auto add = [&](std::string_view key, std::string_view value) {
    text += fmt::format("{}={}\n", key, value);
  };
  for (const auto& [key, value] : given.entries()) {
    // Longer than any line of a kernel, and of use only for finding the image.
    if (key == "LINUX_BANNER") continue;
    const auto ours = own.text(key);
    if (ours && is_of_the_boot(key)) {
      add(key, *ours);
      continue;
    }
    const auto theirs = given_value(key, value, image_start, shift);
    add(key, theirs ? std::string_view(*theirs) : ours ? *ours : std::string_view(value));
  }
  for (const auto& [key, value] : own.entries()) {
    if (!given.text(key)) add(key, value);
  }
  return text;
}

NoteMatch compare_notes(const Vmcoreinfo& given, const Vmcoreinfo& own) {
  const auto release = given.text("OSRELEASE");
  const auto own_release = own.text("OSRELEASE");
  if (release && own_release && *release != *own_release) return NoteMatch::other_release;
  const auto build = given.text("BUILD-ID");
  const auto own_build = own.text("BUILD-ID");
  if (build && own_build && is_build_id(*build) && is_build_id(*own_build) &&
      *build != *own_build) {
    return NoteMatch::other_build;
  }
  return NoteMatch::same;
}

}  // namespace vmsift
