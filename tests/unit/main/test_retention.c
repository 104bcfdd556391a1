/* SPDX-License-Identifier: Apache-2.0 */
#include "main/retention.h"

#include "base/clock.h"
#include "tests/unit/audit/signed_fixture.h"

enum { DAY_S = 86400 };

/* Entries of the fixture are of the year 1970; the last epoch is never whole. */
static void run_once(struct signed_log *l, uint64_t keep_s, unsigned ticks)
{
    struct mrl_service *service = NULL;
    struct mrl_retention *r;

    assert_ok(mrl_service_new("test", 1, 8, &service));
    r = mrl_retention_new(l->store, NULL, service, keep_s);
    for (unsigned i = 0; i < ticks; i++)
        mrl_retention_tick(r, 1000 + i);
    mrl_service_free(service); /* runs what waits */
    mrl_retention_free(r);
}

static int64_t oldest(struct signed_log *l)
{
    return signed_number(l, "SELECT MIN(seq) FROM audit_entries");
}

static void what_is_older_than_keep_goes_and_the_log_says_so(void **state)
{
    struct signed_log *l = *state;

    signed_grow(l, 9000);
    signed_checkpoint(l);
    run_once(l, DAY_S, 1);
    assert_int_equal(oldest(l), 8193);
    assert_int_equal(signed_number(l, "SELECT COUNT(*) FROM audit_entries WHERE "
                                      "json LIKE '%audit.pruned%' AND json LIKE '%keep = 86400s%'"),
                     1);
}

static void what_is_younger_stays(void **state)
{
    struct signed_log *l = *state;

    signed_grow(l, 9000);
    signed_checkpoint(l);
    run_once(l, (uint64_t)mrl_wall_s() + DAY_S, 1);
    assert_int_equal(oldest(l), 1);
    assert_int_equal(signed_number(l, "SELECT MAX(seq) FROM audit_entries"), 9000);
}

static void without_a_time_nothing_goes(void **state)
{
    struct signed_log *l = *state;

    signed_grow(l, 9000);
    signed_checkpoint(l);
    run_once(l, 0, 1);
    assert_int_equal(oldest(l), 1);
}

static void it_looks_once_an_hour(void **state)
{
    struct signed_log *l = *state;

    signed_grow(l, 9000);
    signed_checkpoint(l);
    run_once(l, DAY_S, 100);
    assert_int_equal(
        signed_number(l, "SELECT COUNT(*) FROM audit_entries WHERE json LIKE '%audit.pruned%'"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_LOG(name) cmocka_unit_test_setup_teardown(name, signed_setup, signed_teardown)
        WITH_LOG(what_is_older_than_keep_goes_and_the_log_says_so),
        WITH_LOG(what_is_younger_stays),
        WITH_LOG(without_a_time_nothing_goes),
        WITH_LOG(it_looks_once_an_hour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
