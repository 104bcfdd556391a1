/* SPDX-License-Identifier: Apache-2.0 */
#include "net/pace.h"

#include "tests/unit/unit.h"

#define MS UINT64_C(1000000)
#define MOST MS

enum { SERVED_AT_ONCE = 300, CROWDED = 301 }; /* ready in a hundred turns */
enum { ALONE = 150, A_FEW = 151 };
enum { BUSY = 57, TIGHT = 58 }; /* percent of a processor */
enum { HALF_A_SECOND = 50 };    /* judgements */

/* So many judgements in which the loop uses this part of a processor. */
static void live(struct mrl_pace *p, unsigned judgements, unsigned percent, unsigned ready)
{
    for (unsigned i = 0; i < judgements; i++) {
        uint64_t now = p->judged_ns + 10 * MS;

        for (unsigned turn = 0; turn < 100; turn++)
            mrl_pace_count(p, turn < 99 ? ready / 100 : ready - ready / 100 * 99);
        assert_true(mrl_pace_is_due(p, now) && !mrl_pace_is_due(p, now - 1));
        mrl_pace_judge(p, now, p->cpu_ns + MS * percent / 10);
        assert_true(p->apart_ns <= p->most_ns);
    }
}

static struct mrl_pace gathering(void)
{
    struct mrl_pace p = {.most_ns = MOST};

    live(&p, HALF_A_SECOND + 20, BUSY, CROWDED);
    assert_int_equal(mrl_pace_wait(&p, 0), MOST);
    return p;
}

static void a_loop_told_nothing_never_waits(void **state)
{
    struct mrl_pace p = {0};

    (void)state;
    live(&p, 500, 100, CROWDED);
    assert_int_equal(mrl_pace_wait(&p, 0), 0);
}

static void who_serves_each_at_once_never_waits_however_busy(void **state)
{
    struct mrl_pace p = {.most_ns = MOST};

    (void)state;
    live(&p, 500, 100, ALONE);
    assert_int_equal(mrl_pace_wait(&p, 0), 0);
    live(&p, 500, BUSY, SERVED_AT_ONCE);
    assert_int_equal(mrl_pace_wait(&p, 0), 0);
}

/* One load can settle in many turns with a few: it is known by what they take. */
static void a_few_at_a_turn_are_a_crowd_where_time_is_tight(void **state)
{
    struct mrl_pace p = {.most_ns = MOST};

    (void)state;
    live(&p, 500, BUSY, A_FEW);
    assert_int_equal(mrl_pace_wait(&p, 0), 0);
    live(&p, HALF_A_SECOND + 20, TIGHT, A_FEW);
    assert_int_equal(mrl_pace_wait(&p, 0), MOST);
    while (mrl_pace_wait(&p, 0) > 0)
        live(&p, 1, TIGHT, A_FEW);
    live(&p, 1, TIGHT, A_FEW);
    assert_int_equal(mrl_pace_wait(&p, 0), MOST);
}

static void a_crowd_that_costs_little_is_served_at_once(void **state)
{
    struct mrl_pace p = {.most_ns = MOST};

    (void)state;
    live(&p, 500, 25, 10 * CROWDED);
    assert_int_equal(mrl_pace_wait(&p, 0), 0);
}

static void one_hiccup_is_no_crowd(void **state)
{
    struct mrl_pace p = {.most_ns = MOST};

    (void)state;
    for (int i = 0; i < 10; i++) {
        live(&p, HALF_A_SECOND - 1, BUSY, CROWDED);
        assert_int_equal(mrl_pace_wait(&p, 0), 0);
        live(&p, HALF_A_SECOND - 1, BUSY, SERVED_AT_ONCE);
    }
}

static void one_lull_hides_no_crowd(void **state)
{
    struct mrl_pace p = {.most_ns = MOST};

    (void)state;
    live(&p, HALF_A_SECOND - 1, BUSY, CROWDED);
    live(&p, 1, BUSY, SERVED_AT_ONCE);
    live(&p, 1, BUSY, CROWDED);
    assert_int_equal(mrl_pace_wait(&p, 0), 0);
    live(&p, 1, BUSY, CROWDED);
    assert_in_range(mrl_pace_wait(&p, 0), 1, MS / 10);
}

static void turns_of_a_crowded_loop_move_apart_up_to_the_limit(void **state)
{
    struct mrl_pace p = gathering();

    (void)state;
    live(&p, 50, 26, CROWDED);
    assert_int_equal(mrl_pace_wait(&p, 0), MOST);
    assert_int_equal(mrl_pace_wait(&p, MS / 4), MOST - MS / 4);
}

static void turns_that_take_long_follow_each_other_at_once(void **state)
{
    struct mrl_pace p = gathering();

    (void)state;
    assert_int_equal(mrl_pace_wait(&p, MOST), 0);
    assert_int_equal(mrl_pace_wait(&p, 7 * MOST), 0);
}

static void what_gathering_saves_does_not_end_it(void **state)
{
    struct mrl_pace p = gathering();

    (void)state;
    live(&p, 50, 23, CROWDED);
    assert_int_equal(mrl_pace_wait(&p, 0), MOST);
}

/* A loop whose use follows from how long it gathers: 40 % of a processor at once, 10 at most. */
static void it_gathers_no_longer_than_it_takes(void **state)
{
    struct mrl_pace p = gathering();

    (void)state;
    for (int i = 0; i < 900; i++) {
        live(&p, 1, 40 - (unsigned)(30 * p.apart_ns / MOST), CROWDED);
        if (i >= 80 && p.apart_ns != 0) /* a look lasts one judgement */
            assert_in_range(p.apart_ns, MOST * 4 / 10, MOST * 7 / 10);
    }
}

/* The look costs a judgement without gathering, not the way up again. */
static void still_crowded_after_a_while_it_goes_on(void **state)
{
    struct mrl_pace p = gathering();
    unsigned looks = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        live(&p, 1, BUSY, CROWDED);
        looks += mrl_pace_wait(&p, 0) == 0;
        assert_true(mrl_pace_wait(&p, 0) == 0 || mrl_pace_wait(&p, 0) == MOST);
    }
    assert_in_range(looks, 9, 11);
}

/* Senders pause now and then: a look is three judgements long. */
static void one_lull_does_not_end_it(void **state)
{
    struct mrl_pace p = gathering();

    (void)state;
    while (mrl_pace_wait(&p, 0) > 0)
        live(&p, 1, BUSY, CROWDED);
    live(&p, 2, BUSY, SERVED_AT_ONCE);
    assert_int_equal(mrl_pace_wait(&p, 0), 0);
    live(&p, 1, BUSY, CROWDED);
    assert_int_equal(mrl_pace_wait(&p, 0), MOST);
}

static void no_longer_crowded_after_a_while_it_stops(void **state)
{
    struct mrl_pace p = gathering();

    (void)state;
    live(&p, 101, BUSY, SERVED_AT_ONCE);
    assert_int_equal(mrl_pace_wait(&p, 0), 0);
    live(&p, 2, BUSY, SERVED_AT_ONCE);
    live(&p, HALF_A_SECOND - 1, BUSY, CROWDED); /* too late, and too short to begin anew */
    assert_int_equal(mrl_pace_wait(&p, 0), 0);
    live(&p, 300, BUSY, SERVED_AT_ONCE);
    assert_int_equal(mrl_pace_wait(&p, 0), 0);
}

static void with_little_to_do_it_stops_waiting(void **state)
{
    struct mrl_pace p = gathering();

    (void)state;
    live(&p, 10, 5, CROWDED);
    assert_int_equal(mrl_pace_wait(&p, 0), 0);
}

/* Whoever stops soon after it has to be crowded for half a second again. */
static void a_look_that_found_a_crowd_is_over(void **state)
{
    struct mrl_pace p = gathering();

    (void)state;
    while (mrl_pace_wait(&p, 0) > 0)
        live(&p, 1, BUSY, CROWDED);
    live(&p, 1, BUSY, CROWDED);
    while (p.apart_ns > 0)
        live(&p, 1, 5, CROWDED);
    live(&p, 1, BUSY, CROWDED);
    assert_int_equal(mrl_pace_wait(&p, 0), 0);
}

/* It was busy enough for a crowd: it goes on apart though the mean has yet to follow. */
static void who_begins_to_gather_is_taken_for_busy(void **state)
{
    struct mrl_pace p = {.most_ns = MOST};
    uint64_t first;

    (void)state;
    live(&p, HALF_A_SECOND, BUSY, CROWDED);
    first = p.apart_ns;
    assert_true(first > 0);
    live(&p, 1, 26, CROWDED);
    assert_true(p.apart_ns > first);
}

static void a_wait_shorter_than_its_wake_up_is_none(void **state)
{
    struct mrl_pace p = gathering();
    const uint64_t shortest = MS / 20;

    (void)state;
    assert_int_equal(mrl_pace_wait(&p, MOST - shortest), shortest);
    assert_int_equal(mrl_pace_wait(&p, MOST - shortest + 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loop_told_nothing_never_waits),
        cmocka_unit_test(who_serves_each_at_once_never_waits_however_busy),
        cmocka_unit_test(a_few_at_a_turn_are_a_crowd_where_time_is_tight),
        cmocka_unit_test(a_crowd_that_costs_little_is_served_at_once),
        cmocka_unit_test(one_hiccup_is_no_crowd),
        cmocka_unit_test(one_lull_hides_no_crowd),
        cmocka_unit_test(turns_of_a_crowded_loop_move_apart_up_to_the_limit),
        cmocka_unit_test(turns_that_take_long_follow_each_other_at_once),
        cmocka_unit_test(what_gathering_saves_does_not_end_it),
        cmocka_unit_test(it_gathers_no_longer_than_it_takes),
        cmocka_unit_test(still_crowded_after_a_while_it_goes_on),
        cmocka_unit_test(one_lull_does_not_end_it),
        cmocka_unit_test(no_longer_crowded_after_a_while_it_stops),
        cmocka_unit_test(with_little_to_do_it_stops_waiting),
        cmocka_unit_test(a_look_that_found_a_crowd_is_over),
        cmocka_unit_test(who_begins_to_gather_is_taken_for_busy),
        cmocka_unit_test(a_wait_shorter_than_its_wake_up_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
