// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/estimate/readiness.h"

#include <algorithm>

namespace vmsift {

Readiness judge(const KernelModel& model, const Reconciliation& reconciliation,
                const std::optional<CrashKernel>& crash_kernel, std::uint64_t needed_bytes) {
  Readiness result;
  for (const Downgrade& d : model.downgrades()) {
    result.obstacles.push_back(fmt::format("{} are kept: {}", d.rule, d.reason));
  }
  if (crash_kernel) {
    const std::uint64_t wanted = kLeastCaptureKernel + needed_bytes;
    if (crash_kernel->reserved_bytes == 0) {
      result.obstacles.emplace_back(
          "no memory is reserved for a crash kernel (crashkernel= on the kernel's command line)");
    } else if (!crash_kernel->loaded) {
      result.obstacles.emplace_back("no crash kernel is loaded (kexec -p, or the kdump service)");
    }
    if (crash_kernel->reserved_bytes != 0 && crash_kernel->reserved_bytes < wanted) {
      result.advice.push_back(fmt::format(
          "{} MiB are reserved for the crash kernel; with its initramfs and the dump it is likely "
          "to need {} MiB or more",
          crash_kernel->reserved_bytes >> 20, (wanted + (1U << 20) - 1) >> 20));
    }
  }
  for (const std::string& warning : model.warnings()) result.advice.push_back(warning);
  for (const std::string& verdict : reconciliation.verdicts) {
    const auto& known = result.obstacles;  // a rule that was switched off is one
    if (std::find(known.begin(), known.end(), verdict) == known.end()) {
      result.advice.push_back(verdict);
    }
  }
  if (!reconciliation.not_compared.empty() && model.memory_map()) {
    result.advice.push_back("free pages are not compared with the kernel's count: " +
                            reconciliation.not_compared);
  }
  return result;
}

}  // namespace vmsift
