// SPDX-License-Identifier: GPL-2.0-or-later
// Walks the struct pages of a window of page frames and gives every page its class.
//
// Blocks are decided at their head: the 2^order pages of a free block or of a compound page take
// the head's class after order and alignment were checked, and where the class is left out anyway
// the struct pages behind the head are not even read. In blocks that are kept each one is looked at
// for a memory error. A window that begins inside a block looks the head up.
#pragma once

#include "filters/page_class.h"
#include "mm-model/address_space.h"
#include "mm-model/page_decoder.h"
#include "src/classify/kernel_model.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace vmsift {

// What did not look as it should; all of it leads to pages being kept.
struct Anomalies {
  std::uint64_t unreadable = 0;     // struct pages that are not in the dump
  std::uint64_t no_memory_map = 0;  // pages of sections without struct pages
  std::uint64_t torn_blocks = 0;    // heads whose order cannot be
  std::uint64_t orphan_tails = 0;   // tails without a head that covers them

  void add(const Anomalies& other);
};

class Classifier {
 public:
  virtual ~Classifier() = default;

  // Sets classes[pfn - run.begin] for every page of `run`, all of which must be memory of the
  // machine. Blocks of a class in `skip` are passed over without reading their struct pages.
  virtual void classify(PfnRange run, ClassSet skip, std::span<PageClass> classes) = 0;

  [[nodiscard]] virtual const Anomalies& anomalies() const = 0;
};

// One a thread. `model` and `source` must outlive it.
std::unique_ptr<Classifier> make_classifier(const KernelModel& model, const MemorySource& source);

}  // namespace vmsift
