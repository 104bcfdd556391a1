/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/proc.h"

#include <unistd.h>

#include "tests/unit/unit.h"

static void stat_is_read_behind_whatever_the_name_is(void **state)
{
    uint64_t ticks;

    (void)state;
    assert_ok(mrl_proc_parse_stat(
        MRL_LIT("42 (a) 1 (b)) S 1 42 42 0 -1 4194560 9 0 0 0 700 55 3 4 20 0 1 0 5\n"), &ticks));
    assert_int_equal(ticks, 755);
}

static void a_broken_stat_is_refused(void **state)
{
    uint64_t ticks;

    (void)state;
    assert_int_equal(mrl_proc_parse_stat(MRL_LIT(""), &ticks), MRL_ERR_MALFORMED);
    assert_int_equal(mrl_proc_parse_stat(MRL_LIT("42 (a) S 1 2"), &ticks), MRL_ERR_MALFORMED);
    assert_int_equal(
        mrl_proc_parse_stat(MRL_LIT("42 (a) S 1 42 42 0 -1 4194560 9 0 0 0 x 55 3"), &ticks),
        MRL_ERR_MALFORMED);
}

static void private_memory_is_found(void **state)
{
    uint64_t bytes;

    (void)state;
    assert_ok(mrl_proc_parse_status(
        MRL_LIT("Name:\tmerlond\nVmRSS:\t    900 kB\nRssAnon:\t     512 kB\nThreads:\t3\n"),
        &bytes));
    assert_int_equal(bytes, 512 << 10);
    assert_int_equal(mrl_proc_parse_status(MRL_LIT("Name:\tx\n"), &bytes), MRL_ERR_NOT_FOUND);
    assert_int_equal(mrl_proc_parse_status(MRL_LIT("RssAnon:\tmuch kB\n"), &bytes),
                     MRL_ERR_MALFORMED);
}

static void this_process_uses_memory(void **state)
{
    struct mrl_proc_use use;

    (void)state;
    assert_ok(mrl_proc_read(getpid(), &use));
    assert_true(use.private_bytes > 0 && use.cpu_s >= 0);
    assert_int_equal(mrl_proc_read(-1, &use), MRL_ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stat_is_read_behind_whatever_the_name_is),
        cmocka_unit_test(a_broken_stat_is_refused),
        cmocka_unit_test(private_memory_is_found),
        cmocka_unit_test(this_process_uses_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
