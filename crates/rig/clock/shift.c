// Loaded before the C library (LD_PRELOAD), shifts the time of day of a program
// by the seconds that are written in the file that RIG_CLOCK names; they may
// change while it runs. Only the time of day: durations are measured by a clock
// that nobody can set.

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t none;
static volatile int64_t *shift = &none;

__attribute__((constructor)) static void find(void) {
  const char *name = getenv("RIG_CLOCK");
  int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0)
    return;
  void *at = mmap(0, sizeof *shift, PROT_READ, MAP_SHARED, file, 0);
  if (at != MAP_FAILED)
    shift = at;
  close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int result = syscall(SYS_clock_gettime, clock, now);
  if (result == 0 && clock == CLOCK_REALTIME)
    now->tv_sec += *shift;
  return result;
}
