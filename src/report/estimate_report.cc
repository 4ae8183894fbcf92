// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/report/estimate_report.h"

#include "src/report/levels_report.h"
#include "src/report/reconciliation_report.h"
#include "src/report/run_report.h"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace vmsift {
namespace {

std::uint64_t whole(double value) {
  return static_cast<std::uint64_t>(std::llround(std::max(0.0, value)));
}

// "26.8 MiB +- 2%"
std::string size_text(const Expected& bytes) {
  const double percent = bytes.value == 0 ? 0 : 100 * kShownErrors * bytes.error / bytes.value;
  return fmt::format("{} +-{:2.0f}%", human_bytes(whole(bytes.value)), std::ceil(percent));
}

void add_list(std::string& text, const std::vector<std::string>& items) {
  for (const std::string& item : items) text += fmt::format("  - {}\n", item);
}

std::string verdict_text(const Readiness& readiness) {
  std::string text;
  if (readiness.ready()) {
    text = "Ready: every rule of dump level 31 runs.\n";
  } else {
    text = "Not ready:\n";
    add_list(text, readiness.obstacles);
  }
  if (readiness.advice.empty()) return text;
  text += "Beside that:\n";
  add_list(text, readiness.advice);
  return text;
}

// `text` from column `indent` on, and in lines of its own where it is long: cut at ", ".
std::string wrapped(std::string_view text, std::size_t indent) {
  constexpr std::size_t kWidth = 100;
  std::string out;
  std::size_t column = indent;
  while (!text.empty()) {
    const std::size_t comma = text.find(", ");
    const std::string_view piece = text.substr(0, comma == text.npos ? comma : comma + 2);
    if (column != indent && column + piece.size() > kWidth) {
      while (out.ends_with(' ')) out.pop_back();
      out += '\n' + std::string(indent, ' ');
      column = indent;
    }
    out += piece;
    column += piece.size();
    text.remove_prefix(piece.size());
  }
  return out;
}

// The rules that leave pages out.
std::string rules_text(const KernelModel& model) {
  constexpr std::size_t kName = 30;
  constexpr std::size_t kState = 4;
  std::string text = "Rules, and what they go by (-: of pages that not every kernel has):\n";
  const auto row = [&](std::string_view name, std::string_view state, std::string_view by) {
    text += fmt::format("  {:{}} {:{}} {}\n", name, kName, state, kState,
                        wrapped(by, kName + kState + 4));
  };
  const auto downgrades = model.downgrades();
  for (const RuleStatus& rule : model.rules().rules()) {
    const Filter& filter = *rule.filter;
    if (filter.levels == 0 && !filter.always_dropped) continue;
    if (!model.memory_map()) {
      row(filter.name, "off", "there is no memory map");
    } else if (rule.off.empty()) {
      row(filter.name, "on", rule.evidence);
    } else {
      const bool missed = std::any_of(downgrades.begin(), downgrades.end(),
                                      [&](const Downgrade& d) { return d.rule == filter.name; });
      row(filter.name, missed ? "off" : "-", rule.off);
    }
  }
  const BtfUse& btf = model.btf();
  std::string by = btf.reason;
  if (btf.used) {
    by = fmt::format("{} entries that the note lacks", btf.supplied.size());
    for (const std::string_view rule : model.rules_by_btf()) by += fmt::format(", for {}", rule);
  }
  row("the kernel's own types (BTF)", btf.used ? "read" : "-", by);
  text += fmt::format("{} pages that are known to be the kernel's were tried on them.\n",
                      model.known_pages());
  return text;
}

std::string sizes_text(const EstimateReport& report) {
  const auto all = whole(report.sizes.pages(0).value);
  std::string text =
      "A dump of what is in memory now; page cache and processes change it.\n" + level_heading();
  for (const Codec* codec : report.codecs) text += fmt::format("  {:>15}", codec->name);
  text += '\n';
  for (const unsigned level : report.levels) {
    text += level_columns(level, whole(report.sizes.pages(level).value), all);
    for (std::size_t c = 0; c < report.codecs.size(); ++c) {
      text += fmt::format("  {:>15}", size_text(report.dump_bytes(level, c)));
    }
    text += '\n';
  }
  return text;
}

std::string memory_text(const EstimateReport& report) {
  std::string text = "Memory that vmsift needs for it in the capture kernel, at the most:\n";
  for (const MemoryNeed& need : report.memory) {
    text += fmt::format("{:4} thread{}", need.threads, need.threads == 1 ? " " : "s");
    for (std::size_t c = 0; c < report.codecs.size(); ++c) {
      text += fmt::format("  {:>8} with {}", human_bytes(need.bytes[c]), report.codecs[c]->name);
    }
    text += '\n';
  }
  if (report.crash_kernel) {
    const CrashKernel& crash = *report.crash_kernel;
    text += fmt::format("Reserved for the crash kernel: {}; one is {}loaded.\n",
                        human_bytes(crash.reserved_bytes), crash.loaded ? "" : "not ");
  }
  return text;
}

}  // namespace

Expected EstimateReport::dump_bytes(unsigned level, std::size_t codec) const {
  Expected bytes = sizes.kdump_bytes(level | source.info().dump_level, codec);
  bytes.value += static_cast<double>(header_bytes);
  return bytes;
}

std::string estimate_text(const EstimateReport& report) {
  const DumpInfo& dump = report.source.info();
  const std::uint64_t bytes = whole(report.sizes.pages(0).value) * dump.page_size;
  return fmt::format("{}: Linux {}, {} in pages of {} bytes\n\n{}\n{}\n{}\n{}", dump.path,
                     report.model.note().text("OSRELEASE").value_or("of unknown release"),
                     human_bytes(bytes), dump.page_size, verdict_text(report.readiness),
                     rules_text(report.model), sizes_text(report), memory_text(report));
}

std::string estimate_json(const EstimateReport& report) {
  JsonWriter json;
  json.begin_object();
  describe_input(json, report.source, report.model);
  describe_reconciliation(json, report.reconciliation);
  json.field("ready", report.readiness.ready());
  json.begin_array("obstacles");
  for (const std::string& obstacle : report.readiness.obstacles) json.element(obstacle);
  json.end_array().begin_array("advice");
  for (const std::string& advice : report.readiness.advice) json.element(advice);
  json.end_array().begin_array("levels");
  for (unsigned level = 0; level <= kMaxLevel; ++level) {
    const Expected pages = report.sizes.pages(level | report.source.info().dump_level);
    json.begin_object().field("level", level).field("pages", whole(pages.value));
    json.field("pages_error", whole(kShownErrors * pages.error));
    json.begin_object("dump_bytes");
    for (std::size_t c = 0; c < report.codecs.size(); ++c) {
      json.field(report.codecs[c]->name, whole(report.dump_bytes(level, c).value));
    }
    json.end_object().begin_object("dump_bytes_error");
    for (std::size_t c = 0; c < report.codecs.size(); ++c) {
      json.field(report.codecs[c]->name, whole(kShownErrors * report.dump_bytes(level, c).error));
    }
    json.end_object().end_object();
  }
  json.end_array().begin_array("memory");
  for (const MemoryNeed& need : report.memory) {
    json.begin_object().field("threads", need.threads).begin_object("bytes");
    for (std::size_t c = 0; c < report.codecs.size(); ++c) {
      json.field(report.codecs[c]->name, need.bytes[c]);
    }
    json.end_object().end_object();
  }
  json.end_array();
  if (report.crash_kernel) {
    json.begin_object("crash_kernel")
        .field("loaded", report.crash_kernel->loaded)
        .field("reserved_bytes", report.crash_kernel->reserved_bytes)
        .end_object();
  }
  json.end_object();
  return json.take();
}

}  // namespace vmsift
