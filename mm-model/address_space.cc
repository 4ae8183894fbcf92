// SPDX-License-Identifier: GPL-2.0-or-later
#include "mm-model/address_space.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace vmsift {

AddressSpace::AddressSpace(const AddressLayout& layout, const MemorySource& source)
    : layout_(layout),
      order_(source.info().order),
      page_size_(source.info().page_size),
      reader_(source.reader()) {}

std::optional<Translation> AddressSpace::translate(VirtAddr vaddr) {
  vaddr = untagged(vaddr);
  for (const auto* ranges : {&layout_.image, &layout_.linear}) {
    for (const VirtualRange& r : *ranges) {
      const std::uint64_t inside = vaddr - r.vaddr;  // wraps to something large below the range
      if (inside < r.size) return Translation{r.paddr + inside, r.size - inside};
    }
  }
  const auto& listed = layout_.listed;
  const auto above =
      std::upper_bound(listed.begin(), listed.end(), vaddr,
                       [](VirtAddr at, const VirtualRange& r) { return at < r.vaddr; });
  if (above != listed.begin()) {
    const VirtualRange& r = *std::prev(above);
    const std::uint64_t inside = vaddr - r.vaddr;
    if (inside < r.size) return Translation{r.paddr + inside, r.size - inside};
  }
  return walk(vaddr);
}

std::optional<Translation> AddressSpace::walk(VirtAddr vaddr, const WalkObserver* observer) {
  return walk_page_table(
      layout_.table, untagged(vaddr),
      [this](PhysAddr at, std::span<std::byte> into) { return read_physical(at, into); }, observer);
}

std::optional<std::pair<VirtAddr, Translation>> AddressSpace::first_mapped(VirtAddr from) {
  return first_mapping(layout_.table, from, [this](PhysAddr at, std::span<std::byte> into) {
    return read_physical(at, into);
  });
}

const AddressSpace::CachedPage* AddressSpace::page(Pfn pfn) {
  for (const CachedPage& known : cache_) {
    if (known.valid && known.pfn == pfn) return &known;
  }
  // Not by page frame: the tables of one walk must not drive each other out.
  CachedPage& slot = cache_[next_];
  next_ = (next_ + 1) % kCachedPages;
  slot.valid = false;
  slot.bytes.resize(page_size_);
  do {
    const std::byte* data = nullptr;
    reader_->fetch({&pfn, 1}, {&data, 1});
    if (data == nullptr) return nullptr;
    std::memcpy(slot.bytes.data(), data, page_size_);
  } while (!reader_->intact());
  slot.pfn = pfn;
  slot.valid = true;
  return &slot;
}

// Whole pages in a row, past the cache: tables of megabytes would drive everything else out of it.
// A reader that is told of some pages at a time maps them at a time.
bool AddressSpace::read_run(Pfn first, std::span<std::byte> into) {
  std::array<Pfn, kPagesOfRun> pfns;
  std::array<const std::byte*, kPagesOfRun> pages;
  while (!into.empty()) {
    const std::size_t n = std::min(kPagesOfRun, into.size() / page_size_);
    std::iota(pfns.begin(), pfns.end(), first);
    std::size_t got = 0;
    do {
      got = reader_->fetch(std::span(pfns).first(n), std::span(pages).first(n));
      for (std::size_t i = 0; i < got; ++i) {
        if (pages[i] == nullptr) return false;
        std::memcpy(&into[i * page_size_], pages[i], page_size_);
      }
    } while (!reader_->intact());
    first += got;
    into = into.subspan(got * page_size_);
  }
  return true;
}

bool AddressSpace::read_physical(PhysAddr paddr, std::span<std::byte> into) {
  while (!into.empty()) {
    const auto inside = static_cast<std::size_t>(paddr.value % page_size_);
    if (inside == 0 && into.size() >= 2 * page_size_) {
      const std::size_t whole = align_down(into.size(), page_size_);
      if (!read_run(paddr.value / page_size_, into.first(whole))) return false;
      into = into.subspan(whole);
      paddr = paddr + whole;
      continue;
    }
    const std::size_t n = std::min(into.size(), page_size_ - inside);
    const CachedPage* cached = page(paddr.value / page_size_);
    if (cached == nullptr) return false;
    std::memcpy(into.data(), cached->bytes.data() + inside, n);
    into = into.subspan(n);
    paddr = paddr + n;
  }
  return true;
}

std::optional<std::uint64_t> AddressSpace::read_word(VirtAddr vaddr) {
  if (word_bytes() == sizeof(std::uint64_t)) return read_value<std::uint64_t>(vaddr);
  return read_value<std::uint32_t>(vaddr);
}

bool AddressSpace::read(VirtAddr vaddr, std::span<std::byte> into) {
  while (!into.empty()) {
    const auto at = translate(vaddr);
    if (!at) return false;
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), at->contiguous));
    if (!read_physical(at->paddr, into.first(n))) return false;
    into = into.subspan(n);
    vaddr = vaddr + n;
  }
  return true;
}

}  // namespace vmsift
