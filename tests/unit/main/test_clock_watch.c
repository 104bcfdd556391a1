/* SPDX-License-Identifier: Apache-2.0 */
#include "main/clock_watch.h"

#include <string.h>

#include "tests/unit/store/fixture.h"

static const int64_t year_ms = INT64_C(366) * 86400 * 1000, jump_ms = MRL_CLOCK_JUMP_S * 1000;

static void small_steps_are_followed_and_a_jump_is_not(void **state)
{
    struct mrl_clock_watch w = {1800000000000, 5000, MRL_CLOCK_GOOD};
    int64_t off;

    (void)state;
    assert_false(mrl_clock_judge(&w, 1800000001000, 6000, &off));
    assert_int_equal(off, 0);
    assert_false(mrl_clock_judge(&w, 1800000002000 + jump_ms, 7000, &off)); /* an hour */
    assert_int_equal(off, jump_ms);
    assert_false(mrl_clock_judge(&w, 1800000003000 + jump_ms, 8000, &off));
    assert_int_equal(off, 0); /* the new clock is the clock */
    assert_true(mrl_clock_judge(&w, 1800000004000 + 2 * jump_ms + 1, 9000, &off));
    assert_int_equal(w.verdict, MRL_CLOCK_DOUBTED);
    assert_int_equal(off, jump_ms + 1);
}

static void ten_years_either_way_are_doubted_until_they_are_gone(void **state)
{
    static const int sides[] = {10, -10};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(sides); i++) {
        struct mrl_clock_watch w = {1800000000000, 5000, MRL_CLOCK_GOOD};
        int64_t jump = sides[i] * year_ms, off;

        assert_true(mrl_clock_judge(&w, 1800000000000 + jump, 5000, &off));
        for (uint64_t s = 1; s < 100000; s++) {
            assert_false(mrl_clock_judge(&w, 1800000000000 + jump + (int64_t)s * 1000,
                                         5000 + s * 1000, &off));
            assert_int_equal(off, jump); /* so the time is known all along */
        }
        assert_true(mrl_clock_judge(&w, 1800000000000 + 100000000, 5000 + 100000000, &off));
        assert_int_equal(w.verdict, MRL_CLOCK_GOOD);
        assert_int_equal(off, 0);
    }
}

static struct mrl_store *open_store(const struct place *p)
{
    const struct mrl_store_options o = {
        .path = p->path, .migrations = &mrl_clock_migrations, .migrations_count = 1};
    struct mrl_store *s = NULL;

    assert_ok(mrl_store_open(&o, &s, NULL));
    return s;
}

struct setting {
    struct mrl_write write;
    int64_t seen_ms;
};

static mrl_err run_setting(struct mrl_tx *tx, struct mrl_write *w)
{
    return mrl_tx_exec(tx, "INSERT INTO server_clock (id, seen) VALUES (1, $1)",
                       MRL_ARGS(MRL_INT(MRL_CONTAINER(w, struct setting, write)->seen_ms)), NULL);
}

static void a_start_is_refused_outside_an_hour_back_and_thirty_days_ahead(void **state)
{
    const int64_t seen = 1800000000000, away_ms = (int64_t)MRL_CLOCK_AWAY_S * 1000;
    struct setting set = {.write = {.run = run_setting}, .seen_ms = seen};
    struct mrl_why why = {""};
    struct place p = {0};
    struct mrl_store *s;

    (void)state;
    place_make(&p);
    s = open_store(&p);
    assert_ok(mrl_clock_check_start(s, 5, &why)); /* nothing was seen yet */
    assert_ok(mrl_store_write(s, &set.write));
    assert_ok(mrl_clock_check_start(s, seen, &why));
    assert_ok(mrl_clock_check_start(s, seen - jump_ms, &why));
    assert_int_equal(mrl_clock_check_start(s, seen - jump_ms - 1, &why), MRL_ERR_STATE);
    assert_ok(mrl_clock_check_start(s, seen + away_ms, &why));
    assert_int_equal(mrl_clock_check_start(s, seen + away_ms + 1, &why), MRL_ERR_STATE);
    assert_int_equal(mrl_clock_check_start(s, seen + 10 * year_ms, &why), MRL_ERR_STATE);
    assert_int_equal(mrl_clock_check_start(s, seen - 10 * year_ms, &why), MRL_ERR_STATE);
    assert_true(strstr(why.text, "--accept-clock") != NULL);
    mrl_store_close(s);
    place_remove(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_steps_are_followed_and_a_jump_is_not),
        cmocka_unit_test(ten_years_either_way_are_doubted_until_they_are_gone),
        cmocka_unit_test(a_start_is_refused_outside_an_hour_back_and_thirty_days_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
