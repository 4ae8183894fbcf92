// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/report/mem_usage_report.h"

#include "filters/filter.h"
#include "src/report/json.h"
#include "src/report/reconciliation_report.h"
#include "src/report/run_report.h"

#include <initializer_list>
#include <string_view>
#include <vector>

namespace vmsift {
namespace {

struct Row {
  std::string_view name;
  std::string_view key;  // in JSON
  std::uint64_t pages;
  bool excludable;
  std::string_view description;
  bool always = true;  // shown even if there are none
};

std::vector<Row> rows(const MemUsage& usage) {
  const auto sum = [&](std::initializer_list<PageClass> classes) {
    std::uint64_t n = 0;
    for (const PageClass c : classes) n += usage.classes[static_cast<std::size_t>(c)];
    return n;
  };
  using C = PageClass;
  return {
      {"ZERO", "zero", usage.zero_pages, true, "Pages filled with zero"},
      {"NON_PRI_CACHE", "cache", sum({C::cache}), true, "Cache pages without private flag"},
      {"PRI_CACHE", "cache_private", sum({C::cache_private}), true,
       "Cache pages with private flag"},
      {"USER", "user", sum({C::user, C::hugetlb}), true, "User process pages"},
      {"FREE", "free", sum({C::free, C::unaccepted}), true, "Free pages"},
      {"OFFLINE", "offline", sum({C::offline}), true, "Offline pages, never dumped", false},
      {"HWPOISON", "hwpoison", sum({C::hwpoison}), true, "Poisoned pages, never dumped", false},
      {"ABSENT", "absent", sum({C::absent}), true, "Pages that the input does not hold", false},
      {"KERN_DATA", "kernel_data", usage.kernel_data(), false, "Dumpable kernel data "},
  };
}

}  // namespace

std::uint64_t MemUsage::pages() const {
  std::uint64_t n = 0;
  for (std::size_t c = 0; c < kPageClasses; ++c) {
    if (static_cast<PageClass>(c) != PageClass::hole) n += classes[c];
  }
  return n;
}

std::uint64_t MemUsage::kernel_data() const {
  const ClassSet dropped = dropped_classes(kMaxLevel);
  std::uint64_t n = 0;
  for (std::size_t c = 0; c < kPageClasses; ++c) {
    const auto page_class = static_cast<PageClass>(c);
    if (page_class == PageClass::hole || page_class == PageClass::absent) continue;
    if (!dropped.contains(page_class)) n += classes[c];
  }
  return n - zero_pages;
}

std::string mem_usage_table(const MemUsage& usage, std::size_t page_size) {
  std::string text = "TYPE\t\tPAGES\t\t\tEXCLUDABLE\tDESCRIPTION\n" + std::string(70, '-') + "\n";
  for (const Row& row : rows(usage)) {
    if (row.pages == 0 && !row.always) continue;
    text += fmt::format("{}\t{}{:<16}\t{}\t\t{}\n", row.name, row.name.size() < 8 ? "\t" : "",
                        row.pages, row.excludable ? "yes" : "no", row.description);
  }
  text += fmt::format("\npage size:\t\t{:<16}\n", page_size);
  text += fmt::format("Total pages on system:\t{:<16}\n", usage.pages());
  text += fmt::format("Total size on system:\t{:<16} Byte\n", usage.pages() * page_size);
  return text;
}

std::string mem_usage_json(const MemUsage& usage, const MemorySource& source,
                           const KernelModel& model) {
  const std::size_t page_size = source.info().page_size;
  JsonWriter json;
  json.begin_object();
  describe_input(json, source, model);
  describe_reconciliation(json, usage.reconciliation);
  json.begin_object("mem_usage")
      .field("page_size", page_size)
      .field("pages", usage.pages())
      .field("bytes", usage.pages() * page_size)
      .field("unread_pages", usage.lost_pages);
  json.begin_object("types");
  for (const Row& row : rows(usage)) {
    json.begin_object(row.key)
        .field("pages", row.pages)
        .field("bytes", row.pages * page_size)
        .field("excludable", row.excludable)
        .end_object();
  }
  json.end_object().end_object();
  json.begin_object("classes");
  for (std::size_t c = 0; c < kPageClasses; ++c) {
    const auto page_class = static_cast<PageClass>(c);
    if (page_class != PageClass::hole) json.field(name_of(page_class), usage.classes[c]);
  }
  json.end_object().end_object();
  return json.take();
}

}  // namespace vmsift
