// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/output/stream_out.h"

#include "src/base/stop_request.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>

namespace vmsift {

// The way to write without waiting must not be one that others see who share the open file. A pipe
// is opened once more for that; where it cannot be, writes wait until somebody reads.
StreamOut::StreamOut(File file) : file_(std::move(file)) {
  struct stat st;
  if (::fstat(file_.fd(), &st) != 0) return;
  is_socket_ = S_ISSOCK(st.st_mode);
  if (!S_ISFIFO(st.st_mode)) return;
  const std::string self = fmt::format("/proc/self/fd/{}", file_.fd());
  const int fd = ::open(self.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd >= 0) file_ = File(fd, file_.path());
}

ssize_t StreamOut::try_write(std::span<const iovec> parts) const {
  if (!is_socket_) return ::writev(file_.fd(), parts.data(), static_cast<int>(parts.size()));
  struct msghdr message = {};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
  return ::sendmsg(file_.fd(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

ssize_t StreamOut::write_some(std::span<const iovec> parts) {
  for (;;) {
    const ssize_t n = try_write(parts);
    if (n >= 0) {
      refused_ = 0;
      return n;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return -1;
    if (refused_ >= kPatience) return -1;
    const bool stopping = stop_requested();
    if (!wait_ready(file_.fd(), POLLOUT) && stopping) ++refused_;
  }
}

}  // namespace vmsift
