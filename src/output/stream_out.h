// SPDX-License-Identifier: GPL-2.0-or-later
// The end of a stream: a pipe, a socket or a file. It waits for a reader as long as that takes, but
// once the run is to end only for one that still takes something.
#pragma once

#include "src/base/file.h"

#include <sys/uio.h>

#include <span>

namespace vmsift {

class StreamOut {
 public:
  explicit StreamOut(File file);

  [[nodiscard]] const File& file() const { return file_; }

  // As writev(2), which never waits for ever: -1 and EAGAIN when a stop is requested and nothing
  // was taken for kPatience * kStopInterval. After that it does not wait any more.
  ssize_t write_some(std::span<const iovec> parts);

  Result<void> close() { return file_.close(); }

 private:
  static constexpr int kPatience = 5;

  ssize_t try_write(std::span<const iovec> parts) const;

  File file_;
  bool is_socket_ = false;
  int refused_ = 0;  // waits in vain since a stop was requested
};

}  // namespace vmsift
