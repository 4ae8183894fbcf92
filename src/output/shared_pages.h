// SPDX-License-Identifier: GPL-2.0-or-later
// Finds pages whose data are in the dump already (--dedup). Readers only follow offsets, so that
// any number of descriptors may share the data of one page.
//
// The memory is fixed: some thousand pages are remembered by their hash, a new one takes the place
// of an old one.
#pragma once

#include "src/base/types.h"
#include "src/input/memory_source.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace vmsift {

class SharedPages {
 public:
  static constexpr std::size_t kRemembered = 4096;
  static const std::size_t kMemory;  // bytes that it takes beside its reader, with small pages

  // `source` must outlive it.
  explicit SharedPages(const MemorySource& source);

  // Where data of the same size and content as that of page `pfn` are; nullopt: not known.
  [[nodiscard]] std::optional<std::uint64_t> find(Pfn pfn, std::uint64_t hash, std::uint32_t size);
  void remember(Pfn pfn, std::uint64_t hash, std::uint32_t size, std::uint64_t offset);

  [[nodiscard]] std::uint64_t shared() const { return shared_; }

 private:
  struct Entry {
    std::uint64_t hash = 0;  // 0: nothing is here
    Pfn pfn = 0;
    std::uint64_t offset = 0;
    std::uint32_t size = 0;
  };

  bool same(Pfn earlier, Pfn later);

  std::size_t page_size_;
  std::unique_ptr<PageReader> reader_;
  std::vector<std::byte> earlier_;
  std::vector<Entry> entries_;
  std::uint64_t shared_ = 0;
};

}  // namespace vmsift
