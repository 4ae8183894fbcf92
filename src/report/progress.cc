// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/report/progress.h"

#include <unistd.h>

#include <algorithm>

namespace vmsift {
namespace {

// Stages shorter than this have no rate worth telling.
constexpr double kShortest = 0.1;

}  // namespace

Progress::Progress(const Log& log, std::string_view stage, std::uint64_t total,
                   std::size_t page_size)
    : enabled_(log.shows(Log::kProgress)),
      terminal_(isatty(STDERR_FILENO) != 0),
      stage_(stage),
      total_(total),
      page_size_(page_size),
      start_(Clock::now()),
      shown_(start_) {}

Progress::~Progress() {
  if (enabled_) show(done_, Clock::now(), true);
}

void Progress::update(std::uint64_t done) {
  done_ = done;
  if (!enabled_) return;
  const auto now = Clock::now();
  if (now - shown_ >= std::chrono::seconds(1)) show(done, now, false);
}

std::string Progress::line(std::string_view stage, std::uint64_t done, std::uint64_t total,
                           std::size_t page_size, double seconds) {
  const double share = total == 0 ? 1.0 : static_cast<double>(done) / static_cast<double>(total);
  std::string text = fmt::format("{}: {:5.1f} %", stage, 100.0 * std::min(share, 1.0));
  if (seconds >= kShortest && done > 0) {
    const double mib = static_cast<double>(done) * static_cast<double>(page_size) / (1 << 20);
    text += fmt::format(", {:.0f} MiB/s", mib / seconds);
    if (done < total) text += fmt::format(", {:.0f} s left", seconds / share - seconds);
  }
  return text;
}

void Progress::show(std::uint64_t done, Clock::time_point now, bool last) {
  const double seconds = std::chrono::duration<double>(now - start_).count();
  std::string text = line(stage_, done, total_, page_size_, seconds);
  shown_ = now;
  std::fflush(stdout);
  if (terminal_) {
    const std::size_t width = text.size();
    text.resize(std::max(width, width_), ' ');
    width_ = width;
    text = fmt::format("\r{}{}", text, last ? "\n" : "");
  } else {
    text += '\n';
  }
  std::fwrite(text.data(), 1, text.size(), stderr);  // a failure is nothing to stop for
  std::fflush(stderr);
}

}  // namespace vmsift
