// SPDX-License-Identifier: GPL-2.0-or-later
// Reads a MemorySource as the copy stage does, and says what became of each page.
#pragma once

#include "src/input/memory_source.h"
#include "tests/unit/support/test_bytes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vmsift::test {

// Page frames with data, as presence() tells.
inline std::vector<Pfn> stored_pages(const MemorySource& source, bool with_data = true) {
  constexpr std::uint64_t kWindow = 4096;
  std::vector<std::byte> exists(kWindow / 8);
  std::vector<std::byte> stored(kWindow / 8);
  std::vector<Pfn> pfns;
  const Pfn max_pfn = source.info().max_pfn;
  for (Pfn first = source.next_window(0, kWindow); first < max_pfn;
       first = source.next_window(first + kWindow, kWindow)) {
    const PfnRange window{first, std::min(first + kWindow, max_pfn)};
    const BitSpan there(exists);
    const BitSpan data(stored);
    if (!source.presence(window, there, data)) return {};
    for (std::size_t i = 0; i < window.size(); ++i) {
      if (with_data ? data.test(i) : there.test(i)) pfns.push_back(first + i);
    }
  }
  return pfns;
}

struct ReadPages {
  std::map<Pfn, std::optional<Bytes>> pages;  // nullopt: handed out as nullptr
  std::string error;                          // the last reason that was given
  std::size_t redone = 0;                     // fetches that were not intact
};

// Through fetch() with at most `batch` pages a call; once more where the reader says so.
inline ReadPages read_pages(PageReader& reader, std::span<const Pfn> pfns, std::size_t page_size,
                            std::size_t batch = 128) {
  ReadPages read;
  std::vector<const std::byte*> pages(batch);
  for (std::size_t done = 0; done < pfns.size();) {
    const auto wanted = pfns.subspan(done, std::min(batch, pfns.size() - done));
    const std::size_t got = reader.fetch(wanted, pages);
    if (got == 0 || got > wanted.size()) {
      ADD_FAILURE() << "fetch() returned " << got << " of " << wanted.size();
      return read;
    }
    std::vector<std::optional<Bytes>> copies(got);
    for (std::size_t i = 0; i < got; ++i) {
      if (pages[i] != nullptr) copies[i] = Bytes(pages[i], pages[i] + page_size);
    }
    if (!reader.last_error().empty()) read.error = reader.last_error();
    if (!reader.intact()) {
      ++read.redone;
      continue;
    }
    for (std::size_t i = 0; i < got; ++i) read.pages[wanted[i]] = std::move(copies[i]);
    done += got;
  }
  return read;
}

inline ReadPages read_pages(const MemorySource& source, std::span<const Pfn> pfns,
                            std::size_t batch = 128) {
  return read_pages(*source.reader(), pfns, source.info().page_size, batch);
}

// Everything the source says it holds.
inline ReadPages read_all(const MemorySource& source, std::size_t batch = 128) {
  return read_pages(source, stored_pages(source), batch);
}

}  // namespace vmsift::test
