// SPDX-License-Identifier: GPL-2.0-or-later
// s390x: 3 to 5 levels of tables in use (2 are possible), leaves of 4 KiB, 1 MiB and 2 GiB, big
// endian (Principles of Operation, "Dynamic Address Translation").
//
// Up to 6.9 a kernel's addresses of memory and of its image are physical ones, and KASLR (5.2)
// moves the image within them. From 6.10 on memory is mapped at IDENTITYBASE and the image apart
// from it: address - KERNELOFFSET + KERNELOFFPHYS; code for 31-bit callers, SAMODE31 to EAMODE31,
// keeps its physical addresses (arch/s390/include/asm/page.h, boot/startup.c). vmemmap, vmalloc
// and modules are in the tables of swapper_pg_dir.
//
// A processor sees its own lowcore at 0 to 0x1fff, by prefixing. A dump has absolute memory, and
// no processor: addresses in there lead to absolute 0 to 0x1fff here, and not to what
// lowcore_ptr[] names.
#include "arch/arch.h"
#include "mm-model/address_space.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <limits>

namespace vmsift {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kLowcoreBytes = 0x2000;
constexpr std::uint64_t kMostImageBytes = std::uint64_t{512} << 20;  // KERNEL_IMAGE_SIZE
constexpr std::uint64_t kTwoGiB = std::uint64_t{1} << 31;
constexpr std::uint64_t kMostMemory = std::uint64_t{1} << 53;  // what 4 levels map

// ---- tables ----

// An entry of a region or segment table. Lengths and offsets of tables, in the same words, say that
// a table is not whole; Linux has whole ones.
constexpr std::uint64_t kInvalid = 0x20;
constexpr std::uint64_t kType = 0xc;  // 3, 2, 1: region first, second, third; 0: segment
constexpr unsigned kTypeShift = 2;
constexpr std::uint64_t kFormat = 0x400;  // a leaf, of a segment or a region third
constexpr std::uint64_t kTableOrigin = ~std::uint64_t{0xfff};
constexpr std::uint64_t kPageTableOrigin = ~std::uint64_t{0x7ff};  // half a page
// An entry of a page table.
constexpr std::uint64_t kPageInvalid = 0x400;
constexpr std::uint64_t kMustBeZero = 0x800;

// By type 3 to 0, and the page table.
constexpr std::array<PageTableLevel, 5> kLevels = {
    {{53, 11}, {42, 11}, {31, 11}, {20, 11}, {12, 8}}};
constexpr unsigned kHighestType = 3;
constexpr std::array<std::size_t, 1> kPageSizes = {kPage};

PageTableEntry decode_entry(std::uint64_t raw, const PageTableLevel& level, const PageTable&) {
  if (level.shift == 12) {
    if ((raw & (kPageInvalid | kMustBeZero)) != 0) return {};
    return {EntryKind::leaf, raw & kTableOrigin};
  }
  // The processor takes the type of another level for an error.
  const std::uint64_t type = (level.shift - 20U) / 11;
  if ((raw & kInvalid) != 0 || (raw & kType) >> kTypeShift != type) return {};
  if (type <= 1 && (raw & kFormat) != 0) {
    return {EntryKind::leaf, align_down(raw, std::uint64_t{1} << level.shift)};
  }
  return {EntryKind::table, raw & (type == 0 ? kPageTableOrigin : kTableOrigin)};
}

// How many levels there are is in the processor's control register, not in the note. But each
// entry, an empty one too, says what table it is in.
Result<void> find_levels(PageTable& table, AddressSpace& memory) {
  std::array<std::uint64_t, 2> ends;  // the first and the last entry
  const PhysAddr last = table.root + ((std::uint64_t{8} << kLevels[0].bits) - 8);
  for (std::size_t i = 0; i < ends.size(); ++i) {
    std::array<std::byte, 8> raw;
    if (!memory.read_physical(i == 0 ? table.root : last, raw)) {
      return error("SYMBOL(swapper_pg_dir): no memory at {:#x}", table.root.value);
    }
    ends[i] = load<std::uint64_t>(raw.data(), table.order);
  }
  // Zeros are no segment table, whose first page table would be in the lowcore.
  if (ends[0] == 0 || (ends[0] & kType) != (ends[1] & kType)) {
    return error("SYMBOL(swapper_pg_dir): no page table at {:#x}", table.root.value);
  }
  const auto type = static_cast<unsigned>((ends[0] & kType) >> kTypeShift);
  table.levels.assign(kLevels.begin() + (kHighestType - type), kLevels.end());
  const unsigned width = table.levels.front().shift + table.levels.front().bits;
  table.upper_mask = width < 64 ? ~std::uint64_t{0} << width : 0;
  return {};
}

// ---- places ----

// What a kernel leaves for its successor (arch/s390/include/asm/os_info.h): at an address that
// stands in the lowcore, entries of value, size and checksum. Those used are from 6.10 on, 0
// before.
class OsInfo {
 public:
  enum Entry : unsigned { kIdentityBase = 4, kKaslrOffset = 5, kKaslrOffsetPhys = 6 };

  explicit OsInfo(AddressSpace& memory) : memory_(memory) {
    const auto at = word(kPointer);
    if (at && *at % kPage == 0 && word(*at) == kMagic) at_ = *at;
  }
  [[nodiscard]] std::uint64_t value(Entry entry) const {
    if (at_ == 0) return 0;
    return word(at_ + kFirstEntry + entry * kEntryBytes).value_or(0);
  }

 private:
  static constexpr std::uint64_t kPointer = 0xe18;             // struct lowcore, since 3.4
  static constexpr std::uint64_t kMagic = 0x4f53494e464f535a;  // "OSINFOSZ"
  static constexpr std::uint64_t kFirstEntry = 32, kEntryBytes = 20;

  [[nodiscard]] std::optional<std::uint64_t> word(std::uint64_t at) const {
    std::array<std::byte, 8> raw;
    if (!memory_.read_physical({at}, raw)) return std::nullopt;
    return load<std::uint64_t>(raw.data(), ByteOrder::big);
  }

  AddressSpace& memory_;
  std::uint64_t at_ = 0;
};

struct Places {
  bool apart = false;  // the image from the direct map: 6.10
  std::uint64_t identity_base = 0, kernel_offset = 0, kernel_offset_phys = 0;
};

Result<Places> find_places(const Vmcoreinfo& note, AddressSpace& memory) {
  const OsInfo os_info(memory);
  const auto phys = note.hexadecimal("KERNELOFFPHYS");
  const auto base = note.hexadecimal("IDENTITYBASE");
  Places places;
  places.kernel_offset_phys = phys.value_or(os_info.value(OsInfo::kKaslrOffsetPhys));
  places.apart = phys || base || places.kernel_offset_phys != 0;
  if (!places.apart) return places;
  places.identity_base = base.value_or(os_info.value(OsInfo::kIdentityBase));
  places.kernel_offset =
      note.hexadecimal("KERNELOFFSET").value_or(os_info.value(OsInfo::kKaslrOffset));
  if (places.kernel_offset == 0) return error("KERNELOFFSET is missing");
  if (places.kernel_offset_phys == 0) return error("KERNELOFFPHYS is missing");
  for (const auto& [name, value] : {std::pair{"IDENTITYBASE", places.identity_base},
                                    std::pair{"KERNELOFFSET", places.kernel_offset},
                                    std::pair{"KERNELOFFPHYS", places.kernel_offset_phys}}) {
    if (value % kPage != 0) return error("{}={:x} is no address of a page", name, value);
  }
  // Memory lies below the image (setup_kernel_memory_layout(), boot/startup.c).
  if (places.identity_base >= places.kernel_offset) {
    return error("IDENTITYBASE={:x} is not below KERNELOFFSET={:x}", places.identity_base,
                 places.kernel_offset);
  }
  return places;
}

// The bytes of the direct map, of which there are `most`: up to where the note says that something
// else begins. Memory behind high_memory is in no direct map (mem=).
std::uint64_t direct_bytes(const Vmcoreinfo& note, std::uint64_t base, std::uint64_t most,
                           std::optional<std::uint64_t> high_memory) {
  const auto vmalloc = note.number("VMALLOC_START");
  const auto vmemmap = note.symbol("vmemmap");
  for (const std::uint64_t next : {vmalloc ? static_cast<std::uint64_t>(*vmalloc) : 0,
                                   vmemmap ? vmemmap->value : 0, high_memory.value_or(0)}) {
    if (next > base) most = std::min(most, next - base);
  }
  return align_down(most, kPage);
}

Result<AddressLayout> detect_layout(const MemorySource& source, const Vmcoreinfo& note) {
  const auto root = note.symbol("swapper_pg_dir");
  if (!root) return error("SYMBOL(swapper_pg_dir) is missing");
  AddressLayout layout;
  layout.table.order = source.info().order;
  layout.table.decode = decode_entry;
  AddressSpace memory(layout, source);
  auto places = find_places(note, memory);
  if (!places) return places.take_error();

  const std::uint64_t most =
      std::min(source.info().max_pfn, kMostMemory / kPage) * std::uint64_t{kPage};
  VirtualRange direct{{places->identity_base}, {0}, most};
  if (places->apart) {
    direct.size = std::min(most, places->kernel_offset - places->identity_base);
    const VirtAddr begin = note.symbol("_stext").value_or(VirtAddr{places->kernel_offset});
    if (begin.value < places->kernel_offset || root->value < begin.value) {
      return error("SYMBOL(swapper_pg_dir) {:#x} and SYMBOL(_stext) {:#x}: below KERNELOFFSET={:x}",
                   root->value, begin.value, places->kernel_offset);
    }
    const std::uint64_t bytes =
        std::min(kMostImageBytes, std::numeric_limits<std::uint64_t>::max() - begin.value);
    const PhysAddr at{begin.value - places->kernel_offset + places->kernel_offset_phys};
    layout.image.push_back({begin, at, bytes});
    layout.table.root = at + (*root - begin);
  } else {
    layout.table.root = {root->value};
  }
  layout.linear.push_back(direct);
  if (const auto variable = note.symbol("high_memory")) {
    direct.size = direct_bytes(note, direct.vaddr.value, direct.size,
                               memory.read_value<std::uint64_t>(*variable));
  } else {
    direct.size = direct_bytes(note, direct.vaddr.value, direct.size, std::nullopt);
  }
  layout.linear = {direct};
  if (places->identity_base != 0) {
    layout.linear.push_back({{0}, {0}, kLowcoreBytes});
    const auto begin = note.hexadecimal("SAMODE31");
    const auto end = note.hexadecimal("EAMODE31");
    if (begin && end && *begin < *end && *end <= kTwoGiB) {
      layout.linear.push_back({{*begin}, {*begin}, *end - *begin});
    }
  }
  if (auto found = find_levels(layout.table, memory); !found) return found.take_error();
  // include/asm/sparsemem.h: 28 until 6.12; 46 since 3.3, 42 before. From 5.10 on the note says it.
  layout.section_size_bits = 28;
  layout.max_physmem_bits = 46;
  return layout;
}

// ---- a dump without a note ----

// The kernel leaves the address of its own note in the lowcore (vmcore_info, struct lowcore). Early
// in the boot there is an odd number instead, which is no address.
constexpr std::uint64_t kNotePointer = 0xe0c;
constexpr std::string_view kNoteName("VMCOREINFO\0", 11);
constexpr std::size_t kMostNote = 4 * kPage;  // vmcoreinfo has a page

std::optional<std::string> note_in_memory(AddressSpace& memory) {
  std::array<std::byte, 8> raw;
  if (!memory.read_physical({kNotePointer}, raw)) return std::nullopt;
  const PhysAddr at{load<std::uint64_t>(raw.data(), ByteOrder::big)};
  std::array<std::byte, 24> head;
  if (!memory.read_physical(at, head)) return std::nullopt;
  const auto name_bytes = load<std::uint32_t>(&head[0], ByteOrder::big);
  const auto text_bytes = load<std::uint32_t>(&head[4], ByteOrder::big);
  const auto name = std::as_bytes(std::span(kNoteName));
  if (name_bytes != name.size() || !std::equal(name.begin(), name.end(), &head[12]) ||
      text_bytes > kMostNote) {
    return std::nullopt;
  }
  std::string text(text_bytes, '\0');
  if (!memory.read_physical(at + head.size(), std::as_writable_bytes(std::span(text)))) {
    return std::nullopt;
  }
  return text;
}

Result<std::optional<std::string>> find_boot(const MemorySource& source, const Vmcoreinfo& given) {
  const AddressLayout nothing_known;
  AddressSpace memory(nothing_known, source);
  auto text = note_in_memory(memory);
  if (!text) return error("the lowcore points to no VMCOREINFO");
  if (Vmcoreinfo(*text).text("OSRELEASE") != given.text("OSRELEASE"))
    return std::optional<std::string>();
  return text;
}

}  // namespace

extern constinit const Arch kS390x = {
    .name = "s390x",
    .other_names = {},
    .elf_machine = EM_S390,
    .word_bytes = 8,
    .page_sizes = kPageSizes,
    .detect_layout = detect_layout,
    .image_start = 0x10000,  // 0x100000 since 4.20, 0x3ffe0000000 since 6.10
    .find_boot = find_boot,
};

}  // namespace vmsift
