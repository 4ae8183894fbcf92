// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/report/run_summary.h"

#include "src/report/levels_report.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace vmsift {
namespace {

constexpr std::size_t kLabelColumns = 12;
constexpr std::string_view kDots = "...";

// Not within a character.
std::string cut(std::string text, std::size_t columns) {
  if (text.size() <= columns) return text;
  std::size_t end = columns - kDots.size();
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end).append(kDots);
}

// The end of a path tells more than its beginning.
std::string cut_path(const std::string& path, std::size_t columns) {
  if (path.size() <= columns) return path;
  std::size_t begin = path.size() - (columns - kDots.size());
  while (begin < path.size() && (static_cast<unsigned char>(path[begin]) & 0xc0) == 0x80) ++begin;
  return std::string(kDots).append(path.substr(begin));
}

std::string labelled(std::string_view label, std::string_view text) {
  return cut(fmt::format("{:<{}}{}", label, kLabelColumns, text), kSummaryColumns);
}

// As many as there is room for, and how many there are beyond.
std::string list_of(const std::vector<std::string>& items, std::size_t columns) {
  std::string text;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string more = fmt::format(" and {} more", items.size() - i);
    const bool is_last = i + 1 == items.size();
    const std::size_t room = columns - std::min(columns, is_last ? 0 : more.size());
    const std::string_view between = text.empty() ? "" : ", ";
    if (text.size() + between.size() + items[i].size() > room) return text + more;
    text.append(between).append(items[i]);
  }
  return text;
}

// Over as many lines as `most`; the first with the label.
void add_list(std::vector<std::string>& lines, std::string_view label,
              std::vector<std::string> items, std::size_t most) {
  constexpr std::size_t kRoom = kSummaryColumns - kLabelColumns;
  for (std::size_t line = 1; line < most; ++line) {
    std::string text;
    while (!items.empty() && text.size() + items.front().size() + 3 <= kRoom) {
      text += items.front() + (items.size() == 1 ? "" : ", ");
      items.erase(items.begin());
    }
    if (items.empty() || text.empty()) {
      if (!text.empty()) lines.push_back(labelled(label, text));
      break;
    }
    text.pop_back();
    lines.push_back(labelled(std::exchange(label, ""), text));
  }
  if (!items.empty()) lines.push_back(labelled(label, list_of(items, kRoom)));
}

std::uint64_t zero_pages(const RunReport& report) {
  return (report.dump_level & kLevelZero) != 0 ? report.copied.zero_pages : 0;
}

// The largest first.
std::vector<std::string> left_out(const RunReport& report, std::size_t page_size) {
  std::vector<std::pair<std::uint64_t, std::string>> classes = {{zero_pages(report), "zeros"}};
  const ClassSet dropped = dropped_classes(report.dump_level);
  for (std::size_t c = 0; c < kPageClasses; ++c) {
    const auto page_class = static_cast<PageClass>(c);
    if (!dropped.contains(page_class) && page_class != PageClass::unused_vmemmap &&
        page_class != PageClass::absent) {
      continue;
    }
    std::string name(name_of(page_class));
    std::replace(name.begin(), name.end(), '_', ' ');
    classes.emplace_back(report.classified.counts[c], std::move(name));
  }
  std::stable_sort(classes.begin(), classes.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<std::string> items;
  for (const auto& [pages, name] : classes) {
    if (pages != 0) items.push_back(fmt::format("{} {}", name, human_bytes(pages * page_size)));
  }
  return items;
}

double seconds_of(const RunReport& report) {
  return std::accumulate(report.stage_seconds.begin(), report.stage_seconds.end(), 0.0,
                         [](double sum, const auto& stage) { return sum + stage.second; });
}

std::string memory_line(const RunReport& report, const RunFacts& facts) {
  const ClassCounts& counts = report.classified.counts;
  const std::uint64_t pages = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}) -
                              counts[static_cast<std::size_t>(PageClass::hole)];
  const std::uint64_t kept = report.classified.kept_pages - zero_pages(report);
  return labelled("Kept:", fmt::format("{} of {} of memory, {} of {} pages",
                                       human_bytes(kept * facts.page_size),
                                       human_bytes(pages * facts.page_size), kept, pages));
}

std::string dump_line(const RunReport& report, const RunFacts& facts) {
  std::string text = fmt::format("{}{}{}, {}, level {}", facts.dry_run ? "would take " : "",
                                 human_bytes(report.dump_bytes), facts.stream ? " as a stream" : "",
                                 facts.elf ? "ELF" : report.codec, report.dump_level);
  const std::uint64_t kept = (report.classified.kept_pages - zero_pages(report)) * facts.page_size;
  if (report.complete && report.dump_bytes != 0 && kept != 0) {
    text += fmt::format(", ratio {:.2f}",
                        static_cast<double>(kept) / static_cast<double>(report.dump_bytes));
  }
  return labelled("Dump:", text);
}

std::string time_line(const RunReport& report, const RunFacts& facts) {
  const double seconds = seconds_of(report);
  std::string text = fmt::format("{:.1f} s", seconds);
  if (seconds > 0 && report.complete) {
    text += fmt::format(
        ", {}/s of memory",
        human_bytes(static_cast<std::uint64_t>(static_cast<double>(facts.memory_bytes) / seconds)));
  }
  if (report.memory.anonymous != 0) {
    text += fmt::format("; {} of memory used", human_bytes(report.memory.anonymous));
  }
  return labelled("Time:", text);
}

std::string doubts(const RunFacts& facts) {
  const std::string others =
      facts.warnings == 0 ? "" : fmt::format("{} warnings, see above", facts.warnings);
  if (facts.in_doubt.empty()) return others;
  const std::string_view end = others.empty() ? "" : "; ";
  const std::string_view kept = "kept in doubt: ";
  const std::size_t room =
      kSummaryColumns - kLabelColumns - kept.size() - end.size() - others.size();
  return fmt::format("{}{}{}{}", kept, list_of(facts.in_doubt, room), end, others);
}

std::string incomplete_line(const RunReport& report) {
  std::string text =
      fmt::format("{} of {} pages saved", report.copied.pages - report.copied.lost_pages,
                  report.classified.kept_pages);
  if (report.copied.lost_pages != 0) {
    text += fmt::format(", {} could not be read", report.copied.lost_pages);
  }
  if (!report.failure.empty()) text += "; " + report.failure;
  return labelled("Incomplete:", text);
}

// The first of these that fits: the whole paths, the names of the files, a word in place of them.
std::string with_files(const RunFacts& facts, const auto& command) {
  const std::size_t room = kSummaryColumns - kLabelColumns;
  std::vector<std::string> names = facts.outputs;
  if (names.empty()) names = {"DUMPFILE"};
  if (auto text = command(fmt::format("{}", fmt::join(names, " "))); text.size() <= room) {
    return text;
  }
  for (std::string& name : names) name = name.substr(name.rfind('/') + 1);
  if (auto text = command(fmt::format("{}", fmt::join(names, " "))); text.size() <= room) {
    return text;
  }
  return command(names.size() > 1 ? "DUMPFILES" : "DUMPFILE");
}

std::string open_command(const RunReport& report, const RunFacts& facts) {
  if (facts.stream) return "vmsift -R DUMPFILE < STREAM; then crash VMLINUX DUMPFILE";
  return with_files(facts, [&](const std::string& files) {
    if (!facts.frames.empty()) {
      return fmt::format("{} -d < {} > CORE; then crash VMLINUX CORE", facts.frames, files);
    }
    if (facts.is_private) return fmt::format("vmsift -z {} NEW; then crash VMLINUX NEW", files);
    // Without --zero_excluded crash 9 does not open a dump from which the kernel itself may be
    // missing.
    if (!report.complete) return fmt::format("crash --minimal --zero_excluded VMLINUX {}", files);
    return fmt::format("crash VMLINUX {}{}", files, facts.elf ? " (or gdb, drgn)" : "");
  });
}

}  // namespace

std::vector<std::string> start_lines(const RunReport& report, const RunFacts& facts,
                                     const std::string& expected) {
  const std::string first = fmt::format(
      ": {}{} of memory, {}{}", facts.memory_is_known ? "" : "up to ",
      human_bytes(facts.memory_bytes), facts.release.empty() ? "unknown kernel" : "Linux ",
      cut(facts.release, kSummaryColumns / 2));
  std::vector<std::string> lines = {
      cut_path(facts.input, kSummaryColumns - std::min(first.size(), kSummaryColumns - 8)) + first};
  const std::string second =
      fmt::format("Level {}, {}, {} thread{}, {}", report.dump_level,
                  facts.elf ? "ELF" : report.codec, report.threads, report.threads == 1 ? "" : "s",
                  facts.dry_run ? "nothing is written" : "into ");
  const std::string place = facts.dry_run           ? ""
                            : facts.outputs.empty() ? "the standard output"
                            : facts.outputs.size() == 1
                                ? cut_path(facts.outputs.front(), kSummaryColumns - second.size())
                                : fmt::format("{} files", facts.outputs.size());
  lines.push_back(second + place);
  if (!expected.empty()) lines.push_back(cut(expected, kSummaryColumns));
  return lines;
}

std::vector<std::string> nothing_saved_lines(const RunFacts& facts) {
  if (facts.dry_run) return {};
  if (facts.stream)
    return {labelled("Saved:", "nothing that can be opened; the stream is cut short")};
  return {labelled("Saved:", with_files(facts, [](const std::string& files) {
                     return fmt::format("nothing; removed: {}", files);
                   }))};
}

std::vector<std::string> summary_lines(const RunReport& report, const RunFacts& facts) {
  std::vector<std::string> lines = {memory_line(report, facts)};
  add_list(lines, "Left out:", left_out(report, facts.page_size), 3);
  lines.push_back(dump_line(report, facts));
  lines.push_back(time_line(report, facts));
  if (const std::string text = doubts(facts); !text.empty()) {
    lines.push_back(labelled("Warnings:", text));
  }
  if (!report.complete) lines.push_back(incomplete_line(report));
  if (facts.dry_run) return lines;
  lines.push_back(labelled("To open it:", open_command(report, facts)));
  if (!facts.release.empty()) {
    lines.push_back(labelled("", "VMLINUX: with debug information, of Linux " + facts.release));
  }
  return lines;
}

}  // namespace vmsift
