// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/commands/vtop.h"

#include "src/commands/commands.h"

#include <array>
#include <optional>
#include <span>
#include <string_view>

namespace vmsift {
namespace {

// Linux' names: the root is the PGD, and the levels from the last one on these. What lies between
// is folded where there are less.
std::string_view level_name(std::span<const PageTableLevel> levels, const PageTableLevel& level) {
  constexpr std::array<std::string_view, 4> kFromTheLast = {"PTE", "PMD", "PUD", "P4D"};
  if (level.shift == levels.front().shift) return "PGD";
  std::size_t below = 0;
  for (const PageTableLevel& other : levels) below += other.shift < level.shift;
  return below < kFromTheLast.size() ? kFromTheLast[below] : "???";
}

std::string size_of(unsigned shift) {
  constexpr std::array<std::string_view, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  return fmt::format("{} {}", 1U << shift % 10, kUnits[shift / 10]);
}

std::string meaning_of(const WalkStep& step) {
  if (!step.readable) return "this table is not in the dump";
  switch (step.entry.kind) {
    case EntryKind::absent:
      return "not present";
    case EntryKind::table:
      return fmt::format("table at {:x}", step.entry.frame);
    case EntryKind::leaf:
      break;
  }
  return "page of " + size_of(step.entry.shift != 0 ? step.entry.shift : step.level.shift);
}

std::string presence_of(const MemorySource& source, Pfn pfn) {
  if (pfn >= source.info().max_pfn) return "is beyond the memory that the dump describes";
  std::array<std::byte, 1> exists{};
  std::array<std::byte, 1> stored{};
  const Pfn begin = align_down<Pfn>(pfn, 8);
  if (auto known = source.presence({begin, begin + 8}, BitSpan(exists), BitSpan(stored)); !known) {
    return "may be in the dump: " + known.message();
  }
  const auto bit = static_cast<std::size_t>(pfn - begin);
  if (BitSpan(stored).test(bit)) return "is in the dump";
  return BitSpan(exists).test(bit) ? "was left out of the dump" : "is no memory";
}

}  // namespace

std::string explain_address(const Input& input, std::uint64_t vaddr) {
  const KernelModel& model = *input.model;
  const MemorySource& source = *input.source;
  std::string text = fmt::format("Translating virtual address {:x} to physical address.\n", vaddr);
  if (!model.can_translate()) {
    const auto& why = model.downgrades();
    return text + fmt::format("  impossible: {}\n",
                              why.empty() ? "the kernel is not known" : why.front().reason);
  }
  const AddressLayout& layout = model.addresses();
  AddressSpace memory(layout, source);
  const WalkObserver observer = [&](const WalkStep& step) {
    text += fmt::format("  {} : {:16x} => {:>16} {}\n", level_name(layout.table.levels, step.level),
                        step.at.value, step.readable ? fmt::format("{:x}", step.raw) : "?",
                        meaning_of(step));
  };
  const auto walked = memory.walk({vaddr}, &observer);
  const auto linear = memory.translate({vaddr});
  if (!walked && linear) {
    text += fmt::format(
        "  by the note this is part of the kernel image or of the direct map, at {:x}\n",
        linear->paddr.value);
  }
  const auto found = walked ? walked : linear;
  text += fmt::format("VIRTUAL           PHYSICAL\n{:<16x}  {}\n", vaddr,
                      found ? fmt::format("{:x}", found->paddr.value) : "not mapped");
  if (found) {
    const Pfn pfn = found->paddr.value / source.info().page_size;
    text += fmt::format("page frame {:#x} {}\n", pfn, presence_of(source, pfn));
  }
  return text;
}

Result<int> run_vtop(const Options& options, const Log& log) {
  auto input = open_input(options, log);
  if (!input) return input.take_error();
  if (!input->model->can_translate()) {
    const auto why = input->model->downgrades();
    return error("{}: addresses cannot be translated: {}", input->source->info().path,
                 why.empty() ? "the kernel is not known" : why.front().reason);
  }
  log.report(explain_address(*input, options.vtop.value_or(0)));
  return kExitOk;
}

}  // namespace vmsift
