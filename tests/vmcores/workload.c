// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest's helper: a static program that makes the kinds of memory a shell cannot, and takes
 * the kernel's page flags out of the guest.
 *
 *   workload hog     KIND MIB NAME   anonymous base pages, kept mapped
 *   workload thp     KIND MIB NAME   aligned anonymous memory with MADV_HUGEPAGE
 *   workload huge    KIND MIB NAME   MAP_HUGETLB memory
 *   workload ksm     KIND MIB NAME   anonymous base pages that the kernel may merge
 *   workload shm     KIND MIB NAME   shared anonymous memory
 *   workload swap    KIND MIB NAME   anonymous memory paged out, then half of it read back
 *   workload pipe    KIND MIB NAME   full pipes: kernel pages that hold user data
 *   workload file    PATH 0 NAME     maps a file shared and reads every page
 *   workload poison  N 0 NAME        N anonymous pages, each poisoned by MADV_HWPOISON
 *   workload threads N 0 NAME        a process of N threads
 *   workload save DEVICE LABEL=PATH... WORD
 *                                    copies files to a raw disk, prints WORD and stays
 *
 * KIND: zero rand text rep sparse mix. All but `save` leave a process NAME behind and return when
 * it has its memory.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_HWPOISON
#define MADV_HWPOISON 100
#endif

#define COUNT_OF(a) (sizeof(a) / sizeof *(a))

static size_t page_size;
static char report[128] = "ok";  // what the parent prints about the child

// ---- contents of pages ---------------------------------------------------------------------

static uint64_t random_state = 88172645463325252ull;

static uint64_t next_random(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

static void fill_random(unsigned char* page) {
  for (size_t i = 0; i < page_size; i += 8) {
    uint64_t value = next_random();
    memcpy(page + i, &value, 8);
  }
}

// Text compresses about as well as real logs and requests do.
static void fill_text(unsigned char* page) {
  static const char* const words[] = {
      "kernel", "panic",           "page",       "the",     "of",      "filter", "dump",
      "error:", "connection",      "0x0000ffff", "service", "started", "user",   "request",
      "id=",    "GET /index.html", "and",        "to",      "status",  "200",    "memory",
      "cache",  "writeback",       "192.0.2.1",  "INFO",    "WARN"};
  size_t at = 0;
  while (at < page_size) {
    const char* word = words[next_random() % COUNT_OF(words)];
    size_t length = strlen(word);
    if (length > page_size - at) length = page_size - at;
    memcpy(page + at, word, length);
    at += length;
    if (at < page_size) page[at++] = next_random() % 9 ? ' ' : '\n';
  }
}

static void fill_page(unsigned char* page, const char* kind, size_t index) {
  static const char* const mix[] = {"zero", "rand", "text", "rep", "text", "sparse"};
  if (!strcmp(kind, "mix")) kind = mix[index % COUNT_OF(mix)];
  if (!strcmp(kind, "rand")) {
    fill_random(page);
  } else if (!strcmp(kind, "text")) {
    fill_text(page);
  } else if (!strcmp(kind, "rep")) {
    memset(page, 'A' + (int)(index % 23), page_size);
  } else {
    memset(page, 0, page_size);  // zero: written to, so in use and full of zeros
    if (!strcmp(kind, "sparse"))
      memcpy(page + next_random() % (page_size - 8), &index, sizeof index);
  }
}

static void fill(unsigned char* memory, size_t size, const char* kind) {
  for (size_t i = 0; i < size / page_size; i++) fill_page(memory + i * page_size, kind, i);
}

static unsigned char* map(size_t size, int flags) {
  void* memory = mmap(0, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    snprintf(report, sizeof report, "mmap: %s", strerror(errno));
    return NULL;
  }
  return memory;
}

// ---- kinds of memory -----------------------------------------------------------------------

static void hog(const char* kind, size_t size) {
  unsigned char* memory = map(size, MAP_PRIVATE);
  if (!memory) return;
  madvise(memory, size, MADV_NOHUGEPAGE);
  fill(memory, size, kind);
}

static void ksm(const char* kind, size_t size) {
  unsigned char* memory = map(size, MAP_PRIVATE);
  if (!memory) return;
  madvise(memory, size, MADV_NOHUGEPAGE);
  fill(memory, size, kind);
  if (madvise(memory, size, MADV_MERGEABLE))
    snprintf(report, sizeof report, "mergeable: %s", strerror(errno));
}

static size_t pmd_size(void) {
  size_t size = 2 << 20;
  FILE* file = fopen("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "r");
  if (file) {
    if (fscanf(file, "%zu", &size) != 1) size = 2 << 20;
    fclose(file);
  }
  return size;
}

static void thp(const char* kind, size_t size) {
  size_t unit = pmd_size();
  unsigned char* memory = map(size + unit, MAP_PRIVATE);
  if (!memory) return;
  memory = (unsigned char*)(((uintptr_t)memory + unit - 1) & ~(uintptr_t)(unit - 1));
  madvise(memory, size, MADV_HUGEPAGE);
  fill(memory, size, kind);
}

static void huge(const char* kind, size_t size) {
  unsigned char* memory = map(size, MAP_PRIVATE | MAP_HUGETLB);
  if (memory) fill(memory, size, kind);
}

static void shm(const char* kind, size_t size) {
  unsigned char* memory = map(size, MAP_SHARED);
  if (memory) fill(memory, size, kind);
}

// The half that is read back is in memory and in swap at once: swap cache.
static void swap(const char* kind, size_t size) {
  unsigned char* memory = map(size, MAP_PRIVATE);
  if (!memory) return;
  madvise(memory, size, MADV_NOHUGEPAGE);
  fill(memory, size, kind);
  if (madvise(memory, size, MADV_PAGEOUT))
    snprintf(report, sizeof report, "pageout: %s", strerror(errno));
  usleep(300000);
  volatile unsigned char sum = 0;
  for (size_t i = 0; i < size / 2; i += page_size) sum ^= memory[i];
}

static void pipes(const char* kind, size_t size) {
  unsigned char* page = malloc(page_size);
  size_t done = 0;
  while (page && done < size) {
    int ends[2];
    if (pipe2(ends, O_NONBLOCK)) break;
    for (size_t i = 0;; i++) {
      fill_page(page, kind, i);
      ssize_t written = write(ends[1], page, page_size);
      if (written <= 0) break;
      done += (size_t)written;
    }
  }
  snprintf(report, sizeof report, "%zu bytes", done);
}

static void map_file(const char* path, size_t unused) {
  (void)unused;
  struct stat status;
  int file = open(path, O_RDONLY);
  if (file < 0 || fstat(file, &status)) {
    snprintf(report, sizeof report, "%s: %s", path, strerror(errno));
    return;
  }
  size_t size = (size_t)status.st_size;
  unsigned char* memory = mmap(0, size, PROT_READ, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) return;
  volatile unsigned char sum = 0;
  for (size_t i = 0; i < size; i += page_size) sum ^= memory[i];
}

static volatile sig_atomic_t bus_errors;

static void on_bus_error(int signal_number) {
  (void)signal_number;
  bus_errors++;
}

static void poison(const char* count, size_t unused) {
  (void)unused;
  int pages = atoi(count), done = 0;
  signal(SIGBUS, on_bus_error);  // from 6.12 or so on the injector is told at once
  size_t size = (size_t)pages * 2 * page_size;
  unsigned char* memory = map(size, MAP_PRIVATE);
  if (!memory) return;
  madvise(memory, size, MADV_NOHUGEPAGE);
  fill(memory, size, "text");
  for (int i = 0; i < pages; i++)
    done += !madvise(memory + (size_t)i * 2 * page_size, page_size, MADV_HWPOISON);
  snprintf(report, sizeof report, "%d of %d poisoned, %d SIGBUS", done, pages, (int)bus_errors);
}

static void* sleep_forever(void* argument) {
  (void)argument;
  for (;;) pause();
  return NULL;
}

static void threads(const char* count, size_t unused) {
  (void)unused;
  for (int i = atoi(count); i > 0; i--) {
    pthread_t thread;
    pthread_create(&thread, 0, sleep_forever, 0);
  }
}

static const struct job {
  const char* name;
  void (*run)(const char* kind, size_t size);
} jobs[] = {
    {"hog", hog},    {"ksm", ksm},       {"thp", thp},       {"huge", huge},
    {"shm", shm},    {"swap", swap},
    {"pipe", pipes}, {"file", map_file}, {"poison", poison}, {"threads", threads},
};

static int run_job(const struct job* job, char** argv) {
  const char *kind = argv[2], *name = argv[4];
  int word[2];
  if (pipe(word)) return 1;
  pid_t child = fork();
  if (child) {
    char line[sizeof report];
    close(word[1]);
    ssize_t size = read(word[0], line, sizeof line - 1);
    line[size > 0 ? size : 0] = 0;
    printf("workload %s %s %s MiB, %s, pid %d: %s\n", job->name, kind, argv[3], name, (int)child,
           size > 0 ? line : "died");
    return size <= 0;
  }
  close(word[0]);
  prctl(PR_SET_NAME, name, 0, 0, 0);
  random_state ^= (uint64_t)getpid() * 0x9E3779B97F4A7C15ull;
  job->run(kind, (size_t)atol(argv[3]) << 20);
  if (write(word[1], report, strlen(report)) < 0) return 1;
  close(word[1]);
  sleep_forever(NULL);
  return 0;
}

// ---- taking files out of the guest -----------------------------------------------------------

enum { kBlock = 4096, kChunk = 1 << 20 };

static uint64_t little_endian(uint64_t value) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  return __builtin_bswap64(value);
#else
  return value;
#endif
}

static void put(int device, const void* content, size_t size, off_t at) {
  if (pwrite(device, content, size, at) != (ssize_t)size) perror("save: pwrite");
}

// Appends the file's content from `at` on, padded to whole blocks; returns its size.
static uint64_t copy_content(int file, int device, unsigned char* chunk, off_t at) {
  uint64_t total = 0;
  for (;;) {
    size_t have = 0;
    ssize_t got;
    while (have < kChunk && (got = read(file, chunk + have, kChunk - have)) > 0)
      have += (size_t)got;
    size_t padded = (have + kBlock - 1) & ~(size_t)(kBlock - 1);
    memset(chunk + have, 0, padded - have);
    put(device, chunk, padded, at + (off_t)total);
    total += have;
    if (have < kChunk) return total;
  }
}

/*
 * Each file is a header block (magic, size, page size, "little" or "big", label at 64) and its
 * content padded to whole blocks; a zero block ends the list. The disk is written with O_DIRECT and
 * the process stays, so that saving the page flags changes as few pages as can be.
 */
static int save(int argc, char** argv) {
  int device = open(argv[2], O_RDWR | O_DIRECT);
  unsigned char* chunk = map(kChunk + kBlock, MAP_PRIVATE | MAP_POPULATE);
  if (device < 0 || !chunk) {
    perror(argv[2]);
    return 1;
  }
  unsigned char* header = chunk + kChunk;
  off_t at = 0;
  for (int i = 3; i < argc - 1; i++) {
    char* path = strchr(argv[i], '=');
    if (!path) return 2;
    *path++ = 0;
    int file = open(path, O_RDONLY | O_NONBLOCK);  // at its end /dev/kmsg would wait for more
    if (file < 0) continue;  // kernels differ in what they offer
    uint64_t size = copy_content(file, device, chunk, at + kBlock);
    uint64_t numbers[] = {little_endian(size), little_endian(page_size)};
    memset(header, 0, kBlock);
    memcpy(header, "VMSIFTF1", 8);
    memcpy(header + 8, numbers, sizeof numbers);
    strcpy((char*)header + 24, little_endian(1) == 1 ? "little" : "big");
    strncpy((char*)header + 64, argv[i], 255);
    put(device, header, kBlock, at);
    at += kBlock + (off_t)((size + kBlock - 1) / kBlock * kBlock);
  }
  memset(header, 0, kBlock);
  put(device, header, kBlock, at);
  fsync(device);
  printf("%s\n", argv[argc - 1]);
  fflush(stdout);
  sleep_forever(NULL);
  return 0;
}

int main(int argc, char** argv) {
  page_size = (size_t)sysconf(_SC_PAGESIZE);
  if (argc >= 5 && !strcmp(argv[1], "save")) return save(argc, argv);
  for (size_t i = 0; argc == 5 && i < COUNT_OF(jobs); i++)
    if (!strcmp(argv[1], jobs[i].name)) return run_job(&jobs[i], argv);
  fprintf(stderr, "usage: see the top of workload.c\n");
  return 2;
}
