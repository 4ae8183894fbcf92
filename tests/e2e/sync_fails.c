// SPDX-License-Identifier: GPL-2.0-or-later
//
// Preloaded into a program, makes sync_file_range() fail with the errno value SYNC_ERRNO from the
// call SYNC_CALL on, from 1; as a disk does that lost what it had taken.
//
//   cc -shared -fPIC -O2 -o sync_fails.so sync_fails.c
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>

static atomic_long calls;

int sync_file_range(int fd, off64_t at, off64_t n, unsigned flags) {
  (void)fd, (void)at, (void)n, (void)flags;
  if (atomic_fetch_add(&calls, 1) + 1 < atol(getenv("SYNC_CALL"))) return 0;
  errno = atoi(getenv("SYNC_ERRNO"));
  return -1;
}
