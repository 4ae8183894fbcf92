// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/memory/memory_plan.h"

#include <algorithm>

namespace vmsift {
namespace {

constexpr std::uint64_t kMostPlanned = std::uint64_t{1} << 30;
constexpr std::uint64_t kSmallMachine = std::uint64_t{1} << 30;

std::uint64_t needed(const MemoryRequest& request, const MemoryPlan& plan, bool with_strides) {
  const std::uint64_t strides = with_strides ? 2 + std::uint64_t{plan.threads} : 0;
  return request.fixed_bytes + request.thread_bytes(plan.threads) + strides * plan.stride_bytes;
}

}  // namespace

bool MemoryPlan::fits() const {
  return needed <= share_to_plan(available);
}

std::uint64_t share_to_plan(std::optional<std::uint64_t> available) {
  return std::min(available.value_or(2 * kMostPlanned) / 4 * 3, kMostPlanned);
}

bool is_small(std::optional<std::uint64_t> available) {
  return available && *available < kSmallMachine;
}

MemoryPlan plan_memory(const MemoryRequest& request, std::optional<std::uint64_t> available) {
  MemoryPlan plan;
  plan.available = available;
  const std::uint64_t share = share_to_plan(available);
  const auto needs = [&](bool with_strides) { return needed(request, plan, with_strides); };

  plan.stride_bytes = request.least_stride_bytes;
  plan.least = needs(request.uses_strides);

  plan.threads = std::max(1U, request.threads);
  plan.stride_bytes = request.stride_bytes;
  while (needs(request.uses_strides) > share && plan.threads > 1) --plan.threads;
  while (needs(true) > share && plan.stride_bytes / 2 >= request.least_stride_bytes &&
         plan.stride_bytes > 1) {
    plan.stride_bytes /= 2;
  }
  plan.needed = needs(request.uses_strides);
  return plan;
}

}  // namespace vmsift
