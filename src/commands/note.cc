// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/commands/note.h"

#include "mm-model/given_note.h"
#include "mm-model/kernel_image.h"
#include "src/base/file.h"
#include "src/commands/vmlinux.h"

#include <fcntl.h>

#include <algorithm>
#include <array>

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

// Of a known machine the model says what is wrong with a note's page size. A note without one
// leaves the size that is usual there.
void set_page_size(const Vmcoreinfo& note, MemorySource& source, const Log& log) {
  const Arch* arch = find_arch(source.info());
  const auto stated = note.decimal("PAGESIZE");
  const std::uint64_t bytes = stated.value_or(0);
  if (arch != nullptr) {
    const auto& sizes = arch->page_sizes;
    const bool possible = std::find(sizes.begin(), sizes.end(), bytes) != sizes.end();
    (void)source.set_page_size(possible ? bytes : sizes.front());
  } else if (stated) {
    if (auto set = source.set_page_size(bytes); !set) {
      log.warning("PAGESIZE={} of the note is passed over: {}", *stated, set.message());
    }
  }
}

std::string describe_mismatch(NoteMatch match, const GivenNote& given, const Vmcoreinfo& theirs,
                              const Vmcoreinfo& own, const std::string& dump) {
  const bool build = match == NoteMatch::other_build;
  const char* const key = build ? "BUILD-ID" : "OSRELEASE";
  return fmt::format("{} is of kernel {}{}, {} of {}", given.file, build ? "build " : "",
                     theirs.text(key).value_or("?"), dump, own.text(key).value_or("?"));
}

// For a dump that says nothing of its own: what the boot decided, out of its memory.
std::string note_of_boot(const GivenNote& given, const Vmcoreinfo& theirs,
                         const MemorySource& source, const Log& log, std::string& mismatch) {
  const DumpInfo& dump = source.info();
  const Arch* arch = find_arch(dump);
  if (arch == nullptr || arch->find_boot == nullptr) return {};
  auto found = arch->find_boot(source, theirs);
  if (!found) {
    log.warning("{}: where the kernel lies is not found: {}", dump.path, found.message());
  } else if (!*found) {
    const auto release = release_in_memory(source);
    mismatch = fmt::format("{} is of kernel {}, which is not in the memory of {}{}", given.file,
                           theirs.text("OSRELEASE").value_or("?"), dump.path,
                           release ? fmt::format(": that names {}", *release) : "");
  } else {
    return **found;
  }
  return {};
}

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

}  // namespace

Result<GivenNote> read_given_note(const Options& options) {
  GivenNote given;
  if (options.vmlinux_file.empty() && options.vmcoreinfo_file.empty()) return given;
  const bool vmlinux = !options.vmlinux_file.empty();
  given.file = vmlinux ? options.vmlinux_file : options.vmcoreinfo_file;
  auto text = vmlinux ? describe_vmlinux(vmlinux_reader(), given.file) : read_note_file(given.file);
  if (!text) return text.take_error();
  given.text = std::move(*text);
  return given;
}

ChosenNote choose_note(const GivenNote& given, MemorySource& source, const Log& log) {
  const DumpInfo& dump = source.info();
  ChosenNote chosen;
  const Vmcoreinfo own(dump.vmcoreinfo);
  const Vmcoreinfo theirs(given.text);
  if (given.file.empty()) {
    chosen.text = dump.vmcoreinfo;
    set_page_size(own, source, log);
    return chosen;
  }
  set_page_size(theirs.text("PAGESIZE") ? theirs : own, source, log);
  // The header of a kdump-compressed dump names a release too.
  const Vmcoreinfo says =
      own.text("OSRELEASE") || dump.utsname[2].empty()
          ? own
          : Vmcoreinfo(fmt::format("OSRELEASE={}\n{}", dump.utsname[2], dump.vmcoreinfo));
  const NoteMatch match = compare_notes(theirs, says);
  chosen.doubted_build = match == NoteMatch::other_build;
  if (match != NoteMatch::same) {
    chosen.mismatch = describe_mismatch(match, given, theirs, says, dump.path);
    if (!chosen.doubted_build) {
      chosen.text = dump.vmcoreinfo;
      return chosen;
    }
  }
  std::string facts = dump.vmcoreinfo;
  if (own.empty() && !theirs.has_number("phys_base")) {
    facts = note_of_boot(given, theirs, source, log, chosen.mismatch);
  }
  const Arch* arch = find_arch(dump);
  chosen.text = facts.empty() ? given.text
                              : merge_notes(theirs, Vmcoreinfo(facts),
                                            arch != nullptr ? arch->image_start : 0);
  return chosen;
}

// Some stable kernels of 2024 export other bytes for their build id (5.15.168, 6.1.113, 6.6.55,
// 6.11.3 and some after each). The notes that the linker put into the image have the right ones.
bool confirm_build_in_memory(const GivenNote& given, const KernelModel& model,
                             const MemorySource& source) {
  const Vmcoreinfo theirs(given.text);
  const auto at = model.note().symbol("__start_notes");
  const auto id = theirs.text("BUILD-ID");
  if (!at || !id || !model.can_translate()) return false;
  std::array<std::byte, 1024> notes;  // 500 bytes in kernels for x86_64
  AddressSpace memory(model.addresses(), source);
  if (!memory.read(*at, notes)) return false;
  std::string text;
  for (const std::byte b : notes) text += fmt::format("{:02x}", std::to_integer<unsigned>(b));
  const auto found = text.find(*id);
  return found != std::string::npos && found % 2 == 0;
}

OutputNotes output_notes(const DumpInfo& dump, std::string_view text) {
  OutputNotes out;
  out.notes = dump.notes;
  const bool has_own = !Vmcoreinfo(dump.vmcoreinfo).empty();
  const std::string_view own = has_own ? std::string_view(dump.vmcoreinfo) : text;
  if (own.empty()) return out;
  const auto find = [&] {
    const auto wanted = std::as_bytes(std::span(own));
    return std::search(out.notes.begin(), out.notes.end(), wanted.begin(), wanted.end());
  };
  if (find() == out.notes.end()) {  // from a file, or beside the notes of a kdump file
    const auto note = make_note(own, dump.order);
    out.notes.insert(out.notes.end(), note.begin(), note.end());
  }
  out.text_at = static_cast<std::uint64_t>(find() - out.notes.begin());
  out.text_size = own.size();
  return out;
}

}  // namespace vmsift
