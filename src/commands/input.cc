// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/commands/input.h"

#include "src/base/file.h"
#include "src/input/open.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

namespace vmsift {
namespace {

Result<std::string> read_note_file(const std::string& path) {
  auto file = File::open(path, O_RDONLY);
  if (!file) return file.take_error();
  std::string text(Vmcoreinfo::kMaxText, '\0');
  auto got = file->read_at(0, std::as_writable_bytes(std::span(text)));
  if (!got) return got.take_error();
  text.resize(*got);
  return text;
}

// Readers of the dump need the note too: where it came from a file, it is added to the notes.
std::vector<std::byte> make_note(std::string_view text, ByteOrder order) {
  constexpr std::string_view kName("VMCOREINFO\0", 11);
  std::vector<std::byte> note(12);
  store(&note[0], static_cast<std::uint32_t>(kName.size()), order);
  store(&note[4], static_cast<std::uint32_t>(text.size()), order);
  store(&note[8], std::uint32_t{0}, order);
  for (const std::string_view part : {kName, text}) {
    const auto bytes = std::as_bytes(std::span(part));
    note.insert(note.end(), bytes.begin(), bytes.end());
    note.resize(align_up(note.size(), std::size_t{4}));
  }
  return note;
}

void take_notes(Input& input, std::string_view text) {
  const DumpInfo& dump = input.source->info();
  input.notes = dump.notes;
  const std::string_view own = dump.vmcoreinfo.empty() ? text : std::string_view(dump.vmcoreinfo);
  if (own.empty()) return;
  const auto find = [&] {
    const auto wanted = std::as_bytes(std::span(own));
    return std::search(input.notes.begin(), input.notes.end(), wanted.begin(), wanted.end());
  };
  if (find() == input.notes.end()) {  // from a file, or beside the notes of a kdump file
    const auto note = make_note(own, dump.order);
    input.notes.insert(input.notes.end(), note.begin(), note.end());
  }
  input.vmcoreinfo_at = static_cast<std::uint64_t>(find() - input.notes.begin());
  input.vmcoreinfo_size = own.size();
}

void report(const Input& input, const Options& options, const Log& log) {
  const DumpInfo& dump = input.source->info();
  const KernelModel& model = *input.model;
  for (const std::string& w : dump.warnings) log.warning("{}: {}", dump.path, w);
  for (const std::string& w : model.warnings()) log.warning("{}", w);
  for (const Downgrade& d : model.downgrades()) {
    // Levels 0 and 1 ask for no class, but some pages should not be touched at any level.
    const bool only_untouchable = options.command == Command::create &&
                                  options.dump_level <= kLevelZero && !model.memory_map();
    log.warning("{} are kept: {}", only_untouchable ? "hwpoison and offline pages" : d.rule,
                d.reason);
  }
  log.debug("{}: {} of {}, {} page frames of {} bytes", dump.path, dump.format,
            model.arch() != nullptr ? model.arch()->name : "an unknown machine", dump.max_pfn,
            dump.page_size);
  if (model.memory_map()) log.debug("memory model: {}", model.memory_map()->model());
  for (const RuleStatus& rule : model.rules().rules()) {
    log.debug("rule {}: {}", rule.filter->name,
              rule.missing.empty() ? "on" : fmt::format("off, {} is missing", rule.missing));
  }
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
  header.utsname[0] = "Linux";
  header.utsname[2] = release.value_or("");
  header.utsname[4] =
      model.arch() != nullptr ? model.arch()->name : input.source->info().machine_name;
  const auto found = utsname_in_memory(input);
  if (found && release && (*found)[2] == *release) header.utsname = *found;
}

// A note that the user gave must be of the kernel that the dump's own note tells of. BUILD-ID is
// not compared: some stable kernels of 2024 export garbage there.
std::string find_mismatch(const Input& input, const std::string& given_file) {
  const Vmcoreinfo own(input.source->info().vmcoreinfo);
  const auto ours = own.text("OSRELEASE");
  const auto given = input.model->note().text("OSRELEASE");
  if (!ours || !given || *ours == *given) return {};
  return fmt::format("{} is of kernel {}, {} of {}", given_file, *given, input.source->info().path,
                     *ours);
}

}  // namespace

Result<Input> open_input(const Options& options, const Log& log) {
  Input input;
  auto source = open_dump(options.vmcore(), options.non_mmap ? ReadMode::read : ReadMode::map);
  if (!source) return source.take_error();
  input.source = std::move(*source);

  std::string text = input.source->info().vmcoreinfo;
  if (!options.vmcoreinfo_file.empty()) {
    auto given = read_note_file(options.vmcoreinfo_file);
    if (!given) return given.take_error();
    text = std::move(*given);
  }
  Vmcoreinfo note(text);
  if (const auto bytes = note.decimal("PAGESIZE")) {
    if (auto set = input.source->set_page_size(static_cast<std::size_t>(*bytes)); !set) {
      log.warning("PAGESIZE={} of the note is passed over: {}", *bytes, set.message());
    }
  }
  if (note.empty() && options.dump_level > 1) {
    return error(
        "{}: no VMCOREINFO, which dump level {} needs (levels 0 and 1 do not; -i FILE gives "
        "one)",
        options.vmcore(), options.dump_level);
  }
  take_notes(input, text);
  input.model = std::make_unique<KernelModel>(KernelModel::detect(std::move(note), *input.source));
  if (!options.vmcoreinfo_file.empty()) {
    input.mismatch = find_mismatch(input, options.vmcoreinfo_file);
    if (!input.mismatch.empty()) return input;
  }
  report(input, options, log);
  return input;
}

Result<kdump::Header> describe_dump(const Input& input, unsigned dump_level) {
  const DumpInfo& dump = input.source->info();
  kdump::Header header;
  header.abi = dump.abi;
  header.block_size = static_cast<std::uint32_t>(dump.page_size);
  header.cpus = dump.cpus;
  header.phys_base = input.model->addresses().phys_base;
  header.dump_level = dump_level;
  header.crash_time =
      static_cast<std::uint64_t>(input.model->note().decimal("CRASHTIME").value_or(0));
  header.vmcoreinfo_size = input.vmcoreinfo_size;
  if (!header.plan(dump.max_pfn, input.notes.size())) {
    return error("{}: {} page frames are more than the dump format can describe", dump.path,
                 dump.max_pfn);
  }
  set_utsname(input, header);
  return header;
}

}  // namespace vmsift
