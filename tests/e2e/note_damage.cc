// SPDX-License-Identifier: GPL-2.0-or-later
//
// note_damage: a real vmcore read with notes that lack something or lie.
//
//   note_damage [--no-btf] [--key KEY] VMCORE
//
// Each entry of the vmcore's VMCOREINFO text is taken away, and set to 0, to all ones, to values of
// chance (the same ones in every run), to no number at all, cut, doubled; the text is cut too. With
// each of these notes every page is classified, and the rules of vmsift hold:
//   lost     no level drops a page that it keeps with the true note
//   unnamed  of what is kept in addition the rule is off, or a downgrade, a warning, a verdict of
//            the kernel's counters or an anomaly says so
//   slow     a note of nonsense does not make a hang
// A line "lost|unnamed|slow NOTE: what" for each that does not, then a line of counts. On stderr
// stands each note before it is tried: the last one if this program dies. Exit: 0 all holds, 1 not
// all does, 2 could not run.
#include "tests/e2e/classes_of.h"
#include "tests/unit/support/note.h"

#include <array>
#include <chrono>
#include <random>

namespace vmsift::test {
namespace {

constexpr std::array<unsigned, 5> kLevels = {2, 4, 8, 16, kMaxLevel};
constexpr unsigned kRandomValues = 4;
constexpr std::chrono::seconds kPatience{5};  // the true note takes some milliseconds

struct Variant {
  std::string name;
  std::string text;
};

// Both ways to look at a dump: every struct page, and as level 31 does, which passes over blocks.
struct Looks {
  Classes all;
  Classes passing;
};

// ---- notes that lack something or lie
// ------------------------------------------------------------

std::string random_value(std::mt19937_64& random, bool hexadecimal, unsigned which) {
  // Of all sizes: a number below 64 may pass for a flag or an offset.
  const std::array<unsigned, kRandomValues> bits = {6, 12, 31, 64};
  const std::uint64_t value = random() >> (64 - bits[which]);
  return hexadecimal ? fmt::format("{:x}", value) : fmt::format("{}", value);
}

std::vector<std::string> worthless_values(const std::string& key, const std::string& value) {
  const bool symbol = key.starts_with("SYMBOL");
  const std::string all_ones = symbol ? "ffffffffffffffff" : "18446744073709551615";
  std::vector<std::string> values = {
      "0", all_ones, "-1", "4294967295", "zz", "", value.substr(0, value.size() / 2)};
  std::seed_seq seed(key.begin(), key.end());
  std::mt19937_64 random(seed);
  for (unsigned i = 0; i < kRandomValues; ++i) values.push_back(random_value(random, symbol, i));
  return values;
}

std::vector<Variant> variants_of(const Note& note, const std::string& only_key) {
  std::vector<Variant> variants;
  for (const auto& [key, value] : note.lines()) {
    if (!only_key.empty() && key != only_key) continue;
    Note changed = note;
    changed.remove(key);
    const std::string without = changed.text();
    variants.push_back({key + " removed", without});
    variants.push_back({key + " twice, first 0", key + "=0\n" + note.text()});
    variants.push_back({key + " twice, then 0", note.text() + key + "=0\n"});
    for (const std::string& worthless : worthless_values(key, value)) {
      changed = note;
      changed.set(key, worthless);
      variants.push_back({fmt::format("{}={}", key, worthless), changed.text()});
    }
  }
  const std::string text = note.text();
  for (std::size_t size = 0; only_key.empty() && size < text.size(); size += 101) {
    variants.push_back({fmt::format("cut after {} bytes", size), text.substr(0, size)});
  }
  return variants;
}

// ---- what must hold
// ------------------------------------------------------------------------------

struct Loss {
  std::size_t pages = 0;  // dropped, which the true note keeps
  Pfn first = 0;
};

Loss loss(const Classes& truth, const Classes& now, unsigned level) {
  const ClassSet dropped = dropped_classes(level);
  Loss found;
  for (Pfn pfn = 0; pfn < truth.of.size(); ++pfn) {
    if (!dropped.contains(now.of[pfn]) || dropped.contains(truth.of[pfn])) continue;
    if (found.pages++ == 0) found.first = pfn;
  }
  return found;
}

class Trial {
 public:
  Trial(const MemorySource& source, DetectOptions options) : source_(source), options_(options) {
    truth_ = look(understand(source.info().vmcoreinfo, source, options).model);
  }

  void run(const Variant& variant) {
    std::fprintf(stderr, "%s\n", variant.name.c_str());
    const auto start = std::chrono::steady_clock::now();
    const Understanding kernel = understand(variant.text, source_, options_);
    const Looks now = look(kernel.model);
    if (std::chrono::steady_clock::now() - start > kPatience) complain("slow", variant, "");
    ++tried_;
    check_lost(variant, now);
    check_named(variant, now, kernel);
  }

  bool conclude() const {
    fmt::print("notes={} more_kept={} wrong={}\n", tried_, more_kept_, wrong_);
    return wrong_ == 0;
  }

 private:
  Looks look(const KernelModel& model) const {
    return {classes_of(source_, model), classes_of(source_, model, dropped_classes(kMaxLevel))};
  }

  void complain(const char* what, const Variant& variant, const std::string& detail) {
    fmt::print("{} {}: {}\n", what, variant.name, detail);
    ++wrong_;
  }

  void check_lost(const Variant& variant, const Looks& now) {
    for (const unsigned level : kLevels) {
      const Classes& before = level == kMaxLevel ? truth_.passing : truth_.all;
      const Classes& after = level == kMaxLevel ? now.passing : now.all;
      const Loss found = loss(before, after, level);
      if (found.pages == 0) continue;
      complain("lost", variant,
               fmt::format("level {} drops {} pages, the first {:#x} as {}, which is {}", level,
                           found.pages, found.first, name_of(after.of[found.first]),
                           name_of(before.of[found.first])));
      return;
    }
  }

  void check_named(const Variant& variant, const Looks& now, const Understanding& kernel) {
    const KernelModel& model = kernel.model;
    const Anomalies& a = now.passing.totals.anomalies;
    const bool named = !model.downgrades().empty() || !model.warnings().empty() ||
                       !kernel.reconciled.verdicts.empty() ||
                       a.unreadable + a.no_memory_map + a.torn_blocks + a.orphan_tails != 0;
    ClassSet off;
    for (const RuleStatus& rule : model.rules().rules()) {
      if (!rule.off.empty()) off.add(rule.filter->page_class);
    }
    const ClassSet dropped = dropped_classes(kMaxLevel);
    ClassCounts unnamed{};
    bool more = false;
    for (Pfn pfn = 0; pfn < now.passing.of.size(); ++pfn) {
      const PageClass was = truth_.passing.of[pfn];
      if (!dropped.contains(was) || dropped.contains(now.passing.of[pfn])) continue;
      more = true;
      if (!named && !off.contains(was)) ++unnamed[static_cast<std::size_t>(was)];
    }
    if (more) ++more_kept_;
    for (std::size_t c = 0; c < kPageClasses; ++c) {
      if (unnamed[c] == 0) continue;
      complain("unnamed", variant,
               fmt::format("{} {} pages more are kept", unnamed[c], kPageClassNames[c]));
    }
  }

  const MemorySource& source_;
  DetectOptions options_;
  Looks truth_;
  std::size_t tried_ = 0;
  std::size_t more_kept_ = 0;  // notes with which more is kept
  std::size_t wrong_ = 0;
};

int run(std::vector<std::string> arguments) {
  DetectOptions options;
  std::string only_key;
  while (!arguments.empty() && arguments[0].starts_with("--")) {
    if (arguments[0] == "--no-btf") {
      options.use_btf = false;
    } else if (arguments[0] == "--key" && arguments.size() > 1) {
      arguments.erase(arguments.begin());
      only_key = arguments[0];
    } else {
      die("note_damage: what is " + arguments[0] + "?");
    }
    arguments.erase(arguments.begin());
  }
  if (arguments.size() != 1) die("usage: note_damage [--no-btf] [--key KEY] VMCORE");
  const auto source = open_vmcore(arguments[0]);
  const Note note(source->info().vmcoreinfo);
  Trial trial(*source, options);
  for (const Variant& variant : variants_of(note, only_key)) trial.run(variant);
  return trial.conclude() ? 0 : 1;
}

}  // namespace
}  // namespace vmsift::test

int main(int argc, char** argv) {
  return vmsift::test::run({argv + 1, argv + argc});
}
