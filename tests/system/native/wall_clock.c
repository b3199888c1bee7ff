// LD_PRELOAD: a wall clock that a test steps while processes run.
//
//   $HFT_TEST_WALL_CLOCK   names the file: one little-endian int64, seconds that CLOCK_REALTIME is ahead,
//                          and one uint64, how often the wall clock was asked for
//
// CLOCK_MONOTONIC is left alone: that is the point. The real answers come from system calls, so nothing is looked up.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct page {
  _Atomic int64_t ahead_s;
  _Atomic uint64_t asked;
};

static struct page *page;

__attribute__((constructor)) static void map_page(void) {
  const char *path = getenv("HFT_TEST_WALL_CLOCK");
  const int file = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) abort();
  void *map = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (map == MAP_FAILED) abort();
  page = map;
}

static int is_wall_clock(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE; }

int clock_gettime(clockid_t clock, struct timespec *out) {
  const int result = (int)syscall(SYS_clock_gettime, clock, out);
  if (result == 0 && page != NULL && is_wall_clock(clock)) {
    out->tv_sec += atomic_load(&page->ahead_s);
    atomic_fetch_add(&page->asked, 1);
  }
  return result;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  struct timespec now;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != NULL) *out = now.tv_sec;
  return now.tv_sec;
}
