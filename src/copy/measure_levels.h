// SPDX-License-Identifier: GPL-2.0-or-later
// What each page would cost in a dump, for several codecs at once, summed by class: every dump
// level is a sum of classes, so one pass answers for all 32.
#pragma once

#include "compress/codec.h"
#include "filters/page_class.h"
#include "src/copy/copy_pages.h"

#include <array>
#include <bitset>
#include <cstdint>
#include <span>
#include <vector>

namespace vmsift {

struct ClassCost {
  std::uint64_t pages = 0;
  std::uint64_t zero_pages = 0;  // among them
  std::uint64_t lost_pages = 0;  // among them, that could not be read
  std::bitset<256> fills;        // byte values that fill pages, which share their data
};

struct CodecCost {
  const Codec* codec = nullptr;
  std::array<std::uint64_t, kPageClasses> bytes{};  // of the pages that no single byte fills
  std::array<double, kPageClasses> squares{};       // of the sizes of these
  std::array<std::uint32_t, 256> fill_bytes{};      // of one page that this byte fills, if any does
};

struct LevelCosts {
  std::array<ClassCost, kPageClasses> classes{};
  std::vector<CodecCost> codecs;

  // What a dump of this level holds behind its bitmaps.
  [[nodiscard]] std::uint64_t pages(unsigned level) const;
  [[nodiscard]] std::uint64_t lost_pages() const;
  [[nodiscard]] std::uint64_t page_data_bytes(unsigned level, const CodecCost& codec,
                                              std::size_t page_size) const;
  // Among these, of the data that fill pages share.
  [[nodiscard]] std::uint64_t shared_bytes(unsigned level, const CodecCost& codec,
                                           std::size_t page_size) const;
};

// `windows` give every page that any level keeps, with its class. `progress` is told the page frame
// up to which pages were measured.
Result<LevelCosts> measure_levels(const MemorySource& source, NextWindow windows,
                                  std::span<const Codec* const> codecs, unsigned threads,
                                  const CopyProgress& progress);

struct ClassifiedPage {
  Pfn pfn = 0;
  PageClass page_class = PageClass::kernel;
};

// The same of these pages alone, which rise and may be far apart. In this thread.
LevelCosts measure_each(const MemorySource& source, std::span<const ClassifiedPage> pages,
                        std::span<const Codec* const> codecs);

}  // namespace vmsift
