// SPDX-License-Identifier: GPL-2.0-or-later
// Would a crash of this kernel give the dump that level 31 is meant to give?
#pragma once

#include "src/classify/kernel_model.h"
#include "src/classify/reconcile.h"
#include "src/estimate/crash_kernel.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vmsift {

struct Readiness {
  std::vector<std::string> obstacles;  // to such a dump; empty: it is ready
  std::vector<std::string> advice;     // what may be looked at all the same

  [[nodiscard]] bool ready() const { return obstacles.empty(); }
};

// What a capture kernel and its initramfs take at the least, beside the collector: with less than
// that reserved it hardly boots. Debian reserves 128 MiB, Fedora 256 MiB.
constexpr std::uint64_t kLeastCaptureKernel = std::uint64_t{96} << 20;

// `model` as the reconciliation left it. `crash_kernel` is there of the running kernel only;
// `needed_bytes` are the collector's, with one thread.
Readiness judge(const KernelModel& model, const Reconciliation& reconciliation,
                const std::optional<CrashKernel>& crash_kernel, std::uint64_t needed_bytes);

}  // namespace vmsift
