// SPDX-License-Identifier: GPL-2.0-or-later
// The crashed kernel's virtual memory: translation by the architecture's layout, and reads through
// it. One object a thread: it owns a reader of the dump and a few cached pages of tables.
#pragma once

#include "arch/arch.h"
#include "src/input/memory_source.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace vmsift {

class AddressSpace {
 public:
  // Bytes that it holds beside its reader.
  static constexpr std::size_t memory(std::size_t page_size) { return kCachedPages * page_size; }

  // `layout` and `source` must outlive it.
  AddressSpace(const AddressLayout& layout, const MemorySource& source);

  // nullopt: not mapped, or the tables that would say so are not in the dump.
  [[nodiscard]] std::optional<Translation> translate(VirtAddr vaddr);
  // As translate(), but through the page tables alone: for checking one against the other.
  // `observer` is shown each entry on the way.
  [[nodiscard]] std::optional<Translation> walk(VirtAddr vaddr,
                                                const WalkObserver* observer = nullptr);
  // The lowest address at or above `from` that the page tables map, and where; see first_mapping().
  [[nodiscard]] std::optional<std::pair<VirtAddr, Translation>> first_mapped(VirtAddr from);

  // False when any byte cannot be had; `into` is then undefined.
  [[nodiscard]] bool read(VirtAddr vaddr, std::span<std::byte> into);
  [[nodiscard]] bool read_physical(PhysAddr paddr, std::span<std::byte> into);
  // An integer in the dump's byte order.
  template <class T>
  [[nodiscard]] std::optional<T> read_value(VirtAddr vaddr) {
    std::array<std::byte, sizeof(T)> raw;
    if (!read(vaddr, raw)) return std::nullopt;
    return load<T>(raw.data(), order_);
  }
  // A pointer or a long of the crashed kernel, of word_bytes() bytes.
  [[nodiscard]] std::optional<std::uint64_t> read_word(VirtAddr vaddr);
  [[nodiscard]] unsigned word_bytes() const { return layout_.word_bytes; }
  [[nodiscard]] std::uint64_t highest_address() const {
    return ~std::uint64_t{0} >> (64 - 8 * word_bytes());
  }
  // The address that the crashed kernel has for `value`: its pointers wrap around at their width,
  // and may carry a tag.
  [[nodiscard]] VirtAddr address(std::uint64_t value) const {
    return untagged({value & highest_address()});
  }

 private:
  struct CachedPage {
    bool valid = false;
    Pfn pfn = 0;
    std::vector<std::byte> bytes;
  };
  static constexpr std::size_t kCachedPages = 16;

  static constexpr std::size_t kPagesOfRun = 16;

  // A kernel address has the bit below the tag set.
  [[nodiscard]] VirtAddr untagged(VirtAddr at) const {
    const bool tagged = (at.value & (layout_.tag_bits & -layout_.tag_bits) >> 1) != 0;
    return tagged ? VirtAddr{at.value | layout_.tag_bits} : at;
  }
  const CachedPage* page(Pfn pfn);
  bool read_run(Pfn first, std::span<std::byte> into);

  const AddressLayout& layout_;
  ByteOrder order_;
  std::size_t page_size_;
  std::unique_ptr<PageReader> reader_;
  std::array<CachedPage, kCachedPages> cache_;
  std::size_t next_ = 0;  // the one to be replaced
};

}  // namespace vmsift
