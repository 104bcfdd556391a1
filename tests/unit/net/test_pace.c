/* SPDX-License-Identifier: Apache-2.0 */
#include "net/pace.h"

#include "tests/unit/unit.h"

#define MS UINT64_C(1000000)
#define MOST MS

/* So many periods of judging in which the loop uses this part of a processor. */
static void live(struct mrl_pace *p, unsigned periods, unsigned percent)
{
    for (unsigned i = 0; i < periods; i++) {
        uint64_t now = p->judged_ns + 10 * MS;

        assert_true(mrl_pace_is_due(p, now) && !mrl_pace_is_due(p, now - 1));
        mrl_pace_judge(p, now, p->cpu_ns + MS * percent / 10);
        assert_true(p->apart_ns <= p->most_ns);
    }
}

static void an_idle_loop_never_waits(void **state)
{
    struct mrl_pace p = {.most_ns = MOST};

    (void)state;
    live(&p, 50, 25);
    assert_int_equal(mrl_pace_wait(&p, 0), 0);
}

static void a_loop_told_nothing_never_waits(void **state)
{
    struct mrl_pace p = {0};

    (void)state;
    live(&p, 50, 100);
    assert_int_equal(mrl_pace_wait(&p, 0), 0);
}

static void turns_of_a_busy_loop_move_apart_up_to_the_limit(void **state)
{
    struct mrl_pace p = {.most_ns = MOST};

    (void)state;
    live(&p, 1, 26);
    assert_in_range(mrl_pace_wait(&p, 0), 1, MS / 10);
    live(&p, 50, 26);
    assert_int_equal(mrl_pace_wait(&p, 0), MOST);
    assert_int_equal(mrl_pace_wait(&p, MS / 4), MOST - MS / 4);
}

static void turns_that_take_long_follow_each_other_at_once(void **state)
{
    struct mrl_pace p = {.most_ns = MOST};

    (void)state;
    live(&p, 50, 100);
    assert_int_equal(mrl_pace_wait(&p, MOST), 0);
    assert_int_equal(mrl_pace_wait(&p, 7 * MOST), 0);
}

static void what_gathering_saves_does_not_end_it(void **state)
{
    struct mrl_pace p = {.most_ns = MOST};

    (void)state;
    live(&p, 50, 30);
    live(&p, 50, 15);
    assert_int_equal(mrl_pace_wait(&p, 0), MOST);
}

static void with_less_to_do_it_stops_waiting(void **state)
{
    struct mrl_pace p = {.most_ns = MOST};

    (void)state;
    live(&p, 50, 100);
    live(&p, 10, 5);
    assert_int_equal(mrl_pace_wait(&p, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_loop_never_waits),
        cmocka_unit_test(a_loop_told_nothing_never_waits),
        cmocka_unit_test(turns_of_a_busy_loop_move_apart_up_to_the_limit),
        cmocka_unit_test(turns_that_take_long_follow_each_other_at_once),
        cmocka_unit_test(what_gathering_saves_does_not_end_it),
        cmocka_unit_test(with_less_to_do_it_stops_waiting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
