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

// Where zones cannot be counted.
constexpr std::uint64_t kAssumedZones = 16;

// Other counters say less exactly what we find: NR_ANON_MAPPED counts mapped pages, and we a large
// folio of which one page is mapped as a whole; slab counters have large kmallocs too, which are no
// slabs. What is no misunderstanding differs by less than this factor and part of memory.
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

std::string_view name_of_rule(PageClass page_class) {
  for (const Filter* filter : all_filters()) {
    if (filter->page_class == page_class) return filter->name;
  }
  return name_of(page_class);
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
  AddressSpace memory(model_.addresses(), source_);
  auto corrected = check_free(totals, memory);
  if (!corrected) return corrected;
  FreeListPages* const lists = model_.free_list_pages();
  result_.torn_lists = lists != nullptr ? lists->torn_lists() : 0;
  return check_others(totals, memory) || *corrected;
}

Result<void> Reconciler::settle() {
  if (!model_.memory_map()) return {};
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
  const std::uint64_t zones = model_.zones() ? model_.zones()->all().size() : kAssumedZones;
  std::uint64_t pages = zones * not_yet_counted();
  pages += pages_of(totals, PageClass::hwpoison) + totals.anomalies.unreadable;
  if (dump.live) pages += dump.max_pfn / kLivePart;
  return pages;
}

// Pages of all CPUs, for one zone or node.
std::uint64_t Reconciler::not_yet_counted() const {
  const std::uint32_t cpus = source_.info().cpus;
  return (cpus != 0 ? cpus : kAssumedCpus) * Zones::kMostPerCpu;
}

Result<bool> Reconciler::check_free(const ClassifyTotals& totals, AddressSpace& memory) {
  const auto& zones = model_.zones();
  const bool by_lists = model_.free_list_pages() != nullptr;
  const bool by_marks = !by_lists && model_.tells(PageClass::free);
  FreeWitnesses w;
  if (zones) w.counter = zones->free_pages();
  if (!w.counter) w.counter = read_zone_counter("NR_FREE_PAGES", model_.note(), memory);
  result_.not_compared = w.counter ? "" : zones ? zones->no_free_pages() : model_.no_zones();
  // Most kernels do not name their nodes where there are several.
  const Vmcoreinfo& note = model_.note();
  result_.is_named = note.has_number("NR_FREE_PAGES") &&
                     (note.symbol("node_data") || note.symbol("contig_page_data"));
  if (!by_lists && !by_marks) return false;

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
  if (auto asked = ask_lists(w, memory); !asked) return asked.take_error();
  return correct_free(w, by_marks);
}

// The lists as a whole, and what of them is in this dump: by classifying with them.
Result<void> Reconciler::ask_lists(FreeWitnesses& w, AddressSpace& memory) {
  const std::optional<FreeLists>& lists = model_.free_lists();
  if (!lists || source_.info().live) return {};  // a list that changes cannot be followed
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
          "{} is suspect ({}); marks and free lists agree",
          *w.counter > *w.marks ? "NR_FREE_PAGES or LENGTH(zone.free_area)" : "NR_FREE_PAGES",
          numbers));
      return false;
    case FreeBy::lists:
      if (!had_marks) {
        if (w.counter && !close(*w.lists, *w.counter, w.tolerance)) {
          say(fmt::format("NR_FREE_PAGES is suspect ({})", numbers));
        }
        return false;
      }
      say(fmt::format(
          "the mark of free pages is suspect ({}); the free lists are used in its place", numbers));
      model_.use_free_lists();
      return true;
    case FreeBy::nothing:
      break;
  }
  return keep(PageClass::free, fmt::format("no two counts of them agree ({})", numbers));
}

bool Reconciler::check_others(const ClassifyTotals& totals, AddressSpace& memory) {
  const ClassSet dropped = dropped_classes(kMaxLevel);
  const std::uint64_t part = source_.info().max_pfn / kMemoryPart;
  bool corrected = false;
  for (const KernelCounter& counter : read_kernel_counters(model_.note(), memory)) {
    std::uint64_t found = 0;
    for (const PageClass c : counter.classes) found += pages_of(totals, c);
    const std::uint64_t most = counter.pages * kFactor + not_yet_counted() + part;
    const bool too_many = found > most;
    const bool too_few = found * kFactor + not_yet_counted() < counter.pages;
    const std::string reason = fmt::format("{} {} were found, and the kernel counts {} ({})", found,
                                           counter.what, counter.pages, counter.name);
    for (const PageClass c : counter.classes) {
      if (too_many && dropped.contains(c)) corrected |= keep(c, reason);
      // Slabs that are not seen as such may be taken for what they look like.
      if (too_few && c == PageClass::slab) corrected |= keep(PageClass::user, reason);
    }
    result_.comparisons.push_back(
        {counter.what, counter.name, found, counter.pages, most - counter.pages, !too_many});
  }
  return corrected;
}

// True: the rule was on.
bool Reconciler::keep(PageClass page_class, const std::string& reason) {
  if (!model_.tells(page_class)) return false;
  model_.switch_off(page_class, reason);
  result_.verdicts.push_back(fmt::format("{} are kept: {}", name_of_rule(page_class), reason));
  return true;
}

}  // namespace vmsift
