/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/report.h"

#include <string.h>

#include "tests/unit/unit.h"

static void numbers_stand_in_json_in_their_order(void **state)
{
    struct mrl_report r = {.scenario = "idle"};
    MRL_SCOPED(mrl_buf) out = {0};

    (void)state;
    mrl_report_add(&r, "clients", 3);
    mrl_report_add(&r, "seconds", 0.25);
    mrl_report_write(&r, /*json=*/true, &out);
    assert_bytes_equal(mrl_buf_bytes(&out),
                       MRL_LIT("{\"scenario\":\"idle\",\"clients\":3.000,\"seconds\":0.250}\n"));
}

static void times_are_told_in_microseconds_when_there_are_any(void **state)
{
    static struct mrl_histogram h;
    struct mrl_report r = {.scenario = "x"};

    (void)state;
    memset(&h, 0, sizeof(h));
    mrl_report_add_times(&r, "ack", &h);
    assert_int_equal(r.count, 0);
    mrl_histogram_add(&h, 64000);
    mrl_report_add_times(&r, "ack", &h);
    assert_int_equal(r.count, 5);
    assert_string_equal(r.lines[2].name, "ack_p99_us");
    assert_true(r.lines[2].value > 63.9 && r.lines[2].value < 64.1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_stand_in_json_in_their_order),
        cmocka_unit_test(times_are_told_in_microseconds_when_there_are_any),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
