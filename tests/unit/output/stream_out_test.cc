// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/output/stream_out.h"

#include "src/base/stop_request.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

namespace vmsift {
namespace {

constexpr std::size_t kMore = 4U << 20;  // than a pipe or socket holds

// Both ends of a pipe or socket; a stream goes into `out`.
struct Ends {
  int in = -1;
  int out = -1;
};

Ends make_pipe() {
  std::array<int, 2> fds{};
  EXPECT_EQ(::pipe2(fds.data(), O_CLOEXEC), 0);
  return {fds[0], fds[1]};
}

Ends make_socket() {
  std::array<int, 2> fds{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()), 0);
  return {fds[0], fds[1]};
}

class StreamOutTest : public testing::TestWithParam<Ends (*)()> {
 protected:
  // Writes all of `bytes`; the errno value that stopped it, 0: none.
  static int write_all(StreamOut& out, std::string_view bytes) {
    while (!bytes.empty()) {
      const std::array<iovec, 2> parts = {
          {{const_cast<char*>(bytes.data()), 1},
           {const_cast<char*>(bytes.data()) + 1, bytes.size() - 1}}};
      const ssize_t n = out.write_some(parts);
      if (n < 0) return errno;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return 0;
  }

  static std::string read_all(int fd) {
    std::string all;
    std::vector<char> buffer(64U << 10);
    for (ssize_t n; (n = ::read(fd, buffer.data(), buffer.size())) > 0;) {
      all.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return all;
  }

  std::string text_ = [] {
    std::string text(kMore, ' ');
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 7 + i / 251);
    return text;
  }();
};

TEST_P(StreamOutTest, WaitsForAReader) {
  const Ends ends = GetParam()();
  std::string got;
  std::thread reader([&] { got = read_all(ends.in); });
  {
    StreamOut out(File(ends.out, "stream"));
    EXPECT_EQ(out.file().path(), "stream");
    EXPECT_EQ(write_all(out, text_), 0);
  }
  reader.join();
  EXPECT_TRUE(got == text_);
  ::close(ends.in);
}

TEST_P(StreamOutTest, GivesUpOnAReaderThatDoesNotReadOnceTheRunIsToEnd) {
  const Ends ends = GetParam()();
  StreamOut out(File(ends.out, "stream"));
  const StopListener listener;
  ::raise(SIGTERM);
  EXPECT_EQ(write_all(out, text_), EAGAIN);
  EXPECT_EQ(write_all(out, text_), EAGAIN) << "and does not wait once more";
  ::close(ends.in);
}

TEST_P(StreamOutTest, AReaderThatReadsGetsEverythingThoughTheRunIsToEnd) {
  const Ends ends = GetParam()();
  std::string got;
  const StopListener listener;
  ::raise(SIGTERM);
  std::thread reader([&] { got = read_all(ends.in); });
  {
    StreamOut out(File(ends.out, "stream"));
    EXPECT_EQ(write_all(out, text_), 0);
  }
  reader.join();
  EXPECT_TRUE(got == text_);
  ::close(ends.in);
}

TEST_P(StreamOutTest, AReaderThatWentAwayIsAnError) {
  ::signal(SIGPIPE, SIG_IGN);  // as main() does
  const Ends ends = GetParam()();
  StreamOut out(File(ends.out, "stream"));
  ::close(ends.in);
  EXPECT_EQ(write_all(out, text_), EPIPE);
}

// The shell's other commands have the same open file.
TEST_P(StreamOutTest, WhoSharesItSeesNoDifference) {
  const Ends ends = GetParam()();
  const int shared = ::fcntl(ends.out, F_DUPFD_CLOEXEC, 0);
  const StreamOut out(File(ends.out, "stream"));
  EXPECT_EQ(::fcntl(shared, F_GETFL) & O_NONBLOCK, 0);
  ::close(shared);
  ::close(ends.in);
}

INSTANTIATE_TEST_SUITE_P(, StreamOutTest, testing::Values(make_pipe, make_socket),
                         [](const auto& kind) { return kind.index == 0 ? "Pipe" : "Socket"; });

}  // namespace
}  // namespace vmsift
