/* SPDX-License-Identifier: Apache-2.0 */
#include "main/store_watch.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/unit/audit/signed_fixture.h"

/* As a full disk: its files may not grow. */
static void fill(struct signed_log *l, struct rlimit *before)
{
    char path[512];
    struct rlimit small;
    struct stat wal;

    assert_true(snprintf(path, sizeof(path), "%s-wal", l->place.path) < (int)sizeof(path));
    assert_int_equal(stat(path, &wal), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, before), 0);
    small = *before;
    small.rlim_cur = (rlim_t)wal.st_size;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
}

static void free_space(const struct rlimit *before)
{
    assert_int_equal(setrlimit(RLIMIT_FSIZE, before), 0);
}

/* And waits for what it tries: a job behind it. */
static mrl_err tick(struct mrl_store_watch *w, struct signed_log *l, uint64_t now_ms)
{
    mrl_store_watch_tick(w, l->store, now_ms);
    return store_exec(l->store, "UPDATE audit_entries SET seq = seq WHERE seq = -1", MRL_NO_ARGS);
}

static int64_t told(struct signed_log *l, const char *seconds)
{
    char query[160];

    (void)snprintf(query, sizeof(query),
                   "SELECT COUNT(*) FROM audit_entries WHERE json LIKE '%%store.recovered%%'"
                   " AND json LIKE '%%\"seconds\":%s%%'",
                   seconds);
    return signed_number(l, query);
}

static void a_store_that_is_well_is_left_alone(void **state)
{
    struct signed_log *l = *state;
    struct mrl_store_watch w = {.since_ms = 0};
    struct mrl_store_stats stats;

    for (uint64_t now = 1000; now < 10000; now += 1000)
        mrl_store_watch_tick(&w, l->store, now);
    mrl_store_stats(l->store, &stats);
    assert_int_equal(stats.jobs, 0);
    assert_int_equal(w.since_ms, 0);
}

static void a_full_disk_is_tried_until_the_log_can_say_that_it_is_over(void **state)
{
    struct signed_log *l = *state;
    struct mrl_store_watch w = {.since_ms = 0};
    struct rlimit before;

    signed_grow(l, 1);
    fill(l, &before);
    assert_int_equal(
        store_exec(l->store, "CREATE TABLE room AS SELECT randomblob(100000)", MRL_NO_ARGS),
        MRL_ERR_NO_SPACE);
    for (uint64_t now = 1000; now <= 4000; now += 1000)
        (void)tick(&w, l, now);
    assert_true(mrl_store_failing(l->store));
    assert_int_equal(w.since_ms, 1000);
    free_space(&before);
    assert_ok(tick(&w, l, 5000));
    assert_false(mrl_store_failing(l->store));
    assert_int_equal(w.since_ms, 0);
    assert_int_equal(told(l, "4"), 1);
    assert_ok(tick(&w, l, 6000));
    assert_int_equal(signed_number(l, "SELECT COUNT(*) FROM audit_entries"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_LOG(name) cmocka_unit_test_setup_teardown(name, signed_setup, signed_teardown)
        WITH_LOG(a_store_that_is_well_is_left_alone),
        WITH_LOG(a_full_disk_is_tried_until_the_log_can_say_that_it_is_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
