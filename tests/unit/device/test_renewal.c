/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/renewal.h"

#include <stdio.h>

#include "tests/unit/unit.h"

static void point_is_in_the_last_third_for_long_and_short_lives(void **state)
{
    static const int64_t lives[] = {1, 3, 20, 3600, 180 * 86400};

    (void)state;
    for (size_t l = 0; l < 5; l++)
        for (int i = 0; i < 500; i++) {
            char id[16];
            int64_t at, life = lives[l];

            (void)snprintf(id, sizeof(id), "device-%d", i);
            at = mrl_renewal_at(1000, 1000 + life, mrl_str(id)) - 1000000;
            assert_true(at * 3 >= life * 2000 && at * 12 <= life * 11000 + 12);
            assert_int_equal(at, mrl_renewal_at(1000, 1000 + life, mrl_str(id)) - 1000000);
        }
}

static void fleet_is_spread(void **state)
{
    unsigned early = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        char id[16];

        (void)snprintf(id, sizeof(id), "device-%d", i);
        early += mrl_renewal_at(0, 12000, mrl_str(id)) < 9500000; /* half of 8000 s to 11000 s */
    }
    assert_in_range(early, 400, 600);
}

static void retries_fit_the_life(void **state)
{
    (void)state;
    assert_int_equal(mrl_renewal_backoff(0, 20).base_ms, 500);
    assert_int_equal(mrl_renewal_backoff(0, 20).cap_ms, 1666);
    assert_int_equal(mrl_renewal_backoff(0, 180 * 86400).base_ms, 60000);
    assert_int_equal(mrl_renewal_backoff(0, 180 * 86400).cap_ms, 3600000);
    assert_int_equal(mrl_renewal_backoff(5, 5).base_ms, 500);
}

/* A certificate of 20 s that is dated back by an hour is not old when it comes. */
static void life_begins_when_the_certificate_came(void **state)
{
    (void)state;
    assert_int_equal(mrl_renewal_since(1000, 4620, 4600), 4600);
    assert_int_equal(mrl_renewal_since(1000, 4620, 0), 1000);
    assert_int_equal(mrl_renewal_since(1000, 4620, 4620), 1000);
    assert_int_equal(mrl_renewal_since(1000, 4620, 999), 1000);
    assert_true(mrl_renewal_at(mrl_renewal_since(1000, 4620, 4600), 4620, MRL_LIT("d")) >= 4613000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(point_is_in_the_last_third_for_long_and_short_lives),
        cmocka_unit_test(fleet_is_spread),
        cmocka_unit_test(life_begins_when_the_certificate_came),
        cmocka_unit_test(retries_fit_the_life),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
