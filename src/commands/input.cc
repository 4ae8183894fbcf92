// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/commands/input.h"

#include "src/commands/memory_request.h"
#include "src/commands/note.h"
#include "src/input/open.h"
#include "src/memory/available.h"

#include <array>
#include <optional>

namespace vmsift {
namespace {

void report(const Input& input, const Options& options, const Log& log) {
  const DumpInfo& dump = input.source->info();
  const KernelModel& model = *input.model;
  for (const std::string& w : dump.warnings) log.warning("{}: {}", dump.path, w);
  for (const std::string& w : model.warnings()) log.warning("{}", w);
  const bool classifies = options.command != Command::dmesg;
  const bool told_later = options.command == Command::estimate;  // they are what it reports
  for (const Downgrade& d : model.downgrades()) {
    if (!classifies || told_later) break;
    // Levels 0 and 1 ask for no class, but some pages should not be touched at any level.
    const bool only_untouchable = options.command == Command::create &&
                                  options.dump_level <= kLevelZero && !model.memory_map();
    log.warning("{} are kept: {}", only_untouchable ? "hwpoison and offline pages" : d.rule,
                d.reason);
  }
  if (classifies && !told_later && !model.rules_by_btf().empty()) {
    log.common("The note lacks entries; rules that run on the kernel's own type information: {}",
               fmt::join(model.rules_by_btf(), ", "));
  }
  log.debug("{}: {} of {}, {} page frames of {} bytes", dump.path, dump.format,
            model.arch() != nullptr ? model.arch()->name : "an unknown machine", dump.max_pfn,
            dump.page_size);
  if (model.memory_map()) log.debug("memory model: {}", model.memory_map()->model());
  for (const RuleStatus& rule : model.rules().rules()) {
    log.debug(
        "rule {}: {}", rule.filter->name,
        rule.off.empty() ? fmt::format("on {}", rule.evidence) : fmt::format("off, {}", rule.off));
  }
  log.debug("BTF: {}", model.btf().used ? "used" : model.btf().reason);
  for (const std::string& key : model.btf().supplied) log.debug("  {} is from BTF", key);
  for (const auto& [key, value] : model.note().entries()) log.debug("  {}={}", key, value);
}

// Behind uts_namespace.name (an int before 5.11).
std::optional<kdump::Utsname> utsname_in_memory(const Input& input) {
  const KernelModel& model = *input.model;
  const auto symbol = model.note().symbol("init_uts_ns");
  if (!symbol || !model.can_translate()) return std::nullopt;
  std::array<std::byte, kdump::kUtsFields * kdump::kUtsFieldBytes> raw;
  AddressSpace memory(model.addresses(), *input.source);
  if (!memory.read(*symbol + model.note().offset("uts_namespace.name").value_or(4), raw)) {
    return std::nullopt;
  }
  return kdump::decode_utsname(raw);
}

void set_utsname(const Input& input, kdump::Header& header) {
  const KernelModel& model = *input.model;
  const auto release = model.note().text("OSRELEASE");
  header.utsname = input.source->info().utsname;  // of a kdump dump; QEMU sets the machine alone
  header.utsname[0] = "Linux";
  if (release) header.utsname[2] = *release;
  header.utsname[4] =
      model.arch() != nullptr ? model.arch()->name : input.source->info().machine_name;
  const auto found = utsname_in_memory(input);
  if (found && release && (*found)[2] == *release) header.utsname = *found;
}

// Of a dump without a note, memory itself tells what kernel it is of.
std::string find_mismatch_in_memory(const Input& input, const GivenNote& given) {
  const auto release = input.model->note().text("OSRELEASE");
  const auto found = utsname_in_memory(input);
  if (!release || !found || (*found)[0] != "Linux" || (*found)[2] == *release) return {};
  return fmt::format("{} is of kernel {}, {} of {}", given.file, *release,
                     input.source->info().path, (*found)[2]);
}

// A note that the user gave must be of the kernel whose memory this is.
Result<void> check_match(const Input& input, const ChosenNote& chosen, const GivenNote& given,
                         const Log& log) {
  std::string mismatch = chosen.mismatch;
  if (chosen.doubted_build && confirm_build_in_memory(given, *input.model, *input.source)) {
    log.warning("{}, but the kernel's memory has that of {}: its note is wrong", chosen.mismatch,
                given.file);
    mismatch.clear();
  } else if (mismatch.empty() && !given.file.empty() &&
             Vmcoreinfo(input.source->info().vmcoreinfo).empty()) {
    mismatch = find_mismatch_in_memory(input, given);
  }
  if (mismatch.empty()) return {};
  return Error(std::move(mismatch), ErrorKind::mismatch);
}

}  // namespace

Result<Input> open_input(const Options& options, const Log& log) {
  Input input;
  auto source = open_dump(options.inputs, read_mode(options, available_memory()));
  if (!source) return source.take_error();
  input.source = std::move(*source);

  auto given = read_given_note(options);
  if (!given) return given.take_error();
  const ChosenNote chosen = choose_note(*given, *input.source, log);
  Vmcoreinfo note(chosen.text);
  if (note.empty() && options.command == Command::create && options.dump_level > 1) {
    return error(
        "{}: no VMCOREINFO, which dump level {} needs (levels 0 and 1 do not; -x VMLINUX or -i "
        "FILE gives one)",
        options.vmcore(), options.dump_level);
  }
  OutputNotes notes = output_notes(input.source->info(), chosen.text);
  input.notes = std::move(notes.notes);
  input.vmcoreinfo_at = notes.text_at;
  input.vmcoreinfo_size = notes.text_size;
  input.model = std::make_unique<KernelModel>(
      KernelModel::detect(std::move(note), *input.source, {.use_btf = options.use_btf}));
  if (auto matches = check_match(input, chosen, *given, log); !matches) {
    return matches.take_error();
  }
  report(input, options, log);
  return input;
}

namespace {

// Of memory, as a multiple of 64: bits of a window are to be whole bytes of a bitmap.
Result<Pfn> lowest_pfn(const MemorySource& source) {
  constexpr Pfn kPages = 1U << 15;
  constexpr Pfn kStep = 64;
  std::vector<std::byte> exists(kPages / 8);
  std::vector<std::byte> stored(kPages / 8);
  const Pfn end = source.info().max_pfn;
  for (Pfn at = source.next_window(0, kPages); at < end; at = source.next_window(at, kPages)) {
    at = align_down(at, kPages);
    const PfnRange window{at, std::min(at + kPages, end)};
    if (auto known = source.presence(window, BitSpan(exists), BitSpan(stored)); !known) {
      return known.take_error();
    }
    for (; at < window.end; at += kStep) {
      const auto word =
          std::span(exists).subspan(static_cast<std::size_t>(at - window.begin) / 8, 8);
      if (BitSpan(word).count() != 0) return at;
    }
  }
  return Pfn{0};
}

// Makes the header count page frames as readers of this machine's dumps do.
Result<void> set_first_pfn(const Input& input, kdump::Header& header) {
  if (!header.may_count_from_phys_base()) return {};
  auto lowest = lowest_pfn(*input.source);
  if (!lowest) return lowest.take_error();
  const Pfn base = header.phys_base / header.block_size;
  // The kernel's own unless it lies about memory below: that would not fit in.
  const bool believed = base != 0 && base <= *lowest && base % 8 == 0;
  header.first_pfn = believed ? base : *lowest;
  header.phys_base = header.first_pfn * header.block_size;
  // Beyond 4 GiB the header has no room for it, and readers have page frame 0 then.
  if (header.phys_base >> 32 != 0) header.first_pfn = header.phys_base = 0;
  return {};
}

}  // namespace

Result<kdump::Header> describe_dump(const Input& input, unsigned dump_level) {
  const DumpInfo& dump = input.source->info();
  kdump::Header header;
  header.abi = dump.abi;
  header.block_size = static_cast<std::uint32_t>(dump.page_size);
  header.cpus = dump.cpus;
  header.phys_base =
      input.model->can_translate() ? input.model->addresses().phys_base : dump.phys_base;
  header.dump_level = dump_level;
  const auto crash_time = input.model->note().decimal("CRASHTIME");
  header.crash_time = crash_time ? static_cast<std::uint64_t>(*crash_time) : dump.crash_time;
  header.vmcoreinfo_size = input.vmcoreinfo_size;
  set_utsname(input, header);
  if (auto set = set_first_pfn(input, header); !set) return set.take_error();
  if (!header.plan(dump.max_pfn, input.notes.size())) {
    return error("{}: {} page frames are more than the dump format can describe", dump.path,
                 dump.max_pfn);
  }
  return header;
}

}  // namespace vmsift
