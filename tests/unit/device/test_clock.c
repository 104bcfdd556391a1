/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/clock.h"

#include "base/clock.h"
#include "tests/unit/unit.h"

enum { YEAR_S = 366 * 86400 };

static void a_clock_before_the_build_is_not_believed(void **state)
{
    int64_t built_ms = mrl_build_time_s() * 1000;
    struct mrl_device_clock c;

    (void)state;
    mrl_device_clock_look(&c, 0, built_ms - 1000);
    assert_false(c.known);
    mrl_device_clock_look(&c, 0, built_ms);
    assert_true(c.known);
}

static void a_clock_before_our_own_certificate_is_not_believed(void **state)
{
    int64_t made_s = mrl_build_time_s() + YEAR_S;
    struct mrl_device_clock c;

    (void)state;
    mrl_device_clock_look(&c, made_s, made_s * 1000 - 1);
    assert_false(c.known);
    assert_int_equal(c.floor_s, made_s);
    mrl_device_clock_look(&c, made_s, made_s * 1000);
    assert_true(c.known);
}

static void what_the_server_tells_is_the_time_from_then_on(void **state)
{
    int64_t told = mrl_build_time_s() + YEAR_S;
    struct mrl_device_clock c;

    (void)state;
    mrl_device_clock_look(&c, 0, 5000);
    assert_ok(mrl_device_clock_learn(&c, told, told, told, /*wall_ms=*/mrl_wall_ms(), NULL));
    assert_true(c.known);
    assert_in_range(mrl_device_now_s(&c), told - 1, told + 5);
}

static void what_cannot_be_is_not_learnt(void **state)
{
    int64_t built = mrl_build_time_s();
    const struct {
        int64_t told, from, until;
    } rows[] = {
        {built - 1, built - YEAR_S, built + YEAR_S}, {built + 9, built + 10, built + 20},
        {built + 21, built + 10, built + 20},        {0, 0, built},
        {INT64_MIN, INT64_MIN, INT64_MAX},
    };
    struct mrl_device_clock c;
    struct mrl_why why = {""};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(rows); i++) {
        mrl_device_clock_look(&c, 0, 5000);
        assert_int_equal(
            mrl_device_clock_learn(&c, rows[i].told, rows[i].from, rows[i].until, 5000, &why),
            MRL_ERR_CRYPTO);
        assert_false(c.known);
        assert_true(why.text[0] != '\0');
    }
}

static void an_unknown_time_is_never_before_the_floor(void **state)
{
    struct mrl_device_clock c = {.floor_s = INT64_C(9000000000)};

    (void)state;
    assert_int_equal(mrl_device_now_s(&c), INT64_C(9000000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_before_the_build_is_not_believed),
        cmocka_unit_test(a_clock_before_our_own_certificate_is_not_believed),
        cmocka_unit_test(what_the_server_tells_is_the_time_from_then_on),
        cmocka_unit_test(what_cannot_be_is_not_learnt),
        cmocka_unit_test(an_unknown_time_is_never_before_the_floor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
