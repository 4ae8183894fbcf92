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
  for (const Downgrade& d : model.downgrades()) {
    if (!classifies) break;
    // Levels 0 and 1 ask for no class, but some pages should not be touched at any level.
    const bool only_untouchable = options.command == Command::create &&
                                  options.dump_level <= kLevelZero && !model.memory_map();
    log.warning("{} are kept: {}", only_untouchable ? "hwpoison and offline pages" : d.rule,
                d.reason);
  }
  if (classifies && !model.rules_by_btf().empty()) {
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
void check_match(Input& input, const ChosenNote& chosen, const GivenNote& given, const Log& log) {
  input.mismatch = chosen.mismatch;
  if (chosen.doubted_build && confirm_build_in_memory(given, *input.model, *input.source)) {
    log.warning("{}, but the kernel's memory has that of {}: its note is wrong", chosen.mismatch,
                given.file);
    input.mismatch.clear();
  } else if (input.mismatch.empty() && !given.file.empty() &&
             Vmcoreinfo(input.source->info().vmcoreinfo).empty()) {
    input.mismatch = find_mismatch_in_memory(input, given);
  }
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
  check_match(input, chosen, *given, log);
  if (!input.mismatch.empty()) return input;
  report(input, options, log);
  return input;
}

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
  if (!header.plan(dump.max_pfn, input.notes.size())) {
    return error("{}: {} page frames are more than the dump format can describe", dump.path,
                 dump.max_pfn);
  }
  set_utsname(input, header);
  return header;
}

}  // namespace vmsift
