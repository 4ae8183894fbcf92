// SPDX-License-Identifier: GPL-2.0-or-later
//
// Preloaded into a program, notes in the file WATCHED_CALLS, a line each, what it does that a
// collector on one CPU has no use for: threads that are started, and libraries that are opened on
// the way.
//
//   cc -shared -fPIC -O2 -o watch_calls.so watch_calls.c
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void note(const char* call, const char* what) {
  const char* path = getenv("WATCHED_CALLS");
  char line[512];
  const int size = snprintf(line, sizeof(line), "%s %s\n", call, what);
  const int file = path ? open(path, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
  if (file < 0 || write(file, line, (size_t)size) != size) abort();
  close(file);
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*),
                   void* argument) {
  int (*real)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*) =
      dlsym(RTLD_NEXT, "pthread_create");
  note("pthread_create", "");
  return real(thread, attributes, run, argument);
}

void* dlopen(const char* name, int flags) {
  void* (*real)(const char*, int) = dlsym(RTLD_NEXT, "dlopen");
  note("dlopen", name ? name : "");
  return real(name, flags);
}
