// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/output/shared_pages.h"

#include <cstring>

namespace vmsift {

const std::size_t SharedPages::kMemory = kRemembered * sizeof(Entry);

SharedPages::SharedPages(const MemorySource& source)
    : page_size_(source.info().page_size),
      reader_(source.reader()),
      earlier_(page_size_),
      entries_(kRemembered) {}

std::optional<std::uint64_t> SharedPages::find(Pfn pfn, std::uint64_t hash, std::uint32_t size) {
  const Entry& entry = entries_[hash % kRemembered];
  // A hash can be met by chance or by intent; the bytes cannot.
  if (entry.hash != hash || entry.size != size || !same(entry.pfn, pfn)) return std::nullopt;
  ++shared_;
  return entry.offset;
}

void SharedPages::remember(Pfn pfn, std::uint64_t hash, std::uint32_t size, std::uint64_t offset) {
  entries_[hash % kRemembered] = {hash, pfn, offset, size};
}

bool SharedPages::same(Pfn earlier, Pfn later) {
  const std::byte* page = nullptr;
  do {
    reader_->fetch({&earlier, 1}, {&page, 1});
    if (page == nullptr) return false;
    std::memcpy(earlier_.data(), page, page_size_);
  } while (!reader_->intact());
  bool equal = false;
  do {
    reader_->fetch({&later, 1}, {&page, 1});
    if (page == nullptr) return false;
    equal = std::memcmp(earlier_.data(), page, page_size_) == 0;
  } while (!reader_->intact());
  return equal;
}

}  // namespace vmsift
