// SPDX-License-Identifier: GPL-2.0-or-later
// One line on stderr for a stage that takes long: once a second on a terminal, where the line is
// rewritten, every ten seconds elsewhere, where lines follow each other. A console that takes long
// for a line gets fewer of them.
#pragma once

#include "src/report/log.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace vmsift {

// How fast it goes, by the last ten to eleven seconds: since the start would tell more and more of
// what is long past, and the last second alone jumps.
class Speed {
 public:
  // `done`: so much `seconds` after the start; neither falls.
  void add(double seconds, std::uint64_t done);
  // A second; 0: not known.
  [[nodiscard]] double rate() const;

 private:
  struct Point {
    double seconds = 0;
    std::uint64_t done = 0;
  };
  static constexpr double kStep = 1.0;  // seconds between points

  std::array<Point, 11> points_{};  // a ring; the start is the first
  std::size_t last_ = 0;
  std::size_t count_ = 1;
  Point now_;
};

// When the next line is due, in seconds.
class LinePace {
 public:
  // Of the time a console may take 1 part in so many.
  static constexpr double kShare = 20;

  explicit LinePace(double interval) : interval_(interval), due_(interval) {}

  [[nodiscard]] bool due(double now) const { return now >= due_; }
  // A line was written from `begin` to `end`.
  void wrote(double begin, double end) {
    due_ = std::max(begin + interval_, end + kShare * (end - begin));
  }

 private:
  double interval_;
  double due_;
};

class Progress {
 public:
  // `total` and the counts given to update() are page frames of `page_size` bytes.
  Progress(const Log& log, std::string_view stage, std::uint64_t total, std::size_t page_size);
  // Shows the last line, with the speed of all of it.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(std::uint64_t done);

  // As shown: "Copying data: 42.0 %, 310 MiB/s, 12 s left"; `rate` in page frames a second. The
  // last line makes no forecast, even where something was left undone.
  static std::string line(std::string_view stage, std::uint64_t done, std::uint64_t total,
                          std::size_t page_size, double rate, bool forecast = true);

 private:
  using Clock = std::chrono::steady_clock;
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(Clock::now() - start_).count();
  }
  void show(double rate, bool last);

  bool enabled_;
  bool terminal_;
  std::string stage_;
  std::uint64_t total_;
  std::size_t page_size_;
  std::uint64_t done_ = 0;
  Clock::time_point start_;
  Speed speed_;
  LinePace pace_;
  std::size_t width_ = 0;  // of the line on the terminal
};

}  // namespace vmsift
