// SPDX-License-Identifier: GPL-2.0-or-later
// Compares what our rules found with what the kernel itself counted, and corrects a rule that is
// contradicted: a page filter that misreads a kernel must not write a dump as if nothing were.
//
// Of free pages there are three witnesses: the marks on struct pages, the free lists and the
// counters of the zones (NR_FREE_PAGES). Two that agree decide; where no two do, free pages are
// kept. Lists are walked only when marks and counters differ. Other classes have a counter alone
// (kernel_counters.h): a rule that claims far more pages than it is switched off, and so is that
// of user pages when slabs are missing.
#pragma once

#include "src/classify/classify_dump.h"
#include "src/classify/kernel_model.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vmsift {

// Pages that the witnesses call free.
struct FreeWitnesses {
  std::optional<std::uint64_t> marks;
  std::optional<std::uint64_t> counter;
  std::optional<std::uint64_t> lists;       // all of them
  std::optional<std::uint64_t> lists_here;  // those that are in the dump
  bool lists_whole = false;                 // no list is torn, and free_area.nr_free says the same
  std::uint64_t tolerance = 0;
};

enum class FreeBy : std::uint8_t { marks, lists, nothing };

// Which of them free pages are told by.
FreeBy decide(const FreeWitnesses& w);

struct Comparison {
  std::string_view what;     // "free pages"
  std::string_view counter;  // what the kernel calls it
  std::uint64_t found = 0;
  std::uint64_t counted = 0;    // by the kernel
  std::uint64_t tolerance = 0;  // pages
  bool agree = false;
};

struct Reconciliation {
  std::vector<Comparison> comparisons;
  std::string not_compared;           // why there is no comparison of free pages
  bool is_named = false;              // though the note names what it takes
  std::vector<std::string> verdicts;  // what was contradicted, and what became of it
  std::uint64_t torn_lists = 0;       // free lists in use that are broken somewhere
};

class Reconciler {
 public:
  // Both must outlive it; the model is what gets corrected.
  Reconciler(KernelModel& model, const MemorySource& source, unsigned threads)
      : model_(model), source_(source), threads_(threads) {}

  // Compares the totals of a pass over all pages. True: the model was corrected, and everything has
  // to be classified again. Once for each rule at the most.
  Result<bool> check(const ClassifyTotals& totals);

  // Classifies and checks until nothing is left to be corrected: for what cannot be taken back.
  Result<void> settle();

  // Of the last check; verdicts of all.
  [[nodiscard]] const Reconciliation& result() const { return result_; }

 private:
  Result<ClassifyTotals> count();
  Result<bool> check_free(const ClassifyTotals& totals, AddressSpace& memory);
  Result<void> ask_lists(FreeWitnesses& w, AddressSpace& memory);
  bool correct_free(const FreeWitnesses& w, bool had_marks);
  bool check_others(const ClassifyTotals& totals, AddressSpace& memory);
  bool keep(PageClass page_class, const std::string& reason);
  [[nodiscard]] std::uint64_t tolerance(const ClassifyTotals& totals) const;
  [[nodiscard]] std::uint64_t not_yet_counted() const;

  KernelModel& model_;
  const MemorySource& source_;
  unsigned threads_;
  bool free_settled_ = false;
  Reconciliation result_;
};

}  // namespace vmsift
