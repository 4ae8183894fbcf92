// SPDX-License-Identifier: GPL-2.0-or-later
// The class that the library gives to every page of a dump, for tools that compare classes.
#pragma once

#include "src/classify/reconcile.h"
#include "src/input/open.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace vmsift::test {

[[noreturn]] inline void die(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(2);
}

// A real vmcore, its pages of the size that its note says.
inline std::unique_ptr<MemorySource> open_vmcore(const std::string& path) {
  auto source = open_dump(path, ReadMode::map);
  if (!source) die(source.message());
  const Vmcoreinfo note((*source)->info().vmcoreinfo);
  if (const auto bytes = note.decimal("PAGESIZE")) {
    if (auto set = (*source)->set_page_size(*bytes); !set) {
      die(set.message());
    }
  }
  return std::move(*source);
}

// What a dump is made by: the model, corrected where the kernel's own counters contradict it.
struct Understanding {
  KernelModel model;
  Reconciliation reconciled;
};

inline Understanding understand(const std::string& note, const MemorySource& source,
                                const DetectOptions& options) {
  Understanding u{KernelModel::detect(Vmcoreinfo(note), source, options), {}};
  Reconciler reconciler(u.model, source, 1);
  if (auto settled = reconciler.settle(); !settled) die(settled.message());
  u.reconciled = reconciler.result();
  return u;
}

struct Classes {
  std::vector<PageClass> of;  // by page frame
  ClassifyTotals totals;
};

// `skip`: classes whose blocks are passed over, as a dump that leaves them out does.
inline Classes classes_of(const MemorySource& source, const KernelModel& model,
                          ClassSet skip = {}) {
  Classes classes;
  classes.of.assign(source.info().max_pfn, PageClass::hole);
  auto totals = classify_dump(source, model, skip, 1, [&](const WindowResult& window) {
    std::copy_n(window.classes.begin(), window.pages.size(),
                classes.of.begin() + static_cast<std::ptrdiff_t>(window.pages.begin));
    return Result<void>{};
  });
  if (!totals) die(totals.message());
  classes.totals = *totals;
  return classes;
}

}  // namespace vmsift::test
