// SPDX-License-Identifier: GPL-2.0-or-later
//
// Preloaded into a program, kills it at a write: KILL_AT_WRITE=N, from 1 on. Of a write of bytes
// the first half is done before. With KILL_SIGNAL=S it gets that signal in place of SIGKILL, and if
// it lives on the write is done as it was meant. Without KILL_AT_WRITE the calls are counted, and
// the number is written to the file KILL_COUNT when the program ends. Messages (descriptors 1 and
// 2) do not count.
//
//   cc -shared -fPIC -O2 -o kill_at_write.so kill_at_write.c
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;

static int last(void) {
  const char* at = getenv("KILL_AT_WRITE");
  const char* with = getenv("KILL_SIGNAL");
  const long call = atomic_fetch_add(&calls, 1) + 1;
  if (!at || call != atol(at)) return 0;
  if (with) kill(getpid(), atoi(with));
  return !with;
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

ssize_t pwrite64(int fd, const void* from, size_t n, off64_t at) {
  const int now = last();
  const ssize_t done = syscall(SYS_pwrite64, fd, from, now ? n / 2 : n, at);
  if (now) die();
  return done;
}

ssize_t writev(int fd, const struct iovec* parts, int n) {
  if (fd > 2 && last()) {
    syscall(SYS_write, fd, parts[0].iov_base, parts[0].iov_len);
    if (n > 1) syscall(SYS_write, fd, parts[1].iov_base, parts[1].iov_len / 2);
    die();
  }
  return syscall(SYS_writev, fd, parts, n);
}

int ftruncate64(int fd, off64_t size) {
  if (last()) die();
  return (int)syscall(SYS_ftruncate, fd, size);
}

int fallocate64(int fd, int mode, off64_t at, off64_t n) {
  if (last()) die();
  return (int)syscall(SYS_fallocate, fd, mode, at, n);
}

int fdatasync(int fd) {
  if (last()) die();
  return (int)syscall(SYS_fdatasync, fd);
}

__attribute__((destructor)) static void tell(void) {
  const char* to = getenv("KILL_COUNT");
  FILE* file = to ? fopen(to, "w") : NULL;
  if (!file) return;
  fprintf(file, "%ld\n", atomic_load(&calls));
  fclose(file);
}
