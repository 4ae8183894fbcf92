// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/cli/texts.h"

#include <array>

namespace vmsift {
namespace {

// Behind the name of the program.
constexpr std::array<std::string_view, 11> kForms = {{
    "[OPTION]... VMCORE... DUMPFILE",
    "-F [OPTION]... VMCORE... > FILE",
    "--split [OPTION]... VMCORE DUMPFILE1 DUMPFILE2...",
    "--levels[=CODEC,...] [OPTION]... VMCORE...",
    "--estimate[=CODEC,...] [OPTION]... [VMCORE...]",
    "-R [OPTION]... DUMPFILE < FILE",
    "--reassemble [OPTION]... DUMPFILE1... DUMPFILE",
    "--dump-dmesg [OPTION]... VMCORE... LOGFILE",
    "--mem-usage [OPTION]... VMCORE",
    "-g FILE -x VMLINUX",
    "--check-params OPTION... OPERAND...",
}};

constexpr std::string_view kText = R"(
Writes what explains a crash out of a Linux kernel's memory: reads VMCORE (/proc/vmcore, /proc/kcore,
an ELF core, a kdump-compressed dump, as a file, a flattened stream or a split set), leaves out pages
by class, and writes DUMPFILE in the kdump-compressed format that crash, drgn and libkdumpfile open,
or as ELF.

What to leave out:
  -d LEVEL[,LEVEL]...    sum of: 1 zero pages, 2 page cache, 4 page cache with private data
                         (implies 2), 8 user pages, 16 free pages; 0 to 31, default 0.
                         hwpoison and offline pages are never read. Further levels are for when
                         the dump of the one before has no room
  -e, --exclude-unused-vm
                         leave out struct pages that describe nothing but pages left out
  --levels[=CODEC,...]   write nothing; show pages and size for every level at once

How to write it:
  -c, -l, -p, -z         compress pages with zlib, lzo, snappy, zstd (the last one given counts)
  --lz4                  compress pages with LZ4: the fastest way out of a crash, but only vmsift
                         reads it; `vmsift -z DUMP.lz4 DUMP` makes a dump for every reader
  -E                     write ELF, which gdb reads too
  -F                     write a flattened stream to the standard output; messages go to stderr
  --stream zstd|lz4      with -F or -E: compress the whole stream; zstd -d or lz4 -d gives it back
  --split                write several files, each with a part of the memory
  --splitblock-size KIB  with --split: parts begin at multiples of this
  --dedup                store pages with the same bytes once
  -L SIZE[KMGTPE]        write no more bytes than that; what fits is kept, and marked incomplete
  -f, --force            overwrite output files
  --num-threads N        threads; 0, the default, takes every usable CPU. The bytes written are the
                         same for any N
  --dry-run              do everything but write

What is read:
  -x VMLINUX             take types and symbols from the debugging information of VMLINUX
  -i, --vmcoreinfo FILE  take the VMCOREINFO text from FILE and not from VMCORE
  --no-btf               do not complete the VMCOREINFO text by the kernel's own type information
  --non-mmap             read VMCORE and do not map it

What to do instead:
  --estimate[=CODEC,...] before a crash: say whether the running kernel (/proc/kcore; or VMCORE) is
                         understood, how large a dump would be, and what memory it takes to make it
  -R                     write DUMPFILE out of a flattened stream on the standard input
  --reassemble           make one dump of those that --split wrote
  --dump-dmesg           write the kernel's log
  --partial-dmesg        with --dump-dmesg: only what came after the log was last cleared
  --mem-usage            show how many pages there are of each class
  -g FILE                write the VMCOREINFO text of -x VMLINUX to FILE, for -i
  --vtop ADDRESS         explain the translation of a virtual address; without DUMPFILE only that
  --check-params         say whether options and operands are valid, and touch no file

What is told:
  --show-stats           the table of what was left out, on stdout
  --stats=json[:FILE]    all statistics as JSON, on stdout or in FILE
  --message-level N      sum of: 1 progress, 2 messages, 4 errors, 8 debug, 16 report; default 7
  -D                     add debug messages
  -v, --version          version and codecs
  -h, --help             this text

Memory that it takes at the most, for an input of any size: 1.5 MiB + 0.53 MiB a batch (1 for one
thread, else 1.5 a thread and 1) + 0.3 MiB a thread and its codec (lz4 24 KiB, snappy 50, zstd 96,
lzo 40, zlib 216) + 256 bytes a PT_LOAD. With less there are fewer threads.

Taken for the sake of scripts, without effect:
  -b ORDER, --cyclic-buffer KIB, --work-dir DIR

Exit status: 0 it is done and complete, 1 it failed or is incomplete (and marked so), 2 a file given
does not belong to VMCORE.
)";

}  // namespace

std::string usage_text(const Options& options) {
  std::string text;
  for (const std::string_view form : kForms) {
    text +=
        fmt::format("{} {} {}\n", text.empty() ? "Usage:" : "      ", program_name(options), form);
  }
  return text += kText;
}

}  // namespace vmsift
