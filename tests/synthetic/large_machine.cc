// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/synthetic/large_machine.h"

#include "tests/synthetic/vmcore_file.h"

#include <algorithm>
#include <filesystem>
#include <stdexcept>

namespace vmsift::test {
namespace {

constexpr Pfn kSection = SyntheticKernel::kSection;
constexpr Pfn kRepeated = kSection;  // the first page frame of the section that all others repeat
constexpr std::uint64_t kMostSections = 32768;
constexpr unsigned kStructShift = 21;  // one section's struct pages are one page of 2 MiB

// A quarter is free in blocks of the largest order, an eighth in small ones between pages of
// processes; the rest are single pages of processes and of the page cache. No compound pages: their
// tails would point to the head of one section alone.
void fill(SyntheticKernel& kernel) {
  constexpr Pfn kBlocks = kSection / 4;
  constexpr Pfn kMixed = kSection / 2;
  for (Pfn i = 0; i < kBlocks; i += Pfn{1} << SyntheticKernel::kMaxOrder) {
    kernel.free_block(kRepeated + i, SyntheticKernel::kMaxOrder);
  }
  for (Pfn i = kBlocks; i < kMixed; i += 8) {
    kernel.free_block(kRepeated + i, 1);
    for (Pfn n = 2; n < 8; ++n) kernel.anon(kRepeated + i + n);
  }
  for (Pfn i = kMixed; i < kSection; ++i) {
    switch (i / 512 % 4) {
      case 0:
      case 1:
        kernel.anon(kRepeated + i);
        break;
      case 2:
        kernel.file(kRepeated + i, false);
        break;
      default:
        kernel.file(kRepeated + i, true);
        break;
    }
  }
}

// What a section keeps: a slab, and a page that is simply in use.
void keep_two(SyntheticKernel& kernel) {
  constexpr Pfn kSlab = kRepeated + kSection / 2 + 1;
  constexpr Pfn kInUse = kRepeated + kSection - 3;
  for (const Pfn pfn : {kSlab, kInUse}) {
    kernel.put_word(kernel.struct_place(pfn) + kernel.fields().flags, 0);
    kernel.put_word(kernel.struct_place(pfn) + kernel.fields().mapping, 0);
    kernel.expect(pfn, 1, PageClass::kernel);
  }
  kernel.slab(kSlab, 0);
}

void repeat(SyntheticKernel& kernel, std::uint64_t sections) {
  const PhysAddr structs = kernel.struct_place(kRepeated);
  const std::uint64_t coded = kernel.get_word(kernel.section_entry(1));
  const std::uint64_t per_root = kernel.machine().page() / kernel.encoding().section_bytes;
  for (std::uint64_t s = 2; s < sections; ++s) {
    kernel.map(kernel.struct_address(s * kSection), structs, kStructShift);
    kernel.put_word(kernel.section_entry(s), coded);
    if (s % per_root == 0) {
      kernel.put_word(kernel.section_root(s / per_root),
                      kernel.direct(kernel.section_entry(s)).value);
    }
  }
  const unsigned shift = kernel.machine().direct_shift;
  const std::uint64_t bytes = sections * kSection * kernel.machine().page();
  for (std::uint64_t at = std::uint64_t{1} << shift; at < bytes; at += std::uint64_t{1} << shift) {
    kernel.map(kernel.direct({at}), {at}, shift);
  }
}

}  // namespace

LargeMachine make_large_machine(std::uint64_t sections) {
  if (sections < 2 || sections > kMostSections) throw std::runtime_error("2 to 32768 sections");
  LargeMachine machine;
  machine.kernel = std::make_unique<SyntheticKernel>(KernelShape{});
  SyntheticKernel& kernel = *machine.kernel;
  fill(kernel);
  keep_two(kernel);
  kernel.use_the_rest();
  repeat(kernel, sections);

  machine.pages = sections * kSection;
  const auto of_section = [&](std::uint64_t section, auto&& is) {
    const auto begin = kernel.expected.begin() + static_cast<std::ptrdiff_t>(section * kSection);
    return static_cast<std::uint64_t>(std::count_if(begin, begin + kSection, is));
  };
  const auto is_free = [](PageClass c) { return c == PageClass::free; };
  const auto is_kept = [](PageClass c) { return c == PageClass::kernel || c == PageClass::slab; };
  machine.free = of_section(1, is_free) * (sections - 1);
  machine.kept = of_section(0, is_kept) + of_section(1, is_kept) * (sections - 1);

  SyntheticNodes& nodes = kernel.nodes();
  const Pfn added = machine.pages - kernel.end();
  for (const PhysAddr at :
       {nodes.span_of(kRepeated), nodes.word_of_node(0, 3), nodes.word_of_node(0, 4)}) {
    kernel.put_word(at, kernel.get_word(at) + added);
  }
  kernel.put_word(nodes.counter_of(kRepeated), machine.free);
  if (added != 0) kernel.memory.add({kernel.end(), machine.pages});
  return machine;
}

void write_large_vmcore(const std::string& path, const LargeMachine& machine) {
  write_vmcore(path, *machine.kernel);
  const Pfn added = machine.pages - machine.kernel->end();
  std::filesystem::resize_file(
      path, std::filesystem::file_size(path) + added * machine.kernel->machine().page());
}

}  // namespace vmsift::test
