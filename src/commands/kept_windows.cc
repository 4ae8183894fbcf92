// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/commands/kept_windows.h"

#include "src/classify/window_scan.h"

#include <algorithm>
#include <memory>

namespace vmsift {
namespace {

std::shared_ptr<std::vector<std::byte>> window_buffer() {
  return std::make_shared<std::vector<std::byte>>(kWindowBytes);
}

}  // namespace

void KeptBits::begin(Pfn max_pfn) {
  bits_.assign(static_cast<std::size_t>(ceil_div<Pfn>(max_pfn, 8)), {});
}

void KeptBits::put(Pfn first, std::span<const std::byte> kept) {
  const auto at = static_cast<std::size_t>(first / 8);
  std::copy_n(kept.begin(), std::min(kept.size(), bits_.size() - at),
              bits_.begin() + static_cast<std::ptrdiff_t>(at));
}

void KeptBits::get(Pfn first, std::span<std::byte> kept) const {
  const auto at = static_cast<std::size_t>(first / 8);
  const std::size_t n = std::min(kept.size(), bits_.size() - at);
  std::copy_n(bits_.begin() + static_cast<std::ptrdiff_t>(at), n, kept.begin());
  std::fill(kept.begin() + static_cast<std::ptrdiff_t>(n), kept.end(), std::byte{0});
}

KeptInWindow kept_by_bits(const KeptBits& bits) {
  return [&bits, kept = window_buffer()](Pfn first) -> Result<KeptWindow> {
    bits.get(first, *kept);
    return KeptWindow{first, *kept, {}};
  };
}

KeptInWindow kept_by_dump(const DumpWriter& writer) {
  return [&writer, kept = window_buffer()](Pfn first) -> Result<KeptWindow> {
    if (auto read = writer.read_kept(first, *kept); !read) return read.take_error();
    return KeptWindow{first, *kept, {}};
  };
}

KeptInWindow kept_by_class(const KernelModel& model, const MemorySource& source, ClassSet dropped,
                           const std::vector<PfnRange>& unused_vmemmap) {
  auto scanner = std::make_shared<WindowScanner>(model, source, dropped, &unused_vmemmap);
  return [scanner, window = std::make_shared<WindowResult>()](Pfn first) -> Result<KeptWindow> {
    if (auto done = scanner->scan(first, *window); !done) return done.take_error();
    return KeptWindow{first, window->kept, {}};
  };
}

}  // namespace vmsift
