// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/report/run_report.h"

#include "src/report/reconciliation_report.h"

namespace vmsift {
namespace {

std::uint64_t count(const ClassCounts& counts, PageClass c) {
  return counts[static_cast<std::size_t>(c)];
}

std::uint64_t total_pages(const ClassCounts& counts) {
  std::uint64_t sum = 0;
  for (const std::uint64_t n : counts) sum += n;
  return sum;
}

}  // namespace

// Labels, order and number format as makedumpfile's --message-level 16 prints them, since scripts
// read them; a class that is kept counts as zero excluded.
std::string report_table(const RunReport& report) {
  const ClassCounts& counts = report.classified.counts;
  const ClassSet dropped = dropped_classes(report.dump_level);
  const auto excluded = [&](std::initializer_list<PageClass> classes) {
    std::uint64_t n = 0;
    for (const PageClass c : classes) n += dropped.contains(c) ? count(counts, c) : 0;
    return n;
  };
  const std::uint64_t zero = (report.dump_level & kLevelZero) != 0 ? report.copied.zero_pages : 0;
  const std::uint64_t cache = excluded({PageClass::cache});
  const std::uint64_t cache_private = excluded({PageClass::cache_private});
  const std::uint64_t user = excluded({PageClass::user, PageClass::hugetlb});
  const std::uint64_t free = excluded({PageClass::free, PageClass::unaccepted});
  const std::uint64_t hwpoison = excluded({PageClass::hwpoison});
  const std::uint64_t offline = excluded({PageClass::offline});
  const std::uint64_t absent = count(counts, PageClass::absent);
  const std::uint64_t vmemmap = count(counts, PageClass::unused_vmemmap);
  const std::uint64_t all =
      zero + cache + cache_private + user + free + hwpoison + offline + absent + vmemmap;
  const std::uint64_t hole = count(counts, PageClass::hole);
  const std::uint64_t original = total_pages(counts) - hole;
  const std::uint64_t remaining = original - all;

  std::string text;
  const auto row = [&](std::string_view label, std::uint64_t n) {
    text += fmt::format("{}: {:#018x}\n", label, n);
  };
  row("Original pages  ", original);
  row("  Excluded pages   ", all);
  row("    Pages filled with zero  ", zero);
  row("    Non-private cache pages ", cache);
  row("    Private cache pages     ", cache_private);
  row("    User process data pages ", user);
  row("    Free pages              ", free);
  row("    Hwpoison pages          ", hwpoison);
  row("    Offline pages           ", offline);
  if (vmemmap != 0) row("    Unused vmemmap pages    ", vmemmap);
  if (absent != 0) row("    Not in the input        ", absent);
  row("  Remaining pages  ", remaining);
  text += fmt::format("  (The number of pages is reduced to {}%.)\n",
                      original == 0 ? 0 : remaining * 100 / original);
  row("Memory Hole     ", hole);
  text += "--------------------------------------------------\n";
  row("Total pages     ", original + hole);
  text += fmt::format("Write bytes     : {}\n", report.dump_bytes);
  return text;
}

void describe_input(JsonWriter& json, const MemorySource& source, const KernelModel& model) {
  const DumpInfo& dump = source.info();
  json.field("version", VMSIFT_VERSION);
  json.begin_object("input")
      .field("path", dump.path)
      .field("format", dump.format)
      .field("page_size", dump.page_size)
      .field("max_pfn", dump.max_pfn)
      .field("dump_level", dump.dump_level)
      .field("incomplete", dump.incomplete)
      .end_object();
  json.begin_object("kernel")
      .field("release", model.note().text("OSRELEASE").value_or(""))
      .field("machine", model.arch() != nullptr ? model.arch()->name : "")
      .field("memory_model", model.memory_map() ? model.memory_map()->model() : "unknown")
      .field("known_pages_checked", model.known_pages())
      .end_object();
  json.begin_array("rules");
  for (const RuleStatus& rule : model.rules().rules()) {
    json.begin_object()
        .field("name", rule.filter->name)
        .field("class", name_of(rule.filter->page_class))
        .field("on", model.memory_map() != nullptr && rule.off.empty())
        .field("reason", rule.off)
        .field("evidence", rule.evidence)
        .end_object();
  }
  json.end_array();
  const BtfUse& btf = model.btf();
  json.begin_object("btf").field("used", btf.used).field("reason", btf.reason);
  json.begin_array("supplied");
  for (const std::string& key : btf.supplied) json.element(key);
  json.end_array();
  json.begin_array("contradicted");
  for (const std::string& key : btf.contradicted) json.element(key);
  json.end_array();
  json.end_object();
  json.begin_array("downgrades");
  for (const Downgrade& d : model.downgrades()) {
    json.begin_object().field("rule", d.rule).field("reason", d.reason).end_object();
  }
  json.end_array();
  json.begin_array("warnings");
  for (const std::string& w : dump.warnings) json.element(w);
  for (const std::string& w : model.warnings()) json.element(w);
  json.end_array();
}

std::string report_json(const RunReport& report, const MemorySource& source,
                        const KernelModel& model) {
  const std::size_t page_size = source.info().page_size;
  const ClassSet dropped = dropped_classes(report.dump_level);
  JsonWriter json;
  json.begin_object();
  describe_input(json, source, model);
  json.field("dump_level", report.dump_level).field("codec", report.codec);
  json.field("threads", report.threads);
  json.begin_object("classes");
  for (std::size_t c = 0; c < kPageClasses; ++c) {
    const auto page_class = static_cast<PageClass>(c);
    const std::uint64_t pages = report.classified.counts[c];
    const bool kept = !dropped.contains(page_class) && page_class != PageClass::hole &&
                      page_class != PageClass::absent && page_class != PageClass::unused_vmemmap;
    json.begin_object(name_of(page_class))
        .field("pages", pages)
        .field("bytes", pages * page_size)
        .field("kept", kept)
        .end_object();
  }
  json.end_object();
  const Anomalies& odd = report.classified.anomalies;
  json.begin_object("anomalies")
      .field("unreadable_struct_pages", odd.unreadable)
      .field("pages_without_memory_map", odd.no_memory_map)
      .field("torn_blocks", odd.torn_blocks)
      .field("orphan_tails", odd.orphan_tails)
      .end_object();
  describe_reconciliation(json, report.reconciliation);
  json.field("total_pages", total_pages(report.classified.counts));
  json.begin_object("dump")
      .field("path", report.dumpfile)
      .field("pages", report.classified.kept_pages)
      .field("zero_pages", report.copied.zero_pages)
      .field("raw_pages", report.copied.raw_pages)
      .field("lost_pages", report.copied.lost_pages)
      .field("page_data_bytes", report.copied.data_bytes)
      .field("bytes", report.dump_bytes)
      .field("complete", report.complete)
      .end_object();
  json.begin_object("seconds");
  for (const auto& [stage, seconds] : report.stage_seconds) json.field(stage, seconds);
  json.end_object();
  json.begin_object("memory")
      .field("peak_resident_bytes", report.memory.peak_resident)
      .field("anonymous_bytes", report.memory.anonymous)
      .field("planned_bytes", report.planned_memory);
  if (report.available_memory) json.field("available_bytes", *report.available_memory);
  json.end_object();
  json.end_object();
  return json.take();
}

}  // namespace vmsift
