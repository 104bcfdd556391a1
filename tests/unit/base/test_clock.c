/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/err.h"
#include "tests/unit/unit.h"

static void times_are_rfc_3339(void **state)
{
    char text[MRL_TIME_TEXT];

    (void)state;
    mrl_time_format(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    mrl_time_format(1795385678123, text);
    assert_string_equal(text, "2026-11-22T22:14:38.123Z");
    mrl_time_format(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
}

static void durations_have_units(void **state)
{
    uint64_t seconds = 0;

    (void)state;
    assert_true(mrl_duration_parse(MRL_LIT("180d"), &seconds));
    assert_int_equal(seconds, 180 * 86400);
    assert_true(mrl_duration_parse(MRL_LIT("90"), &seconds));
    assert_int_equal(seconds, 90);
    assert_false(mrl_duration_parse(MRL_LIT("d"), &seconds));
    assert_false(mrl_duration_parse(MRL_LIT("1w"), &seconds));
    assert_false(mrl_duration_parse(MRL_LIT("18446744073709551615d"), &seconds));
}

static void a_jump_is_not_followed_once_the_clock_was_right(void **state)
{
    const int64_t years_ms = INT64_C(10) * 366 * 86400 * 1000, hour_ms = 3600 * 1000;
    int64_t now_ms = mrl_machine_wall_ms();

    (void)state;
    assert_false(mrl_clock_is_doubted());
    mrl_clock_trust(now_ms - years_ms, mrl_machine_passed_ms(), hour_ms); /* it jumped ahead */
    assert_true(mrl_clock_is_doubted());
    assert_in_range(mrl_wall_ms(), now_ms - years_ms, now_ms - years_ms + 60000);
    mrl_clock_trust(now_ms + years_ms, mrl_machine_passed_ms(), hour_ms); /* it jumped back */
    assert_true(mrl_clock_is_doubted());
    assert_in_range(mrl_wall_ms(), now_ms + years_ms, now_ms + years_ms + 60000);
    mrl_clock_trust(now_ms - hour_ms / 2, mrl_machine_passed_ms(), hour_ms); /* it was set right */
    assert_false(mrl_clock_is_doubted());
    assert_in_range(mrl_wall_ms(), now_ms, now_ms + 60000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_rfc_3339),
        cmocka_unit_test(durations_have_units),
        cmocka_unit_test(a_jump_is_not_followed_once_the_clock_was_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
