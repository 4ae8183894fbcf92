// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The helper of a guest that crashes: a static program that loads the capture kernel, and in the
 * capture kernel runs collectors and watches what they take.
 *
 *   capture load KERNEL INITRD COMMAND_LINE    the capture kernel, by kexec_file_load(2)
 *   capture copy VMCORE DEVICE                 all of VMCORE to the start of an empty disk, by mmap
 *                                              and without its zero pages; prints its size
 *   capture run [-l KIB] [-k SIGNAL FILE KIB] [-t SECONDS] COMMAND
 *                                              sh -c COMMAND; prints "name value" lines, "output"
 *                                              and the last that the command said
 *
 * -l: fill memory first, until MemAvailable is KIB.  -k: send it SIGNAL as soon as FILE has KIB on
 * its disk.  -t: kill it after SECONDS (default 300).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef KEXEC_FILE_ON_CRASH
#define KEXEC_FILE_ON_CRASH 2
#endif

enum { kPage = 4096, kWindow = 4 << 20, kTail = 6144, kLookEveryMs = 10 };

static int complain(const char* what) {
  fprintf(stderr, "capture: %s: %s\n", what, strerror(errno));
  return 1;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

// ---- load ----------------------------------------------------------------------------------

static int load(char** argv) {
  int kernel = open(argv[2], O_RDONLY), initrd = open(argv[3], O_RDONLY);
  if (kernel < 0 || initrd < 0) return complain("open");
  if (syscall(SYS_kexec_file_load, kernel, initrd, strlen(argv[4]) + 1, argv[4],
              (unsigned long)KEXEC_FILE_ON_CRASH))
    return complain("kexec_file_load");
  return 0;
}

// ---- copy ----------------------------------------------------------------------------------

static int is_zero(const unsigned char* page) {
  return !page[0] && !memcmp(page, page + 1, kPage - 1);
}

// Writes the runs of pages in a window that are not zero.
static int copy_window(const unsigned char* window, size_t size, int device, off_t at) {
  for (size_t begin = 0; begin < size;) {
    size_t end = begin;
    while (end < size && !is_zero(window + end)) end += kPage;
    if (end > begin &&
        pwrite(device, window + begin, end - begin, at + (off_t)begin) != (ssize_t)(end - begin))
      return complain("write");
    begin = end + (end < size ? kPage : 0);
  }
  return 0;
}

static int copy(char** argv) {
  int vmcore = open(argv[2], O_RDONLY), device = open(argv[3], O_WRONLY);
  struct stat status;
  if (vmcore < 0 || device < 0 || fstat(vmcore, &status)) return complain("open");
  for (off_t at = 0; at < status.st_size; at += kWindow) {
    size_t size = (size_t)(status.st_size - at < kWindow ? status.st_size - at : kWindow);
    unsigned char* window = mmap(0, size, PROT_READ, MAP_PRIVATE, vmcore, at);
    if (window == MAP_FAILED) return complain("mmap");
    if (copy_window(window, size, device, at)) return 1;
    munmap(window, size);
  }
  if (fsync(device)) return complain("fsync");
  printf("%lld\n", (long long)status.st_size);
  return 0;
}

// ---- run: what is watched ------------------------------------------------------------------

// A field of /proc/meminfo or /proc/PID/status, and the extremes that were seen of it, in KiB.
struct watched {
  const char* field;  // with its colon
  const char* name;
  long first, least, most;
};

static void look(int file, struct watched* fields, size_t count) {
  char text[8192];
  ssize_t size = pread(file, text, sizeof text - 1, 0);
  if (size <= 0) return;  // the process is gone
  text[size] = 0;
  for (size_t i = 0; i < count; i++) {
    const char* at = strstr(text, fields[i].field);
    if (!at) continue;
    long value = strtol(at + strlen(fields[i].field), 0, 10);
    if (fields[i].first < 0) fields[i].first = fields[i].least = fields[i].most = value;
    if (value < fields[i].least) fields[i].least = value;
    if (value > fields[i].most) fields[i].most = value;
  }
}

static struct watched of_machine[] = {
    {"MemAvailable:", "available", -1, -1, -1}, {"MemFree:", "free", -1, -1, -1},
    {"\nCached:", "cached", -1, -1, -1},        {"Dirty:", "dirty", -1, -1, -1},
    {"Writeback:", "writeback", -1, -1, -1},    {"PageTables:", "page_tables", -1, -1, -1},
};
static struct watched of_process[] = {
    {"RssAnon:", "anon", -1, -1, -1},
    {"VmHWM:", "rss", -1, -1, -1},
    {"VmPTE:", "vm_pte", -1, -1, -1},
    {"Threads:", "threads", -1, -1, -1},
};
#define COUNT_OF(a) (sizeof(a) / sizeof *(a))

static void print_watched(const struct watched* fields, size_t count) {
  for (size_t i = 0; i < count; i++)
    printf("%s_first %ld\n%s_least %ld\n%s_most %ld\n", fields[i].name, fields[i].first,
           fields[i].name, fields[i].least, fields[i].name, fields[i].most);
}

static long available_kib(void) {
  struct watched field = {"MemAvailable:", "", -1, -1, -1};
  int file = open("/proc/meminfo", O_RDONLY);
  look(file, &field, 1);
  close(file);
  return field.first;
}

// Memory that nothing can reclaim, and that is no process's, until so much is available.
static void leave(long kib) {
  int file = memfd_create("filled", 0);
  for (off_t at = 0; available_kib() > kib; at += 64 * kPage)
    if (posix_fallocate(file, at, 64 * kPage)) break;
}

// ---- run -----------------------------------------------------------------------------------

struct order {
  long leave_kib;
  int signal;  // 0: none
  const char* file;
  long file_kib;
  double patience;  // seconds
};

struct tail {
  char text[2 * kTail];
  size_t size;
};

// Takes what the command said; 0 when there is nothing more to come.
static int listen_to(int output, struct tail* tail) {
  if (tail->size > kTail) {
    memmove(tail->text, tail->text + tail->size - kTail / 2, kTail / 2);
    tail->size = kTail / 2;
  }
  ssize_t got = read(output, tail->text + tail->size, sizeof tail->text - tail->size);
  if (got > 0) tail->size += (size_t)got;
  return got > 0;
}

// -999: where memory runs out, the kernel kills the collector first. It would panic at -1000.
static void set_oom_score(const char* score) {
  int file = open("/proc/self/oom_score_adj", O_WRONLY);
  if (file < 0) return;
  if (write(file, score, strlen(score)) < 0) errno = 0;  // not root: then not
  close(file);
}

static pid_t start(const char* command, int* output) {
  int ends[2];
  if (pipe(ends)) return -1;
  pid_t child = fork();
  if (!child) {
    set_oom_score("0");
    int null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    dup2(ends[1], 1);
    dup2(ends[1], 2);
    close(ends[0]);
    close(ends[1]);
    setpgid(0, 0);
    execl("/bin/sh", "sh", "-c", command, (char*)NULL);
    _exit(127);
  }
  close(ends[1]);
  *output = ends[0];
  return child;
}

static int has_on_disk(const char* file, long kib) {
  struct stat status;
  return !stat(file, &status) && status.st_blocks / 2 >= kib;
}

// Until the command has ended: looks at it and at the machine, and sends what is to be sent.
static int watch(pid_t child, int output, struct order order, struct tail* tail,
                 struct rusage* usage) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/status", (int)child);
  int machine = open("/proc/meminfo", O_RDONLY), process = open(path, O_RDONLY);
  double begin = now();
  int open_output = 1, status;
  for (;;) {
    look(machine, of_machine, COUNT_OF(of_machine));
    look(process, of_process, COUNT_OF(of_process));
    if (order.signal && has_on_disk(order.file, order.file_kib)) {
      kill(child, order.signal);
      printf("sent_after_s %.3f\n", now() - begin);
      order.signal = 0;
    }
    if (now() - begin > order.patience) {
      kill(-child, SIGKILL);
      printf("timed_out 1\n");
      order.patience = 1e9;
    }
    if (wait4(child, &status, WNOHANG, usage) == child) break;
    struct pollfd ready = {open_output ? output : -1, POLLIN, 0};
    if (poll(&ready, 1, kLookEveryMs) > 0 && !listen_to(output, tail)) open_output = 0;
  }
  double end = now();
  fcntl(output, F_SETFL, O_NONBLOCK);
  while (open_output && listen_to(output, tail)) {
  }
  printf("wall_s %.3f\n", end - begin);
  return status;
}

static double seconds(struct timeval time) {
  return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static int run(const char* command, struct order order) {
  static struct tail tail;
  struct rusage usage;
  int output;
  set_oom_score("-999");
  if (order.leave_kib) leave(order.leave_kib);
  pid_t child = start(command, &output);
  if (child < 0) return complain("start");
  int status = watch(child, output, order, &tail, &usage);
  double begin = now();
  sync();
  printf("sync_s %.3f\nuser_s %.3f\nsystem_s %.3f\n", now() - begin, seconds(usage.ru_utime),
         seconds(usage.ru_stime));
  printf("exit %d\nsignal %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1,
         WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  print_watched(of_machine, COUNT_OF(of_machine));
  print_watched(of_process, COUNT_OF(of_process));
  size_t from = tail.size > kTail ? tail.size - kTail : 0;
  printf("output\n%.*s\n", (int)(tail.size - from), tail.text + from);
  return 0;
}

static int run_arguments(char** argv) {
  struct order order = {0, 0, NULL, 0, 300};
  for (argv += 2; argv[0] && argv[0][0] == '-'; argv++) {
    if (!strcmp(argv[0], "-l") && argv[1]) {
      order.leave_kib = atol(*++argv);
    } else if (!strcmp(argv[0], "-t") && argv[1]) {
      order.patience = atof(*++argv);
    } else if (!strcmp(argv[0], "-k") && argv[1] && argv[2] && argv[3]) {
      order.signal = atoi(argv[1]);
      order.file = argv[2];
      order.file_kib = atol(argv[3]);
      argv += 3;
    } else {
      return 2;
    }
  }
  return argv[0] && !argv[1] ? run(argv[0], order) : 2;
}

int main(int argc, char** argv) {
  int result = 2;
  if (argc == 5 && !strcmp(argv[1], "load")) result = load(argv);
  if (argc == 4 && !strcmp(argv[1], "copy")) result = copy(argv);
  if (argc >= 3 && !strcmp(argv[1], "run")) result = run_arguments(argv);
  if (result == 2) fprintf(stderr, "usage: see the top of capture.c\n");
  return result;
}
