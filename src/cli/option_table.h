// SPDX-License-Identifier: GPL-2.0-or-later
// Every option that is known, with its names, whether it takes a value, and the modes it goes with.
// The letters of the codecs are not here: Codec::option has them.
#pragma once

#include <getopt.h>

#include <bitset>
#include <cstddef>
#include <span>
#include <string>

namespace vmsift {

enum class Opt : unsigned char {
  // What is done.
  levels,
  estimate,
  rearrange,
  reassemble,
  dump_dmesg,
  mem_usage,
  make_vmcoreinfo,
  help,
  version,
  check_params,
  // How.
  buffer_order,
  codec,  // any of them
  cyclic_buffer,
  debug,
  dedup,
  dry_run,
  dump_level,
  elf,
  exclude_unused_vm,
  flattened,
  force,
  message_level,
  no_btf,
  non_mmap,
  num_threads,
  partial_dmesg,
  show_stats,
  size_limit,
  split,
  splitblock_size,
  stats,
  stream,
  vmcoreinfo,
  vmlinux,
  vtop,
  work_dir,
  // Of makedumpfile, for what vmsift does not do.
  xen_exclude_domu,
  xen_syms,
  xen_vmcoreinfo,
  xen_phys_start,
  config,
  eppic,
  extension,
  diskset,
};
constexpr std::size_t kOptCount = static_cast<std::size_t>(Opt::diskset) + 1;

// Bits of OptionRow::modes.
enum Mode : unsigned {
  kCreateMode = 1,
  kLevelsMode = 2,
  kRearrangeMode = 4,
  kReassembleMode = 8,
  kDmesgMode = 16,
  kMemUsageMode = 32,
  kVmcoreinfoMode = 64,
  kEstimateMode = 128,
  kAnyMode = 255,
};

struct OptionRow {
  Opt opt;
  char letter;          // 0: none
  const char* name;     // without the dashes; nullptr: none
  int argument;         // as in getopt_long's struct option
  unsigned modes;       // that it goes with
  const char* refused;  // why vmsift does not do it; nullptr: it does

  [[nodiscard]] std::string word() const;  // "-f" or "--split"
};

std::span<const OptionRow> option_rows();  // in the order of Opt
const OptionRow& row_of(Opt opt);

using OptSet = std::bitset<kOptCount>;
constexpr std::size_t index_of(Opt opt) {
  return static_cast<std::size_t>(opt);
}

}  // namespace vmsift
