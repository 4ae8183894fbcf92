// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/cli/option_table.h"

#include <array>

namespace vmsift {
namespace {

constexpr unsigned kReadingModes =
    kCreateMode | kLevelsMode | kEstimateMode | kDmesgMode | kMemUsageMode;
constexpr unsigned kSizesModes = kLevelsMode | kEstimateMode;
// makedumpfile takes these beside --dump-dmesg and --mem-usage too, where they change nothing:
// scripts put the options of all their calls into one variable.
constexpr unsigned kCreateOptionModes = kCreateMode | kDmesgMode | kMemUsageMode;

constexpr const char* kXen = "memory of the Xen hypervisor is not read";

constexpr std::array<OptionRow, kOptCount> kRows = {{
    {Opt::levels, 0, "levels", optional_argument, kLevelsMode, nullptr},
    {Opt::estimate, 0, "estimate", optional_argument, kEstimateMode, nullptr},
    {Opt::rearrange, 'R', nullptr, no_argument, kRearrangeMode, nullptr},
    {Opt::reassemble, 0, "reassemble", no_argument, kReassembleMode, nullptr},
    {Opt::dump_dmesg, 0, "dump-dmesg", no_argument, kDmesgMode, nullptr},
    {Opt::mem_usage, 0, "mem-usage", no_argument, kMemUsageMode, nullptr},
    {Opt::make_vmcoreinfo, 'g', nullptr, required_argument, kVmcoreinfoMode, nullptr},
    {Opt::help, 'h', "help", no_argument, kAnyMode, nullptr},
    {Opt::version, 'v', "version", no_argument, kAnyMode, nullptr},
    {Opt::check_params, 0, "check-params", no_argument, kAnyMode, nullptr},

    {Opt::buffer_order, 'b', nullptr, required_argument, kAnyMode, nullptr},
    {Opt::codec, 0, "lz4", no_argument, kCreateOptionModes | kSizesModes, nullptr},
    {Opt::cyclic_buffer, 0, "cyclic-buffer", required_argument, kAnyMode, nullptr},
    {Opt::debug, 'D', nullptr, no_argument, kAnyMode, nullptr},
    {Opt::dedup, 0, "dedup", no_argument, kCreateMode, nullptr},
    {Opt::dry_run, 0, "dry-run", no_argument, kCreateMode, nullptr},
    {Opt::dump_level, 'd', nullptr, required_argument, kCreateOptionModes | kSizesModes, nullptr},
    {Opt::elf, 'E', nullptr, no_argument, kCreateOptionModes, nullptr},
    {Opt::exclude_unused_vm, 'e', "exclude-unused-vm", no_argument, kCreateOptionModes, nullptr},
    {Opt::flattened, 'F', nullptr, no_argument, kCreateOptionModes, nullptr},
    {Opt::force, 'f', "force", no_argument, kAnyMode, nullptr},
    {Opt::message_level, 0, "message-level", required_argument, kAnyMode, nullptr},
    {Opt::no_btf, 0, "no-btf", no_argument, kReadingModes, nullptr},
    {Opt::non_mmap, 0, "non-mmap", no_argument, kAnyMode, nullptr},
    {Opt::num_threads, 0, "num-threads", required_argument, kAnyMode, nullptr},
    {Opt::partial_dmesg, 0, "partial-dmesg", no_argument, kDmesgMode, nullptr},
    {Opt::show_stats, 0, "show-stats", no_argument, kAnyMode, nullptr},
    {Opt::size_limit, 'L', nullptr, required_argument, kCreateMode, nullptr},
    {Opt::split, 0, "split", no_argument, kCreateMode, nullptr},
    {Opt::splitblock_size, 0, "splitblock-size", required_argument, kCreateMode, nullptr},
    {Opt::stats, 0, "stats", required_argument, kCreateMode | kSizesModes | kMemUsageMode, nullptr},
    {Opt::stream, 0, "stream", required_argument, kCreateMode, nullptr},
    {Opt::vmcoreinfo, 'i', "vmcoreinfo", required_argument, kReadingModes, nullptr},
    {Opt::vmlinux, 'x', nullptr, required_argument, kReadingModes | kVmcoreinfoMode, nullptr},
    {Opt::vtop, 0, "vtop", required_argument, kCreateMode, nullptr},
    {Opt::work_dir, 0, "work-dir", required_argument, kAnyMode, nullptr},

    {Opt::xen_exclude_domu, 'X', nullptr, no_argument, kAnyMode, kXen},
    {Opt::xen_syms, 0, "xen-syms", required_argument, kAnyMode, kXen},
    {Opt::xen_vmcoreinfo, 0, "xen-vmcoreinfo", required_argument, kAnyMode, kXen},
    {Opt::xen_phys_start, 0, "xen_phys_start", required_argument, kAnyMode, kXen},
    {Opt::config, 0, "config", required_argument, kAnyMode, "data are not erased from dumps"},
    {Opt::eppic, 0, "eppic", required_argument, kAnyMode, "data are not erased from dumps"},
    {Opt::extension, 0, "extension", required_argument, kAnyMode, "there are no filters to load"},
    {Opt::diskset, 0, "diskset", required_argument, kAnyMode, "sadump is not read"},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (index_of(kRows[i].opt) != i) return false;
  }
  return true;
}
static_assert(in_order());

}  // namespace

std::string OptionRow::word() const {
  return letter != 0 ? std::string{'-', letter} : std::string("--") + name;
}

std::span<const OptionRow> option_rows() {
  return kRows;
}

const OptionRow& row_of(Opt opt) {
  return kRows[index_of(opt)];
}

}  // namespace vmsift
