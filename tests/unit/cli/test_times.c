/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/times.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "tests/unit/unit.h"

static void what_the_api_writes_is_read_back(void **state)
{
    static const int64_t times[] = {0, 1795472078123, 951782400000, 4102444799999};

    (void)state;
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        char text[MRL_TIME_TEXT];
        int64_t back;

        mrl_time_format(times[i], text);
        assert_true(mrl_times_parse(mrl_str(text), &back));
        assert_int_equal(back, times[i]);
    }
}

static void seconds_may_have_no_fraction(void **state)
{
    int64_t ms;

    (void)state;
    assert_true(mrl_times_parse(MRL_LIT("1970-01-01T00:01:00Z"), &ms));
    assert_int_equal(ms, 60000);
}

static void what_is_no_time_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "1h",
        "2026-11-23",
        "2026-11-23T22:14:38",
        "2026-11-23T22:14:38.1Z",
        "2026-11-23T22:14:38.1234Z",
        "2026-11-23t22:14:38Z",
        "2026-11-23T22:14:38+01:00",
        "2026-02-30T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T22:60:00Z",
        "x026-11-23T22:14:38Z",
        "-026-11-23T22:14:38Z",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        int64_t ms = 7;

        assert_false(mrl_times_parse(mrl_str(wrong[i]), &ms));
        assert_int_equal(ms, 7);
    }
}

static void times_are_shown_in_the_zone_of_the_reader(void **state)
{
    char text[MRL_TIMES_TEXT];

    (void)state;
    mrl_times_format(1795472078123, text);
    assert_string_equal(text, "2026-11-23 21:14:38");
    mrl_times_format_clock(1795472078123, text);
    assert_string_equal(text, "21:14:38.123");
    mrl_times_format(-1, text);
    assert_string_equal(text, "1969-12-31 22:59:59");
    mrl_times_format(INT64_MAX, text);
    assert_string_equal(text, "292278994-08-17 06:12:55");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_api_writes_is_read_back),
        cmocka_unit_test(seconds_may_have_no_fraction),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(times_are_shown_in_the_zone_of_the_reader),
    };

    if (setenv("TZ", "UTC+1", 1) != 0) /* one hour west */
        return 1;
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
