// SPDX-License-Identifier: GPL-2.0-or-later
// x86_64: where a boot put the kernel, for a dump that has no note to say it (of QEMU without its
// vmcoreinfo device).
//
// The image lies in one piece in memory, whole multiples of 2 MiB away from where it was linked
// (CONFIG_PHYSICAL_ALIGN, at the least that since 2.6.26), and KASLR moves its virtual addresses by
// other multiples (3.14; CONFIG_RANDOMIZE_BASE: within the GiB of KERNEL_IMAGE_SIZE). A known piece
// of the image gives the first distance, the kernel's own page tables, which lie in the image too,
// the second. Only a place that both agree on counts: a second image that waits for a kexec has
// tables that do not map it.
#include "arch/x86_64.h"
#include "mm-model/kernel_image.h"

namespace vmsift::x86_64 {
namespace {

constexpr std::uint64_t kAlign = std::uint64_t{2} << 20;
constexpr std::uint64_t kImageRange = std::uint64_t{1} << 30;

// include/asm/sparsemem.h: sections of 2^27 bytes since 2.6.26; addresses of 52 bits with 5 levels
// (4.14), else of 46 (2.6.31).
constexpr unsigned kSectionBits = 27;
constexpr unsigned kPhysicalBits[] = {46, 52};

// Images whose tables are looked at; more than one or two are nobody's but an attacker's.
constexpr std::uint64_t kMaxImages = 64;

struct Boot {
  std::uint64_t shift = 0;  // of virtual addresses
  bool five_levels = false;
  std::uint64_t encryption_mask = 0;
};

// The mask is needed to read page tables at all, but memory that is encrypted cannot be read
// anyway, so that in nearly all dumps it is 0.
std::uint64_t read_encryption_mask(const Vmcoreinfo& given, AddressSpace& memory,
                                   std::uint64_t displacement, ByteOrder order) {
  const auto variable = given.symbol("sme_me_mask");
  std::array<std::byte, 8> raw;
  if (!variable || !memory.read_physical({variable->value - kStartKernelMap + displacement}, raw)) {
    return 0;
  }
  const auto mask = load<std::uint64_t>(raw.data(), order);
  return is_encryption_mask(mask) ? mask : 0;
}

// The virtual address at which the image's page tables map the anchor's place.
std::optional<Boot> read_tables(const MemorySource& source, VirtAddr root, VirtAddr anchor,
                                PhysAddr place, std::uint64_t encryption_mask) {
  const std::uint64_t displacement = place.value - (anchor.value - kStartKernelMap);
  for (const bool five_levels : {false, true}) {
    AddressLayout layout;
    layout.table =
        page_table({root.value - kStartKernelMap + displacement}, five_levels, encryption_mask);
    layout.table.order = source.info().order;
    AddressSpace memory(layout, source);
    for (std::uint64_t shift = 0; anchor.value - kStartKernelMap + shift < kImageRange;
         shift += kAlign) {
      const auto walked = memory.walk(anchor + shift);
      if (walked && walked->paddr == place) return Boot{shift, five_levels, encryption_mask};
    }
  }
  return std::nullopt;
}

std::string note_of(const Boot& boot, std::uint64_t displacement, const Vmcoreinfo& given) {
  std::string note = fmt::format(
      "NUMBER(phys_base)={}\nNUMBER(pgtable_l5_enabled)={}\nKERNELOFFSET={:x}\n"
      "NUMBER(sme_mask)={}\n",
      static_cast<std::int64_t>(displacement - boot.shift), boot.five_levels ? 1 : 0, boot.shift,
      boot.encryption_mask);
  // Only a kernel with room for it is moved.
  if (boot.shift != 0) note += fmt::format("NUMBER(KERNEL_IMAGE_SIZE)={}\n", kImageRange);
  // Since 4.15 mem_section is allocated, as long as the addresses need it.
  const auto section = given.size("mem_section");
  if (section && *section != 0 && *section <= 4096 && !given.length("mem_section")) {
    const unsigned bits = kPhysicalBits[boot.five_levels ? 1 : 0];
    note += fmt::format(
        "NUMBER(SECTION_SIZE_BITS)={}\nNUMBER(MAX_PHYSMEM_BITS)={}\nLENGTH(mem_section)={}\n",
        kSectionBits, bits,
        ceil_div(std::uint64_t{1} << (bits - kSectionBits), std::uint64_t{4096 / *section}));
  }
  return note;
}

}  // namespace

Result<std::optional<std::string>> find_boot(const MemorySource& source, const Vmcoreinfo& given) {
  const auto anchor = image_anchor(given);
  const auto root = page_table_root(given);
  const auto in_image = [](VirtAddr at) {
    return at.value >= kStartKernelMap && at.value - kStartKernelMap < kImageRange;
  };
  if (!anchor) return error("neither linux_banner nor init_uts_ns is known");
  if (!root) return error("SYMBOL(swapper_pg_dir) is missing");
  if (!in_image(anchor->address) || !in_image(*root)) {
    return error("SYMBOL(swapper_pg_dir) {:#x} or {:#x} is not in the kernel's image", root->value,
                 anchor->address.value);
  }
  const AddressLayout none;
  AddressSpace memory(none, source);
  const std::uint64_t linked = anchor->address.value - kStartKernelMap;
  std::optional<std::string> note;
  std::uint64_t looked_at = 0;
  const std::uint64_t seen =
      find_image(source, memory, *anchor, linked % kAlign, kAlign, [&](PhysAddr place) {
        const std::uint64_t displacement = place.value - linked;
        const std::uint64_t mask =
            read_encryption_mask(given, memory, displacement, source.info().order);
        const auto boot = read_tables(source, *root, anchor->address, place, mask);
        if (boot) note = note_of(*boot, displacement, given);
        return note.has_value() || ++looked_at == kMaxImages;
      });
  if (!note && seen != 0) {
    return error("the kernel's image is in memory, but no page tables that map it");
  }
  return note;
}

}  // namespace vmsift::x86_64
