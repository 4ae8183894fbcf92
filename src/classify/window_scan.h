// SPDX-License-Identifier: GPL-2.0-or-later
// One window of page frames, from presence in the dump to the bit that says whether a page is kept.
// Windows are the unit of work everywhere: 32768 page frames, 128 MiB of 4 KiB pages.
#pragma once

#include "filters/page_class.h"
#include "src/base/bitmap.h"
#include "src/classify/classifier.h"
#include "src/classify/free_list_pages.h"
#include "src/classify/kernel_model.h"
#include "src/input/memory_source.h"

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace vmsift {

constexpr std::uint64_t kWindowPages = 32768;
constexpr std::size_t kWindowBytes = kWindowPages / 8;  // of a bitmap

struct WindowResult {
  PfnRange pages;  // clipped to the dump's max_pfn
  std::array<PageClass, kWindowPages> classes;
  std::array<std::byte, kWindowBytes> exists;  // bitmap 1: memory of the machine
  std::array<std::byte, kWindowBytes> kept;    // bitmap 2: to be written
  ClassCounts counts;
  ClassCounts absent_counts;  // of the pages of class absent: what their struct pages say
  std::uint64_t kept_pages = 0;
  Anomalies anomalies;
};

// One a thread.
class WindowScanner {
 public:
  // Bytes that one takes, with readers of `reader_memory` bytes each: for struct pages, for what
  // they are mapped by, and for free lists.
  static constexpr std::size_t memory(std::size_t page_size, std::size_t reader_memory) {
    return kWindowBytes + 2 * AddressSpace::memory(page_size) + 3 * reader_memory;
  }

  // `unused_vmemmap` are page frames of that class, sorted; it must outlive the scanner.
  WindowScanner(const KernelModel& model, const MemorySource& source, ClassSet dropped,
                const std::vector<PfnRange>* unused_vmemmap = nullptr)
      : model_(model),
        source_(source),
        classifier_(make_classifier(model, source)),
        dropped_(dropped),
        unused_vmemmap_(unused_vmemmap) {}

  // `first` is a multiple of kWindowPages.
  Result<void> scan(Pfn first, WindowResult& result);

 private:
  void classify(WindowResult& result, BitSpan exists, BitSpan stored);
  void mark_free_lists(WindowResult& result);
  void select(WindowResult& result) const;

  const KernelModel& model_;
  const MemorySource& source_;
  // Where free lists tell which pages are free.
  std::optional<AddressSpace> memory_;
  std::shared_ptr<const FreeListPages::Stride> free_lists_;
  std::unique_ptr<Classifier> classifier_;
  ClassSet dropped_;
  const std::vector<PfnRange>* unused_vmemmap_;
  std::array<std::byte, kWindowBytes> stored_;
};

}  // namespace vmsift
