/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/unit.h"

enum { MANY = 1 << 20, LIMIT = 4096 };

static uint8_t sent[MANY];

struct reader {
    int fd;
    size_t got;
    bool same;
};

static void *read_to_the_end(void *context)
{
    struct reader *r = context;
    uint8_t piece[777];
    ssize_t n;

    while ((n = read(r->fd, piece, sizeof(piece))) > 0) {
        r->same = r->same && memcmp(piece, &sent[r->got], (size_t)n) == 0;
        r->got += (size_t)n;
    }
    return NULL;
}

static void on_signal(int number)
{
    (void)number;
}

static _Atomic bool written;

/* A pipe holds 64 KiB, so the writer sleeps in between, and a signal finds it there. */
static void *disturb(void *writer)
{
    while (!atomic_load(&written)) {
        (void)pthread_kill(*(pthread_t *)writer, SIGUSR1);
        (void)usleep(100);
    }
    return NULL;
}

static void all_is_written_in_pieces_and_through_signals(void **state)
{
    const struct sigaction action = {.sa_handler = on_signal};
    struct reader r = {.same = true};
    pthread_t reading, disturbing, self = pthread_self();
    int ends[2];

    (void)state;
    for (size_t i = 0; i < sizeof(sent); i++)
        sent[i] = (uint8_t)(i * 31 >> 3);
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0); /* without SA_RESTART */
    assert_int_equal(pipe(ends), 0);
    r.fd = ends[0];
    assert_int_equal(pthread_create(&reading, NULL, read_to_the_end, &r), 0);
    assert_int_equal(pthread_create(&disturbing, NULL, disturb, &self), 0);
    assert_true(mrl_write_all(ends[1], mrl_bytes_of(sent, sizeof(sent))));
    atomic_store(&written, true);
    assert_int_equal(close(ends[1]), 0);
    assert_int_equal(pthread_join(disturbing, NULL), 0);
    assert_int_equal(pthread_join(reading, NULL), 0);
    assert_int_equal(r.got, sizeof(sent));
    assert_true(r.same);
    assert_int_equal(close(ends[0]), 0);
}

static void nothing_is_written_at_once(void **state)
{
    (void)state;
    assert_true(mrl_write_all(-1, MRL_BYTES_NONE));
}

static void errno_says_why_not(void **state)
{
    (void)state;
    errno = 0;
    assert_false(mrl_write_all(-1, MRL_LIT("x")));
    assert_int_equal(errno, EBADF);
}

/* A file that grows to its limit takes some of it, and the next call fails. */
static void half_of_it_is_not_all(void **state)
{
    const struct rlimit small = {LIMIT, RLIM_INFINITY};
    char name[] = "/tmp/merlon-test-fd-XXXXXX";
    struct rlimit before;
    int fd = mkstemp(name);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_true(mrl_write_all(fd, mrl_bytes_of(sent, LIMIT)));
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    errno = 0;
    assert_false(mrl_write_all(fd, mrl_bytes_of(sent, LIMIT + 1)));
    assert_int_equal(errno, EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(close(fd), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_written_in_pieces_and_through_signals),
        cmocka_unit_test(nothing_is_written_at_once),
        cmocka_unit_test(errno_says_why_not),
        cmocka_unit_test(half_of_it_is_not_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
