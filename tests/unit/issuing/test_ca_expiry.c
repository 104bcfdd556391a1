/* SPDX-License-Identifier: Apache-2.0 */
#include "issuing/ca_expiry.h"

#include "issuing/generations.h"
#include "tests/unit/access/fixture.h"

enum { DAY_S = 86400, LIFE_DAYS = 180 };
static const int64_t end_s = INT64_C(2000000000);

static struct place place;
static struct mrl_store *store;

static const struct mrl_keys_facts facts = {
    .generation_count = 2,
    .generations = {{.kind = MRL_CA_ROOT, .number = 1, .cert = MRL_LIT_INIT("root 1")},
                    {.kind = MRL_CA_ISSUING, .number = 1, .cert = MRL_LIT_INIT("issuing 1")}}};

static int set_up(void **state)
{
    struct mrl_ca_rows rows;

    (void)state;
    duties_more = &mrl_ca_migrations;
    place_make(&place);
    store = duties_store(&place);
    return mrl_ca_sync(store, &facts, &rows, NULL) == MRL_OK ? 0 : -1;
}

static int take_down(void **state)
{
    (void)state;
    duties_close(store);
    place_remove(&place);
    return 0;
}

static unsigned look_for(uint64_t life_s, int64_t now_s)
{
    const struct mrl_ca_end ends[] = {
        {.kind = MRL_CA_ROOT, .number = 1, .not_after = end_s + 3650 * (int64_t)DAY_S},
        {.kind = MRL_CA_ISSUING, .number = 1, .not_after = end_s}};
    unsigned warned = 99;

    assert_ok(mrl_ca_expiry_step(store, ends, MRL_COUNT(ends), life_s, now_s, &warned));
    return warned;
}

static unsigned look(int64_t now_s)
{
    return look_for(LIFE_DAYS * DAY_S, now_s);
}

static int64_t before_end(int64_t days)
{
    return end_s - days * DAY_S;
}

static void each_distance_is_told_once_at_its_second(void **state)
{
    static const struct {
        int64_t days;
        const char *told;
    } stages[] = {{LIFE_DAYS, "\"days\":180"},
                  {90, "\"days\":90"},
                  {30, "\"days\":30"},
                  {7, "\"days\":7"},
                  {1, "\"days\":1,"}};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(stages); i++) {
        assert_int_equal(look(before_end(stages[i].days) - 1), 0);
        assert_int_equal(look(before_end(stages[i].days)), 1);
        assert_int_equal(look(before_end(stages[i].days) + 60), 0);
        assert_int_equal(audited(store, "ca.expiring", stages[i].told), i + 1);
    }
    assert_int_equal(look(end_s + DAY_S), 0); /* over: said long ago */
    (void)audited(store, "ca.expiring", "\"target\":\"issuing-1\"");
}

static void who_was_away_is_told_the_nearest_only(void **state)
{
    (void)state;
    assert_int_equal(look(before_end(5)), 1);
    assert_int_equal(audited(store, "ca.expiring", "\"days\":7"), 1);
    duties_close(store);
    store = duties_store(&place);
    assert_int_equal(look(before_end(4)), 0);
}

static void a_clock_that_was_ahead_hides_nothing(void **state)
{
    (void)state;
    assert_int_equal(look(before_end(1)), 1);
    assert_int_equal(look(before_end(200)), 0); /* set right */
    assert_int_equal(look(before_end(90)), 1);
    assert_int_equal(audited(store, "ca.expiring", "\"days\":90"), 2);
}

static void a_short_life_of_certificates_is_no_distance_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(look_for(3600, before_end(91)), 0);
    assert_int_equal(look_for(3600, before_end(90)), 1);
    assert_int_equal(look_for(3600, before_end(1)), 1);
    assert_int_equal(look_for(3600, end_s - 3600), 0); /* a day is the last */
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, take_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(each_distance_is_told_once_at_its_second),
        WITH_STORE(who_was_away_is_told_the_nearest_only),
        WITH_STORE(a_clock_that_was_ahead_hides_nothing),
        WITH_STORE(a_short_life_of_certificates_is_no_distance_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
