/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/proc.h"

#include "tests/unit/unit.h"

static void cpu_times_are_summed_without_guests(void **state)
{
    struct mrl_cpu_times t = {0};

    (void)state;
    assert_ok(mrl_proc_cpu(MRL_LIT("cpu  10 20 30 40 5 6 7 8 100 200\ncpu0 1 1 1 1\n"), &t));
    assert_int_equal(t.total, 126);
    assert_int_equal(t.idle, 45);
}

static void broken_texts_are_refused_and_change_nothing(void **state)
{
    static const mrl_bytes texts[] = {
        MRL_LIT_INIT(""),
        MRL_LIT_INIT("cpu"),
        MRL_LIT_INIT("cpu 1 2 3\n"),
        MRL_LIT_INIT("cpu0 1 2 3 4"),
        MRL_LIT_INIT("cpu 1 2 x 4"),
        MRL_LIT_INIT("cpu 1 2 3 -4"),
        MRL_LIT_INIT("cpu 1 2 3 99999999999999999999999"),
        MRL_LIT_INIT("\n\n"),
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(texts); i++) {
        struct mrl_cpu_times t = {7, 7};
        struct mrl_memory m = {7, 7};
        struct mrl_traffic n = {7, 7};
        uint64_t v = 7;
        int64_t c = 7;

        assert_int_equal(mrl_proc_cpu(texts[i], &t), MRL_ERR_MALFORMED);
        assert_int_equal(mrl_proc_memory(texts[i], &m), MRL_ERR_MALFORMED);
        assert_int_equal(mrl_proc_traffic(texts[i], &n), MRL_ERR_MALFORMED);
        assert_int_equal(mrl_proc_load(texts[i], &v), MRL_ERR_MALFORMED);
        assert_int_equal(mrl_proc_uptime(texts[i], &v), MRL_ERR_MALFORMED);
        assert_int_equal(mrl_proc_temperature(texts[i], &c), MRL_ERR_MALFORMED);
        assert_true(t.total == 7 && m.total_bytes == 7 && n.sent_bytes == 7 && v == 7 && c == 7);
    }
}

static void busy_time_is_a_share_and_survives_clocks_that_go_back(void **state)
{
    static const struct {
        struct mrl_cpu_times before, now;
        unsigned tenths;
    } cases[] = {
        {{100, 50}, {200, 100}, 500}, {{100, 50}, {200, 50}, 1000}, {{100, 50}, {200, 150}, 0},
        {{100, 50}, {100, 50}, 0},    {{200, 50}, {100, 40}, 0},    {{100, 50}, {200, 40}, 1000},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cases); i++)
        assert_int_equal(mrl_proc_busy(&cases[i].before, &cases[i].now), cases[i].tenths);
}

static void load_and_uptime_are_read(void **state)
{
    uint64_t v;

    (void)state;
    assert_ok(mrl_proc_load(MRL_LIT("0.52 0.58 0.59 1/389 2641\n"), &v));
    assert_int_equal(v, 52);
    assert_ok(mrl_proc_load(MRL_LIT("128.05 1.00 1.00 1/1 1\n"), &v));
    assert_int_equal(v, 12805);
    assert_ok(mrl_proc_uptime(MRL_LIT("350735.47 234388.90\n"), &v));
    assert_int_equal(v, 350735);
    assert_int_equal(mrl_proc_uptime(MRL_LIT("1.x 2\n"), &v), MRL_ERR_MALFORMED);
}

static void memory_needs_both_lines_in_kilobytes(void **state)
{
    struct mrl_memory m;

    (void)state;
    assert_ok(mrl_proc_memory(
        MRL_LIT("MemTotal:       16384 kB\nMemFree: 1 kB\nMemAvailable:    4096 kB\n"), &m));
    assert_int_equal(m.total_bytes, 16384 * 1024);
    assert_int_equal(m.available_bytes, 4096 * 1024);
    assert_int_equal(mrl_proc_memory(MRL_LIT("MemTotal: 1 kB\n"), &m), MRL_ERR_MALFORMED);
    assert_int_equal(mrl_proc_memory(MRL_LIT("MemTotal: 1 MB\nMemAvailable: 1 kB\n"), &m),
                     MRL_ERR_MALFORMED);
}

#define HEAD                                                                         \
    "Inter-|   Receive                                                |  Transmit\n" \
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs\n"

static void traffic_leaves_out_loopback(void **state)
{
    struct mrl_traffic t;

    (void)state;
    assert_ok(mrl_proc_traffic(MRL_LIT(HEAD "    lo: 900 1 0 0 0 0 0 0 900 1 0 0 0 0 0 0\n"
                                            "  eth0: 100 1 0 0 0 0 0 0 200 1 0 0 0 0 0 0\n"
                                            " wlan0:  10 1 0 0 0 0 0 0  20 1 0 0 0 0 0 0\n"),
                               &t));
    assert_int_equal(t.received_bytes, 110);
    assert_int_equal(t.sent_bytes, 220);
    assert_int_equal(mrl_proc_traffic(MRL_LIT(HEAD "eth0: 1 2 3\n"), &t), MRL_ERR_MALFORMED);
}

static void temperature_may_be_below_zero_but_not_absurd(void **state)
{
    int64_t v;

    (void)state;
    assert_ok(mrl_proc_temperature(MRL_LIT("48312\n"), &v));
    assert_int_equal(v, 48312);
    assert_ok(mrl_proc_temperature(MRL_LIT("-5000\n"), &v));
    assert_int_equal(v, -5000);
    assert_ok(mrl_proc_temperature(MRL_LIT("300000"), &v));
    assert_int_equal(mrl_proc_temperature(MRL_LIT("300001"), &v), MRL_ERR_MALFORMED);
    assert_ok(mrl_proc_temperature(MRL_LIT("-100000"), &v));
    assert_int_equal(mrl_proc_temperature(MRL_LIT("-100001"), &v), MRL_ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cpu_times_are_summed_without_guests),
        cmocka_unit_test(broken_texts_are_refused_and_change_nothing),
        cmocka_unit_test(busy_time_is_a_share_and_survives_clocks_that_go_back),
        cmocka_unit_test(load_and_uptime_are_read),
        cmocka_unit_test(memory_needs_both_lines_in_kilobytes),
        cmocka_unit_test(traffic_leaves_out_loopback),
        cmocka_unit_test(temperature_may_be_below_zero_but_not_absurd),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
