// SPDX-License-Identifier: GPL-2.0-or-later
// vmsift --reassemble MEMBER... DUMPFILE: one dump of a split set. Pages are copied as they are
// stored, and none is left out.
#include "src/commands/commands.h"
#include "src/input/open.h"

namespace vmsift {

Result<int> run_reassemble(const Options& options, const Log& log) {
  Options whole = options;
  {
    auto source = open_dump(options.inputs, options.non_mmap ? ReadMode::read : ReadMode::map);
    if (!source) return source.take_error();
    const DumpInfo& dump = (*source)->info();
    if (!dump.stores_encoded) {
      return error("{}: only kdump-compressed dumps have members", dump.path);
    }
    whole.codec = find_codec_by_page_flag(dump.codec_flag);
    if (whole.codec == nullptr) {
      return error("{}: page flag {:#x} is of no known codec", dump.path, dump.codec_flag);
    }
  }
  return run_create(whole, log);
}

}  // namespace vmsift
