// SPDX-License-Identifier: GPL-2.0-or-later
// Reads a dump of hostile bytes as the program does, for a bounded time.
#pragma once

#include "src/input/byte_store.h"
#include "src/input/memory_source.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace vmsift::fuzz {

inline void require(bool condition) {
  if (!condition) std::abort();
}

// A file that is nowhere.
inline std::unique_ptr<ByteStore> file_of(std::span<const std::byte> bytes) {
  const int fd = ::memfd_create("fuzz", MFD_CLOEXEC);
  require(fd >= 0);
  File file(fd, "fuzz");
  require(file.write_at(0, bytes).ok());
  return std::make_unique<PlainStore>(std::move(file), bytes.size());
}

// Pages as they are stored; a sum of what was seen.
inline unsigned read_stored(PageReader& reader, std::span<const Pfn> pfns, std::size_t page_size) {
  std::array<StoredPage, 64> pages;
  unsigned sum = 0;
  for (std::size_t done = 0; done < pfns.size();) {
    const std::size_t got = reader.fetch_stored(pfns.subspan(done), pages);
    require(got >= 1 && got <= pfns.size() - done);
    for (std::size_t i = 0; i < got; ++i) {
      const StoredPage& page = pages[i];
      require(page.bytes.size() <= page_size);
      require(!page.zero || (page.bytes.size() == page_size && page.page_flag == 0));
      for (const std::byte b : page.bytes) sum += std::to_integer<unsigned>(b);
      require(!page.zero || std::to_integer<unsigned>(page.bytes[page_size / 2]) == 0);
    }
    if (reader.intact()) done += got;
  }
  return sum;
}

// At most some windows and pages of each: a hostile header may describe any amount of memory.
inline void read_dump(const MemorySource& source) {
  constexpr std::uint64_t kWindow = 512;
  constexpr int kMostWindows = 16;
  const Pfn max_pfn = source.info().max_pfn;
  const std::size_t page_size = source.info().page_size;
  std::array<std::byte, kWindow / 8> exists{};
  std::array<std::byte, kWindow / 8> stored{};
  const auto reader = source.reader();
  unsigned sum = 0;  // every byte is touched
  Pfn first = source.next_window(0, kWindow);
  for (int n = 0; first < max_pfn && n < kMostWindows; ++n) {
    const PfnRange window{first, std::min(first + kWindow, max_pfn)};
    if (!source.presence(window, BitSpan(exists), BitSpan(stored))) break;
    std::vector<Pfn> pfns;
    for (std::size_t i = 0; i < window.size() && pfns.size() < 64; ++i) {
      if (BitSpan(stored).test(i)) pfns.push_back(first + i);
      require(!BitSpan(stored).test(i) || BitSpan(exists).test(i));
    }
    std::array<const std::byte*, 64> pages;
    for (std::size_t done = 0; done < pfns.size();) {
      const std::size_t got = reader->fetch(std::span(pfns).subspan(done), pages);
      require(got >= 1 && got <= pfns.size() - done);
      for (std::size_t i = 0; i < got; ++i) {
        if (pages[i] == nullptr) continue;
        for (std::size_t k = 0; k < page_size; k += 64)
          sum += std::to_integer<unsigned>(pages[i][k]);
        sum += std::to_integer<unsigned>(pages[i][page_size - 1]);
      }
      if (reader->intact()) done += got;
    }
    if (source.info().stores_encoded) sum += read_stored(*reader, pfns, page_size);
    const Pfn next = source.next_window(first + kWindow, kWindow);
    require(next > first);
    first = next;
  }
  volatile unsigned sink = sum;
  static_cast<void>(sink);
}

}  // namespace vmsift::fuzz
