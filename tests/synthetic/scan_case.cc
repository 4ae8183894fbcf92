// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/synthetic/scan_case.h"

#include "filters/filter.h"
#include "src/classify/window_scan.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <stdexcept>

namespace vmsift::test {

std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(VMSIFT_CASES)) {
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Case case_of(const std::string& name) {
  return read_case(std::string(VMSIFT_CASES) + "/" + name + ".txt");
}

std::string test_name(std::string case_name) {
  std::replace_if(
      case_name.begin(), case_name.end(), [](char ch) { return std::isalnum(ch) == 0; }, '_');
  return case_name;
}

Scan scan(const Case& c, const KernelModel& model, unsigned level) {
  const SyntheticMemory& memory = c.kernel->memory;
  const Pfn end = c.kernel->end();
  Scan found{std::vector<PageClass>(end, PageClass::hole), std::vector<bool>(end)};
  WindowScanner scanner(model, memory, dropped_classes(level));
  const auto window = std::make_unique<WindowResult>();
  for (Pfn at = memory.next_window(0, kWindowPages); at < end;
       at = memory.next_window(at + kWindowPages, kWindowPages)) {
    const auto scanned = scanner.scan(at, *window);
    if (!scanned) throw std::runtime_error(scanned.message());
    for (Pfn pfn = window->pages.begin; pfn < window->pages.end; ++pfn) {
      const Pfn i = pfn - window->pages.begin;
      found.classes[pfn] = window->classes[i];
      found.kept[pfn] = (std::to_integer<unsigned>(window->kept[i / 8]) >> i % 8 & 1) != 0;
    }
  }
  return found;
}

}  // namespace vmsift::test
