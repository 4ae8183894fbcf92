// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/report/levels_report.h"

#include "filters/filter.h"
#include "src/kdump/format.h"
#include "src/report/reconciliation_report.h"
#include "src/report/run_report.h"

#include <array>
#include <utility>

namespace vmsift {
namespace {

constexpr std::array<std::pair<unsigned, std::string_view>, 5> kLevelBits = {{
    {kLevelZero, "zero"},
    {kLevelCache, "cache"},
    {kLevelCachePrivate, "cache_private"},
    {kLevelUser, "user"},
    {kLevelFree, "free"},
}};

}  // namespace

std::uint64_t LevelsReport::dump_bytes(unsigned level, const CodecCost& codec) const {
  const unsigned effective = level | least_level;
  return header_bytes + costs.pages(effective) * kdump::kDescriptorBytes +
         costs.page_data_bytes(effective, codec, page_size);
}

std::string human_bytes(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format(fmt::runtime(unit == 0 ? "{:.0f} {}" : "{:.1f} {}"), value, kUnits[unit]);
}

std::string level_heading() {
  return "-d  zero cache priv user free       pages   share";
}

std::string level_columns(unsigned level, std::uint64_t pages, std::uint64_t all) {
  std::string text = fmt::format("{:2} ", level);
  const unsigned shown = (level & kLevelCachePrivate) != 0 ? level | kLevelCache : level;
  for (const auto& [bit, name] : kLevelBits) {
    const int width = bit == kLevelCache ? 5 : 4;  // of the heading
    text += fmt::format(" {:^{}}", (shown & bit) != 0 ? "x" : ".", width);
  }
  const double percent =
      all == 0 ? 0 : 100.0 * static_cast<double>(pages) / static_cast<double>(all);
  return text + fmt::format("  {:10}  {:5.1f}%", pages, percent);
}

std::string levels_table(const LevelsReport& report, const MemorySource& source,
                         const KernelModel& model) {
  const DumpInfo& dump = source.info();
  const std::uint64_t all = report.costs.pages(0);
  std::string text = fmt::format("{}: Linux {}, {} pages of {} bytes ({})\n", dump.path,
                                 model.note().text("OSRELEASE").value_or("of unknown release"), all,
                                 dump.page_size, human_bytes(all * dump.page_size));
  text += "x: left out; 4 implies 2\n\n" + level_heading();
  for (const CodecCost& c : report.costs.codecs) text += fmt::format("  {:>12}", c.codec->name);
  text += '\n';
  for (unsigned level = 0; level <= kMaxLevel; ++level) {
    text += level_columns(level, report.costs.pages(level | report.least_level), all);
    for (const CodecCost& c : report.costs.codecs) {
      text += fmt::format("  {:>12}", human_bytes(report.dump_bytes(level, c)));
    }
    text += '\n';
  }
  return text;
}

std::string levels_json(const LevelsReport& report, const MemorySource& source,
                        const KernelModel& model) {
  JsonWriter json;
  json.begin_object();
  describe_input(json, source, model);
  json.begin_object("classes");
  for (std::size_t c = 0; c < kPageClasses; ++c) {
    const ClassCost& cost = report.costs.classes[c];
    if (cost.pages == 0) continue;
    json.begin_object(name_of(static_cast<PageClass>(c)))
        .field("pages", cost.pages)
        .field("bytes", cost.pages * report.page_size)
        .field("zero_pages", cost.zero_pages)
        .field("lost_pages", cost.lost_pages);
    json.begin_object("compressed_bytes");
    for (const CodecCost& codec : report.costs.codecs)
      json.field(codec.codec->name, codec.bytes[c]);
    json.end_object().end_object();
  }
  json.end_object();
  describe_reconciliation(json, report.reconciliation);
  json.begin_array("levels");
  for (unsigned level = 0; level <= kMaxLevel; ++level) {
    json.begin_object().field("level", level);
    json.begin_array("drops");
    for (const auto& [bit, name] : kLevelBits) {
      if ((level & bit) != 0) json.element(name);
    }
    json.end_array();
    json.field("pages", report.costs.pages(level | report.least_level));
    json.begin_object("dump_bytes");
    for (const CodecCost& codec : report.costs.codecs) {
      json.field(codec.codec->name, report.dump_bytes(level, codec));
    }
    json.end_object().end_object();
  }
  json.end_array();
  json.end_object();
  return json.take();
}

}  // namespace vmsift
