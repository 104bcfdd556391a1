/* SPDX-License-Identifier: Apache-2.0 */
#include "net/pace.h"

#include <stdbool.h>

#include "tests/unit/unit.h"

#define MS UINT64_C(1000000)
#define MOST MS

/* Turns of work_ns every period_ns (longer ones: back to back) for so long; the wait at the end. */
static uint64_t live(struct mrl_pace *p, uint64_t *now, uint64_t work_ns, uint64_t period_ns,
                     uint64_t for_ns)
{
    uint64_t wait = 0;

    for (uint64_t end = *now + for_ns; *now < end;) {
        uint64_t began = *now;

        wait = mrl_pace_turn(p, began, began + work_ns);
        assert_true(wait <= p->most_ns);
        *now = began + work_ns + wait;
        if (*now < began + period_ns)
            *now = began + period_ns;
    }
    return wait;
}

static void an_idle_loop_never_waits(void **state)
{
    struct mrl_pace p = {.most_ns = MOST};
    uint64_t now = MS;

    (void)state;
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(live(&p, &now, MS / 100, MS / 10, 20 * MS), 0);
}

static void a_loop_told_nothing_never_waits(void **state)
{
    struct mrl_pace p = {0};
    uint64_t now = MS;

    (void)state;
    assert_int_equal(live(&p, &now, MS / 100, 0, 100 * MS), 0);
}

static void short_turns_of_a_busy_loop_move_apart_up_to_the_limit(void **state)
{
    struct mrl_pace p = {.most_ns = MOST};
    uint64_t now = MS;

    (void)state;
    assert_int_not_equal(live(&p, &now, MS / 100, MS / 100, 30 * MS), 0);
    p.apart_ns = MOST; /* as after a while with more to do in each turn */
    assert_int_equal(mrl_pace_turn(&p, now, now + MS / 100), MOST - MS / 100);
}

static void turns_that_take_long_follow_each_other_at_once(void **state)
{
    struct mrl_pace p = {.most_ns = MOST};
    uint64_t now = MS;

    (void)state;
    assert_int_equal(live(&p, &now, 2 * MS, 0, 200 * MS), 0);
    assert_int_equal(p.apart_ns, MOST);
}

static void with_less_to_do_it_stops_waiting(void **state)
{
    struct mrl_pace p = {.most_ns = MOST, .apart_ns = MOST};
    uint64_t now = MS;

    (void)state;
    assert_int_equal(live(&p, &now, MS / 100, MS / 10, 200 * MS), 0);
    assert_int_equal(p.apart_ns, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_loop_never_waits),
        cmocka_unit_test(a_loop_told_nothing_never_waits),
        cmocka_unit_test(short_turns_of_a_busy_loop_move_apart_up_to_the_limit),
        cmocka_unit_test(turns_that_take_long_follow_each_other_at_once),
        cmocka_unit_test(with_less_to_do_it_stops_waiting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
