// SPDX-License-Identifier: GPL-2.0-or-later
//
// page_classes: what class vmsift gives to every page of a vmcore.
//
//   page_classes [--no-btf] [--note FILE] VMCORE OUT
//
// OUT gets one byte a page frame, from 0 on: the number of the page's class. On stdout stands a
// line with the names of all classes, by number, and one for each thing that the rules were not
// sure of.
// --note: FILE in place of the dump's own VMCOREINFO text.
#include "tests/e2e/classes_of.h"

#include <fstream>
#include <sstream>

namespace vmsift::test {
namespace {

std::string read_text(const std::string& path) {
  std::ifstream in(path);
  if (!in) die(path + " cannot be read");
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void print(const Understanding& kernel, const Anomalies& anomalies) {
  const KernelModel& model = kernel.model;
  std::string names;
  for (const std::string_view name : kPageClassNames) names += fmt::format(" {}", name);
  fmt::print("classes:{}\n", names);
  for (const Downgrade& d : model.downgrades()) fmt::print("kept: {}: {}\n", d.rule, d.reason);
  for (const std::string& w : model.warnings()) fmt::print("warning: {}\n", w);
  for (const Comparison& c : kernel.reconciled.comparisons) {
    fmt::print("counted: {}: {} by the rules, {} by {} ({})\n", c.what, c.found, c.counted,
               c.counter, c.agree ? "agree" : "differ");
  }
  for (const std::string& v : kernel.reconciled.verdicts) fmt::print("verdict: {}\n", v);
  fmt::print("anomalies: unreadable {} no_memory_map {} torn_blocks {} orphan_tails {}\n",
             anomalies.unreadable, anomalies.no_memory_map, anomalies.torn_blocks,
             anomalies.orphan_tails);
}

int run(std::vector<std::string> arguments) {
  DetectOptions options;
  std::string note_file;
  while (!arguments.empty() && arguments[0].starts_with("--")) {
    if (arguments[0] == "--no-btf") {
      options.use_btf = false;
    } else if (arguments[0] == "--note" && arguments.size() > 1) {
      arguments.erase(arguments.begin());
      note_file = arguments[0];
    } else {
      die("page_classes: what is " + arguments[0] + "?");
    }
    arguments.erase(arguments.begin());
  }
  if (arguments.size() != 2) die("usage: page_classes [--no-btf] [--note FILE] VMCORE OUT");
  const auto source = open_vmcore(arguments[0]);
  const std::string note = note_file.empty() ? source->info().vmcoreinfo : read_text(note_file);
  const Understanding kernel = understand(note, *source, options);
  const Classes classes = classes_of(*source, kernel.model);
  std::ofstream out(arguments[1], std::ios::binary);
  for (const PageClass c : classes.of) out.put(static_cast<char>(c));
  if (!out.flush()) die(arguments[1] + " cannot be written");
  print(kernel, classes.totals.anomalies);
  return 0;
}

}  // namespace
}  // namespace vmsift::test

int main(int argc, char** argv) {
  return vmsift::test::run({argv + 1, argv + argc});
}
