// SPDX-License-Identifier: GPL-2.0-or-later
// vmsift -g FILE -x VMLINUX: writes the text that -i takes, for where there is no room for a
// vmlinux with its debug information.
#include "src/base/file.h"
#include "src/commands/commands.h"
#include "src/commands/vmlinux.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <span>

namespace vmsift {

Result<int> run_make_vmcoreinfo(const Options& options, const Log& log) {
  if (options.vmlinux_file.empty()) return error("-g FILE needs -x VMLINUX, which it is made of");
  // An old file stays as it is until there is something to replace it with.
  auto text = describe_vmlinux(vmlinux_reader(), options.vmlinux_file);
  if (!text) return text.take_error();

  auto input = File::open(options.vmlinux_file, O_RDONLY);
  if (input && same_file(*input, options.vmcoreinfo_out)) {
    return error("{} is the vmlinux itself", options.vmcoreinfo_out);
  }
  constexpr mode_t kMode = 0666;  // less the umask; nothing in it is secret
  const int how = options.overwrite ? O_TRUNC : O_EXCL;
  auto file = File::open(options.vmcoreinfo_out, O_WRONLY | O_CREAT | how, kMode);
  if (!file) {
    const bool exists = !options.overwrite && ::access(options.vmcoreinfo_out.c_str(), F_OK) == 0;
    return error("cannot create {}{}", file.message(), exists ? " (-f overwrites it)" : "");
  }
  struct stat st;
  const bool regular = ::fstat(file->fd(), &st) == 0 && S_ISREG(st.st_mode);
  auto written = file->write_at(0, std::as_bytes(std::span(*text)));
  if (written) written = file->sync();
  if (written) written = file->close();
  if (!written) {
    if (regular) ::unlink(options.vmcoreinfo_out.c_str());  // half of it would mislead
    return written.take_error();
  }
  log.common("The vmcoreinfo is saved to {}.", options.vmcoreinfo_out);
  return kExitOk;
}

}  // namespace vmsift
