/* SPDX-License-Identifier: Apache-2.0 */
#include "issuing/overdue.h"

#include <stdio.h>

#include "tests/unit/devices/fixture.h"

enum { DAY = 86400, YEAR = 365 * DAY };

static const int64_t made = INT64_C(1800000000);

static void has_one(struct fixture *f, const char *id, unsigned number, int64_t life)
{
    struct fake_cert c;

    fake_cert(&c, MRL_PRINCIPAL_DEVICE, id, number);
    c.it.not_before = made;
    c.it.not_after = made + life;
    assert_ok(enrol(f, &c.it));
}

static struct mrl_renewals *opened(struct fixture *f)
{
    struct mrl_renewals *r;

    assert_ok(mrl_renewals_open(f->store, MRL_LIT("key"), &r, NULL));
    return r;
}

/* As the daemon does at this second. */
static void look(struct fixture *f, struct mrl_renewals *r, int64_t now_s)
{
    bool more;

    do
        assert_ok(mrl_overdue_step(f->store, r, now_s, &more));
    while (more);
}

static int warnings(struct fixture *f, const char *with)
{
    return (int)audited(f->store, "device.expiring", with);
}

static void who_does_not_renew_is_told_of_at_30_7_and_1_days(void **state)
{
    struct fixture *f = *state;
    MRL_AUTO(mrl_renewals) r = opened(f);

    add(f, "d1", "");
    has_one(f, "d1", 1, YEAR);
    look(f, r, made + YEAR - 30 * DAY - 1);
    assert_int_equal(warnings(f, NULL), 0);
    look(f, r, made + YEAR - 30 * DAY);
    look(f, r, made + YEAR - 29 * DAY);
    assert_int_equal(warnings(f, "\"days\":30"), 1);
    look(f, r, made + YEAR - 7 * DAY - 1);
    assert_int_equal(warnings(f, NULL), 1);
    look(f, r, made + YEAR - 7 * DAY);
    assert_int_equal(warnings(f, NULL), 2);
    look(f, r, made + YEAR - DAY);
    look(f, r, made + YEAR - DAY + 60);
    look(f, r, made + YEAR + DAY);
    assert_int_equal(warnings(f, "\"target\":\"d1\""), 3);
}

static void who_has_another_one_or_is_retired_is_not(void **state)
{
    struct fixture *f = *state;
    MRL_AUTO(mrl_renewals) r = opened(f);

    add(f, "renewed", "");
    add(f, "retired", "");
    has_one(f, "renewed", 1, YEAR);
    has_one(f, "renewed", 2, 2 * YEAR);
    has_one(f, "retired", 1, YEAR);
    assert_ok(change(f, "retired", MRL_DEVICE_RETIRE));
    look(f, r, made + YEAR - 20 * DAY);
    assert_int_equal(warnings(f, NULL), 0);
}

/* Of 90 days the last third begins 30 days before the end: nobody is late then. */
static void who_is_still_in_time_is_not(void **state)
{
    struct fixture *f = *state;
    MRL_AUTO(mrl_renewals) r = opened(f);

    add(f, "d1", "");
    has_one(f, "d1", 1, 90 * DAY);
    look(f, r, made + 60 * DAY);
    assert_int_equal(warnings(f, NULL), 0);
    look(f, r, made + 83 * DAY);
    assert_int_equal(warnings(f, "\"days\":7"), 1);
}

static void more_than_a_page_is_told_of_each_once(void **state)
{
    struct fixture *f = *state;
    MRL_AUTO(mrl_renewals) r = opened(f);

    for (unsigned i = 0; i <= 2 * MRL_OVERDUE_PAGE; i++) {
        char id[16];

        (void)snprintf(id, sizeof(id), "d%u", i);
        add(f, id, "");
        has_one(f, id, i, YEAR); /* all end in one second */
    }
    look(f, r, made + YEAR - 29 * DAY);
    look(f, r, made + YEAR - 28 * DAY);
    assert_int_equal(warnings(f, "\"days\":30"), 2 * MRL_OVERDUE_PAGE + 1);
}

static void a_clock_that_was_ahead_hides_nothing_for_longer(void **state)
{
    struct fixture *f = *state;
    MRL_AUTO(mrl_renewals) r = opened(f);

    add(f, "later", "");
    has_one(f, "later", 1, 10 * (int64_t)YEAR);
    look(f, r, made + 10 * (int64_t)YEAR - 29 * DAY);
    assert_int_equal(warnings(f, NULL), 1);
    look(f, r, made);
    add(f, "d1", "");
    has_one(f, "d1", 1, YEAR);
    look(f, r, made + YEAR - 29 * DAY);
    assert_int_equal(warnings(f, NULL), 2);
}

/* One list of both modules. */
static void use_tables(void)
{
    static struct mrl_migration both[8];
    static struct mrl_migration_list list = {both, 0};
    const struct mrl_migration_list *const of[] = {&mrl_renewals_migrations,
                                                   &mrl_overdue_migrations};

    for (size_t i = 0; i < MRL_COUNT(of); i++)
        for (size_t m = 0; m < of[i]->count; m++)
            both[list.count++] = of[i]->items[m];
    duties_more = &list;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REGISTRY(who_does_not_renew_is_told_of_at_30_7_and_1_days),
        WITH_REGISTRY(who_has_another_one_or_is_retired_is_not),
        WITH_REGISTRY(who_is_still_in_time_is_not),
        WITH_REGISTRY(more_than_a_page_is_told_of_each_once),
        WITH_REGISTRY(a_clock_that_was_ahead_hides_nothing_for_longer),
    };

    use_tables();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
