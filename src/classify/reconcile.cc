// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/classify/reconcile.h"

#include "src/classify/free_list_pages.h"
#include "src/classify/kernel_counters.h"

#include <algorithm>

namespace vmsift {
namespace {

// Where the dump does not say how many CPUs there were.
constexpr std::uint64_t kAssumedCpus = 64;

// Memory of a live system goes on changing between a count and a look: a part of it.
constexpr std::uint64_t kLivePart = 8;

// Counters other than that of free pages: see far_more().
constexpr std::uint64_t kFactor = 4;
constexpr std::uint64_t kMemoryPart = 32;

bool close(std::uint64_t a, std::uint64_t b, std::uint64_t tolerance) {
  return (a < b ? b - a : a - b) <= tolerance;
}

std::uint64_t pages_of(const ClassifyTotals& totals, PageClass c) {
  const auto i = static_cast<std::size_t>(c);
  return totals.counts[i] + totals.absent_counts[i];
}

// Unaccepted memory is free to the kernel.
std::uint64_t free_pages_of(const ClassifyTotals& totals) {
  return pages_of(totals, PageClass::free) + pages_of(totals, PageClass::unaccepted);
}

std::string number(const std::optional<std::uint64_t>& pages) {
  return pages ? fmt::format("{}", *pages) : std::string("none can be told");
}

}  // namespace

FreeBy decide(const FreeWitnesses& w) {
  const auto agree = [&w](const std::optional<std::uint64_t>& a,
                          const std::optional<std::uint64_t>& b) {
    return a && b && close(*a, *b, w.tolerance);
  };
  if (w.marks && !w.counter) return FreeBy::marks;  // nobody contradicts them
  if (agree(w.marks, w.counter) || agree(w.marks, w.lists_here)) return FreeBy::marks;
  if (agree(w.lists, w.counter)) return FreeBy::lists;
  // Two counts of the lists that agree to the page: a list that is not one does not link back.
  if (!w.marks && w.lists && w.lists_whole) return FreeBy::lists;
  return FreeBy::nothing;
}

Result<bool> Reconciler::check(const ClassifyTotals& totals) {
  result_.comparisons.clear();
  if (!model_.memory_map()) return false;
  auto corrected = check_free(totals);
  if (!corrected) return corrected;
  return check_others(totals) || *corrected;
}

Result<void> Reconciler::settle() {
  for (;;) {
    auto totals = count();
    if (!totals) return totals.take_error();
    auto corrected = check(*totals);
    if (!corrected) return corrected.take_error();
    if (!*corrected) return {};
  }
}

Result<ClassifyTotals> Reconciler::count() {
  return classify_dump(source_, model_, dropped_classes(kMaxLevel), threads_,
                       [](const WindowResult&) -> Result<void> { return {}; });
}

// What each CPU has not yet added to a zone's counter; pages with a memory error, which some
// kernels leave in free blocks; and what cannot be looked at.
std::uint64_t Reconciler::tolerance(const ClassifyTotals& totals) const {
  const DumpInfo& dump = source_.info();
  const std::uint64_t cpus = dump.cpus != 0 ? dump.cpus : kAssumedCpus;
  std::uint64_t pages = cpus * model_.zones()->all().size() * Zones::kMostPerCpu;
  pages += pages_of(totals, PageClass::hwpoison) + totals.anomalies.unreadable;
  if (dump.live) pages += dump.max_pfn / kLivePart;
  return pages;
}

Result<bool> Reconciler::check_free(const ClassifyTotals& totals) {
  const auto& zones = model_.zones();
  result_.not_compared = zones ? zones->no_free_pages() : model_.no_zones();
  const bool by_lists = model_.free_list_pages() != nullptr;
  const bool by_marks = !by_lists && model_.tells(PageClass::free);
  if (!zones || (!by_lists && !by_marks)) return false;

  FreeWitnesses w;
  w.counter = zones->free_pages();
  w.tolerance = tolerance(totals);
  const std::uint64_t found = free_pages_of(totals);
  if (w.counter) {
    result_.comparisons.push_back({"free pages", "NR_FREE_PAGES", found, *w.counter, w.tolerance,
                                   close(found, *w.counter, w.tolerance)});
  }
  if (free_settled_) return false;
  free_settled_ = true;
  if (w.counter ? result_.comparisons.back().agree : by_marks) return false;
  if (by_marks) w.marks = found;
  if (auto asked = ask_lists(w); !asked) return asked.take_error();
  return correct_free(w, by_marks);
}

// The lists as a whole, and what of them is in this dump: by classifying with them.
Result<void> Reconciler::ask_lists(FreeWitnesses& w) {
  const std::optional<FreeLists>& lists = model_.free_lists();
  if (!lists || source_.info().live) return {};  // a list that changes cannot be followed
  AddressSpace memory(model_.addresses(), source_);
  const FreeListTotals all =
      lists->walk({0, ~Pfn{0}}, *model_.memory_map(), memory, [](PfnRange) {});
  const bool had_marks = w.marks.has_value();
  if (had_marks) model_.use_free_lists();
  auto totals = count();
  if (had_marks) model_.use_free_marks();
  if (!totals) return totals.take_error();
  const std::uint64_t unaccepted = pages_of(*totals, PageClass::unaccepted);
  w.lists = all.pages + unaccepted;
  w.lists_here = free_pages_of(*totals);
  w.lists_whole = all.torn_lists == 0 && all.counted == all.pages;
  return {};
}

bool Reconciler::correct_free(const FreeWitnesses& w, bool had_marks) {
  const std::string numbers = fmt::format("marks: {}, free lists: {}, NR_FREE_PAGES: {}",
                                          number(w.marks), number(w.lists), number(w.counter));
  const auto say = [this](std::string text) { result_.verdicts.push_back(std::move(text)); };
  switch (decide(w)) {
    case FreeBy::marks:
      // Part of a machine's memory is dumped, or the counter is wrong.
      if (w.lists && w.counter && close(*w.lists, *w.counter, w.tolerance)) return false;
      say(fmt::format(
          "the kernel's count of free pages is suspect ({}); marks and free lists agree", numbers));
      return false;
    case FreeBy::lists:
      if (!had_marks) {
        if (w.counter)
          say(fmt::format("the kernel's count of free pages is suspect ({})", numbers));
        return false;
      }
      say(fmt::format(
          "the mark of free pages is suspect ({}); the free lists are used in its place", numbers));
      model_.use_free_lists();
      return true;
    case FreeBy::nothing:
      break;
  }
  say(fmt::format("free pages are kept: no two counts of them agree ({})", numbers));
  model_.switch_off(PageClass::free,
                    fmt::format("no two counts of free pages agree ({})", numbers));
  return true;
}

bool Reconciler::check_others(const ClassifyTotals& totals) {
  AddressSpace memory(model_.addresses(), source_);
  const std::uint64_t cpus = source_.info().cpus != 0 ? source_.info().cpus : kAssumedCpus;
  bool corrected = false;
  for (const KernelCounter& counter : read_kernel_counters(model_.note(), memory)) {
    std::uint64_t found = 0;
    bool any = false;
    for (const PageClass c : counter.classes) {
      found += pages_of(totals, c);
      any |= model_.tells(c);
    }
    if (!any) continue;
    const std::uint64_t slack = cpus * Zones::kMostPerCpu + source_.info().max_pfn / kMemoryPart;
    const std::uint64_t most = counter.pages * kFactor + slack;
    const bool agree = found <= most;
    result_.comparisons.push_back(
        {counter.what, counter.name, found, counter.pages, most - counter.pages, agree});
    if (agree) continue;
    const std::string reason = fmt::format("{} were found, and the kernel counts {} ({})", found,
                                           counter.pages, counter.name);
    for (const PageClass c : counter.classes) {
      if (!model_.tells(c)) continue;
      model_.switch_off(c, reason);
      corrected = true;
    }
    result_.verdicts.push_back(fmt::format("{} are kept: {}", counter.what, reason));
  }
  return corrected;
}

}  // namespace vmsift
