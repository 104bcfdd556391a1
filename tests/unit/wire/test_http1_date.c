/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http1_date.h"

#include <stdio.h>
#include <time.h>

#include "tests/unit/unit.h"

static void the_example_of_the_rfc_is_read(void **state)
{
    int64_t s = 0;

    (void)state;
    assert_ok(
        mrl_http_date_read(MRL_LIT("Sun, 06 Nov 1994 08:49:37 GMT"), &s)); /* RFC 9110 5.6.7 */
    assert_int_equal(s, 784111777);
}

static void every_day_of_four_centuries_agrees_with_the_c_library(void **state)
{
    (void)state;
    for (int64_t day = -700000; day < 700000; day += 97) {
        time_t at = (time_t)(day * 86400 + (day & 0xffff));
        struct tm t;
        char text[64];
        int64_t s = 0;

        if (gmtime_r(&at, &t) == NULL || t.tm_year + 1900 < 1 || t.tm_year + 1900 > 9999)
            continue;
        if (strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &t) == 0)
            continue;
        if (mrl_http_date_read(mrl_str(text), &s) != MRL_OK)
            continue; /* a year of fewer than four digits */
        assert_int_equal(s, at);
    }
}

static void what_is_written_is_read_back(void **state)
{
    static const int64_t times[] = {0, 784111777, 951825599, 4102444800, 253402300799, -1};
    char text[MRL_HTTP_DATE_TEXT];

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(times); i++) {
        int64_t s = 7;

        mrl_http_date_format(times[i], text);
        assert_ok(mrl_http_date_read(mrl_str(text), &s));
        assert_int_equal(s, times[i]);
    }
    mrl_http_date_format(784111777, text);
    assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
}

static void what_is_no_date_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "Sunday, 06-Nov-94 08:49:37 GMT", /* obsolete forms */
        "Sun Nov  6 08:49:37 1994",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Tue, 29 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 19 4 08:49:37 GMT",
        "774111777",
    };
    int64_t s = 7;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(texts); i++)
        if (mrl_http_date_read(mrl_str(texts[i]), &s) != MRL_ERR_MALFORMED || s != 7)
            fail_msg("%s", texts[i]);
    assert_ok(mrl_http_date_read(MRL_LIT("Thu, 29 Feb 1996 23:59:60 GMT"), &s)); /* a leap second */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_rfc_is_read),
        cmocka_unit_test(every_day_of_four_centuries_agrees_with_the_c_library),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(what_is_no_date_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
