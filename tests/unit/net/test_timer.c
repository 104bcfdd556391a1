/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/random.h"
#include "net/timer.h"
#include "tests/unit/unit.h"

enum { MANY = 1000000, START_MS = 123456789 };

struct alarm {
    struct mrl_timer timer;
    uint64_t due_ms;
    unsigned fired;
};
static uint64_t now_ms;
static unsigned early, late, total;

static void note(struct mrl_timer *t)
{
    struct alarm *a = MRL_CONTAINER(t, struct alarm, timer);

    a->fired++;
    total++;
    early += now_ms < a->due_ms;
    late += now_ms > a->due_ms + UINT64_C(2) * MRL_TIMER_TICK_MS;
}

static void set_alarm(struct mrl_timers *w, struct alarm *a, uint64_t after_ms)
{
    a->timer.fire = note;
    a->due_ms = now_ms + after_ms;
    mrl_timer_set(w, &a->timer, now_ms, after_ms);
}

static void start(struct mrl_timers *w)
{
    now_ms = START_MS;
    early = late = total = 0;
    mrl_timers_init(w, now_ms);
}

/* As the loop does it: sleep no longer than told, then advance. */
static void pass(struct mrl_timers *w, uint64_t until_ms)
{
    while (now_ms < until_ms && w->count > 0) {
        int wait = mrl_timers_wait_ms(w, now_ms);

        assert_true(wait >= 0);
        now_ms += wait > 0 ? (uint64_t)wait : 1;
        mrl_timers_advance(w, now_ms);
    }
}

static void a_million_timers_fire_once_each_and_never_early(void **state)
{
    static struct mrl_timers w;
    struct alarm *alarms = calloc(MANY, sizeof(*alarms));

    (void)state;
    assert_non_null(alarms);
    start(&w);
    for (size_t i = 0; i < MANY; i++)
        set_alarm(&w, &alarms[i], i % 1000 == 0 ? i * 86400 : mrl_random_below(700000));
    for (size_t i = 0; i < MANY; i += 2)
        mrl_timer_cancel(&alarms[i].timer);
    assert_int_equal(w.count, MANY / 2);
    pass(&w, START_MS + 800000);
    assert_int_equal(total, MANY / 2);
    assert_int_equal(early, 0);
    assert_int_equal(late, 0);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(alarms[i].fired, i % 2);
    free(alarms);
}

static void far_timers_of_every_level_are_on_time(void **state)
{
    static const uint64_t after[] = {0,       9,       10,       2549,     2560,      2570,
                                     655359,  655360,  655370,   86400000, 167772160, 167772170,
                                     9999999, 5000000, 31536000, 1,        20,        2561};
    static struct mrl_timers w;
    struct alarm alarms[MRL_COUNT(after)] = {0};

    (void)state;
    start(&w);
    for (size_t i = 0; i < MRL_COUNT(after); i++)
        set_alarm(&w, &alarms[i], after[i]);
    pass(&w, START_MS + UINT64_C(200000000));
    assert_int_equal(total, MRL_COUNT(after));
    assert_int_equal(early, 0);
    assert_int_equal(late, 0);
    assert_int_equal(mrl_timers_wait_ms(&w, now_ms), -1);
}

static struct alarm again, victim;
static struct mrl_timers *wheel;

static void set_and_cancel(struct mrl_timer *t)
{
    note(t);
    mrl_timer_cancel(&victim.timer);
    if (again.fired < 5)
        mrl_timer_set(wheel, t, now_ms, 0);
}

static void a_timer_that_fires_may_set_itself_and_cancel_others(void **state)
{
    static struct mrl_timers w;

    (void)state;
    start(&w);
    wheel = &w;
    again = (struct alarm){.timer.fire = set_and_cancel};
    again.due_ms = now_ms;
    mrl_timer_set(&w, &again.timer, now_ms, 50);
    set_alarm(&w, &victim, 50);
    mrl_timers_advance(&w, now_ms + 100); /* five times within one turn, not for ever */
    assert_true(again.fired >= 1);
    now_ms += 100;
    pass(&w, now_ms + 1000);
    assert_int_equal(again.fired, 5);
    assert_int_equal(victim.fired, 0);
    assert_int_equal(w.count, 0);
}

static void a_long_sleep_is_caught_up_in_order(void **state)
{
    static struct mrl_timers w;
    struct alarm a = {0}, b = {0};

    (void)state;
    start(&w);
    set_alarm(&w, &a, 1000);
    set_alarm(&w, &b, 3600000);
    now_ms += 7200000;
    mrl_timers_advance(&w, now_ms);
    assert_int_equal(a.fired, 1);
    assert_int_equal(b.fired, 1);
    assert_false(mrl_timer_is_set(&a.timer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_timers_fire_once_each_and_never_early),
        cmocka_unit_test(far_timers_of_every_level_are_on_time),
        cmocka_unit_test(a_timer_that_fires_may_set_itself_and_cancel_others),
        cmocka_unit_test(a_long_sleep_is_caught_up_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
