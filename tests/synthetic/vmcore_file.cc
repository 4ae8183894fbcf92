// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/synthetic/vmcore_file.h"

#include "tests/unit/support/elf_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>

namespace vmsift::test {
namespace {

constexpr std::size_t kHeaderBytes = 0x10000;  // where memory begins in the file
constexpr std::size_t kPrStatusBytes = 336;    // of one CPU, which says nothing

std::vector<PfnRange> readable(const SyntheticMemory& memory) {
  std::vector<PfnRange> ranges;
  for (PfnRange range : memory.stored()) {
    for (const Pfn hole : memory.unreadable()) {
      if (hole < range.begin || hole >= range.end) continue;
      if (range.begin < hole) ranges.push_back({range.begin, hole});
      range.begin = hole + 1;
    }
    if (range.begin < range.end) ranges.push_back(range);
  }
  std::sort(ranges.begin(), ranges.end(), [](PfnRange a, PfnRange b) { return a.begin < b.begin; });
  return ranges;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' || c == '\\' ? std::string{'\\', c} : std::string{c};
  return out + "\"";
}

}  // namespace

void write_vmcore(const std::string& path, const SyntheticKernel& kernel) {
  const DumpInfo& info = kernel.memory.info();
  const Pfn first = kernel.shape().first_pfn;
  const auto offset_of = [&](Pfn pfn) { return kHeaderBytes + (pfn - first) * info.page_size; };
  const bool is_32 = kernel.machine().word == 4;
  ElfBuilder elf({.order = info.order, .machine = info.machine, .elf32 = is_32});
  Bytes notes = elf_note("CORE", NT_PRSTATUS, zeros(kPrStatusBytes), info.order);
  append(notes, elf_note("VMCOREINFO", 0, text_bytes(kernel.note.text()), info.order));
  elf.notes(notes);
  const auto add = [&](PhysAddr paddr, VirtAddr vaddr, std::uint64_t bytes) {
    elf.part({.paddr = paddr.value,
              .vaddr = vaddr.value,
              .memsz = bytes,
              .filesz = bytes,
              .offset = offset_of(paddr.value / info.page_size)});
  };
  for (const VirtualRange& text : info.virtual_ranges) add(text.paddr, text.vaddr, text.size);
  for (const PfnRange range : readable(kernel.memory)) {
    const PhysAddr begin{range.begin * info.page_size};
    add(begin, kernel.direct(begin), range.size() * info.page_size);
  }
  const Bytes headers = elf.build();
  if (headers.size() > kHeaderBytes) throw std::runtime_error("headers need more room");
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  const auto write = [&out](std::uint64_t at, const Bytes& bytes) {
    out.seekp(static_cast<std::streamoff>(at));
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
  };
  write(0, headers);
  for (const auto& [pfn, bytes] : kernel.memory.written()) {
    if (pfn >= first && pfn < kernel.end()) write(offset_of(pfn), bytes);
  }
  write(offset_of(kernel.end()) - 1, zeros(1));
  if (!out.flush()) throw std::runtime_error(path + " cannot be written");
}

std::string expectation(const Case& c) {
  std::string classes;
  const std::vector<PageClass>& expected = c.kernel->expected;
  for (Pfn begin = 0, end = 0; begin < expected.size(); begin = end) {
    while (end < expected.size() && expected[end] == expected[begin]) ++end;
    if (expected[begin] == PageClass::hole) continue;
    classes += fmt::format("{}\n    [{}, {}, \"{}\"]", classes.empty() ? "" : ",", begin, end,
                           name_of(expected[begin]));
  }
  std::string reports;
  for (const std::string& text : c.reports) {
    reports += (reports.empty() ? "" : ", ") + quoted(text);
  }
  return fmt::format(
      "{{\n  \"spoilt\": {},\n  \"message\": {},\n  \"reports\": [{}],\n  \"classes\": [{}\n  "
      "]\n}}\n",
      c.spoilt, quoted(c.message), reports, classes);
}

}  // namespace vmsift::test
