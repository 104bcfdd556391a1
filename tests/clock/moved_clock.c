/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into programs under test: their wall clock is ahead of the machine's by as many seconds
 * as stand in the file MERLON_TEST_CLOCK, an int64_t that a test changes while they run. The file
 * is mapped before main, so this works behind seccomp and Landlock. Monotonic clocks stay. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t nothing;
static const volatile int64_t *ahead = &nothing;
static int (*real)(clockid_t id, struct timespec *t);

__attribute__((constructor)) static void open_clock(void)
{
    const char *path = getenv("MERLON_TEST_CLOCK");
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*ahead), PROT_READ, MAP_SHARED, fd, 0);

    *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    if (map == MAP_FAILED || real == NULL)
        abort(); /* a test that means to move the clock must not run with the real one */
    ahead = map;
    (void)close(fd);
}

int clock_gettime(clockid_t id, struct timespec *t)
{
    int result = real(id, t);

    if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        t->tv_sec += *ahead;
    return result;
}

time_t time(time_t *to)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    if (to != NULL)
        *to = t.tv_sec;
    return t.tv_sec;
}

int gettimeofday(struct timeval *restrict to, void *restrict zone)
{
    struct timespec t;

    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    to->tv_sec = t.tv_sec;
    to->tv_usec = t.tv_nsec / 1000;
    return 0;
}
