// SPDX-License-Identifier: GPL-2.0-or-later
// One line on stderr for a stage that takes long, at most once a second: a serial console takes up
// to 83 ms for a line. On a terminal the line is rewritten, elsewhere lines follow each other.
#pragma once

#include "src/report/log.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace vmsift {

class Progress {
 public:
  // `total` and the counts given to update() are page frames of `page_size` bytes.
  Progress(const Log& log, std::string_view stage, std::uint64_t total, std::size_t page_size);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(std::uint64_t done);

  // As shown: "Copying data: 42.0 %, 310 MiB/s, 12 s left".
  static std::string line(std::string_view stage, std::uint64_t done, std::uint64_t total,
                          std::size_t page_size, double seconds);

 private:
  using Clock = std::chrono::steady_clock;
  void show(std::uint64_t done, Clock::time_point now, bool last);

  bool enabled_;
  bool terminal_;
  std::string stage_;
  std::uint64_t total_;
  std::size_t page_size_;
  std::uint64_t done_ = 0;
  Clock::time_point start_;
  Clock::time_point shown_;
  std::size_t width_ = 0;  // of the line on the terminal
};

}  // namespace vmsift
