// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/report/progress.h"

#include <unistd.h>

#include <algorithm>

namespace vmsift {
namespace {

// Stages shorter than this have no rate worth telling.
constexpr double kShortest = 0.1;

constexpr double kTerminalInterval = 1;
constexpr double kLineInterval = 10;

// Whole units that say enough; empty for what is no forecast any more.
std::string time_left(double seconds) {
  constexpr double kMinute = 60;
  constexpr double kHour = 3600;
  if (seconds < 2 * kMinute) return fmt::format(", {:.0f} s left", seconds);
  if (seconds < 2 * kHour) return fmt::format(", {:.0f} min left", seconds / kMinute);
  if (seconds < 100 * kHour) return fmt::format(", {:.0f} h left", seconds / kHour);
  return {};
}

}  // namespace

void Speed::add(double seconds, std::uint64_t done) {
  now_ = {seconds, done};
  if (seconds - points_[last_].seconds < kStep) return;
  last_ = (last_ + 1) % points_.size();
  points_[last_] = now_;
  count_ = std::min(count_ + 1, points_.size());
}

double Speed::rate() const {
  const Point& oldest = points_[(last_ + points_.size() + 1 - count_) % points_.size()];
  const double seconds = now_.seconds - oldest.seconds;
  if (seconds < kShortest) return 0;
  return static_cast<double>(now_.done - std::min(oldest.done, now_.done)) / seconds;
}

Progress::Progress(const Log& log, std::string_view stage, std::uint64_t total,
                   std::size_t page_size)
    : enabled_(log.shows(Log::kProgress)),
      terminal_(isatty(STDERR_FILENO) != 0),
      stage_(stage),
      total_(total),
      page_size_(page_size),
      start_(Clock::now()),
      pace_(terminal_ ? kTerminalInterval : kLineInterval) {}

Progress::~Progress() {
  if (!enabled_) return;
  const double now = seconds();
  show(now < kShortest ? 0 : static_cast<double>(done_) / now, true);
}

void Progress::update(std::uint64_t done) {
  done_ = done;
  if (!enabled_) return;
  const double now = seconds();
  speed_.add(now, done);
  if (!pace_.due(now)) return;
  show(speed_.rate(), false);
  pace_.wrote(now, seconds());
}

std::string Progress::line(std::string_view stage, std::uint64_t done, std::uint64_t total,
                           std::size_t page_size, double rate, bool forecast) {
  const double share = total == 0 ? 1.0 : static_cast<double>(done) / static_cast<double>(total);
  std::string text = fmt::format("{}: {:5.1f} %", stage, 100.0 * std::min(share, 1.0));
  if (rate > 0 && done > 0) {
    text += fmt::format(", {:.0f} MiB/s", rate * static_cast<double>(page_size) / (1 << 20));
    if (forecast && done < total) text += time_left(static_cast<double>(total - done) / rate);
  }
  return text;
}

void Progress::show(double rate, bool last) {
  std::string text = line(stage_, done_, total_, page_size_, rate, !last);
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
