/* SPDX-License-Identifier: Apache-2.0 */
/* What looking for what is owed costs, who pays for it, and what of it is counted. */
#include "messages/owed.h"

#include "tests/unit/messages/owed_fixture.h"

/* Below t are more than are searched, and nothing matches. */
static void a_filter_that_matches_nothing_costs_no_more_than_its_subscriber_may_look(void **state)
{
    struct fixture *f = *state;

    keep_many(f, TOPICS, 0);
    attach(f);
    f->looks = 10000;
    for (int i = 0; i < 100; i++) {
        subscribe(f, "t/+/none", 0);
        turns(f);
    }
    assert_in_range(f->looked, f->looks, f->looks + MRL_RETAINED_SEARCH_MOST - 1);
    assert_non_null(f->d.session->owing);
    f->looks = SIZE_MAX;
    while (f->d.session->owing != NULL)
        assert_ok(mrl_loop_turn(f->loop, 10));
    assert_int_equal(f->d.count, 0);
}

static void one_subscribe_that_repeats_its_filter_costs_no_more_either(void **state)
{
    const struct mrl_subscribe_options o = {0};
    struct fixture *f = *state;
    bool existed;

    keep_many(f, TOPICS, 0);
    attach(f);
    f->looks = 10000;
    for (int i = 0; i < 100; i++)
        assert_ok(mrl_session_subscribe(f->d.session, MRL_LIT("t/+/none"), &o, &existed));
    for (int i = 0; i < 100; i++)
        mrl_session_send_retained(f->d.session, MRL_LIT("t/+/none"));
    turns(f);
    assert_in_range(f->looked, f->looks, f->looks + MRL_RETAINED_SEARCH_MOST - 1);
}

static void all_come_however_seldom_it_may_look(struct fixture *f, int retained)
{
    keep_many(f, retained, 0);
    attach(f);
    f->seldom = true;
    subscribe(f, "t/#", 0);
    turns_until(f, (size_t)retained);
    turns(f);
    assert_int_equal(f->d.count, retained);
    assert_all_once(f, 0, retained);
    assert_int_equal(f->drops, 0);
}

static void all_that_are_searched_come_however_seldom_it_may_look(void **state)
{
    all_come_however_seldom_it_may_look(*state, 1000);
}

static void all_that_are_walked_along_come_however_seldom_it_may_look(void **state)
{
    all_come_however_seldom_it_may_look(*state, TOPICS);
}

/* A place a level, and one for the root. */
static void what_is_below_the_filter_is_looked_at_and_nothing_else(void **state)
{
    struct fixture *f = *state;

    keep_many(f, TOPICS, 0);
    attach(f);
    subscribe(f, "t/7", 0);
    subscribe(f, "none/+/#", 0);
    assert_int_equal(f->looked, 3 + 1);
    assert_int_equal(f->d.count, 1);
}

static void nobody_looks_for_a_client_that_is_away(void **state)
{
    struct fixture *f = *state;
    size_t before;

    stop_after(f, TOPICS, FEW);
    f->d.written = 0;
    mrl_session_drained(f->d.session);
    before = f->looked;
    mrl_session_detach(f->d.session, MRL_DETACH_CLEAN);
    turns(f);
    assert_int_equal(f->looked, before);
    assert_true(attach(f));
    drain(f);
    assert_all_once(f, 0, TOPICS);
}

static void assert_owed(const struct fixture *f, size_t subscriptions, size_t found)
{
    const struct mrl_retained_owed *owed = mrl_retained_owed(f->retained);

    assert_int_equal(owed->subscriptions, subscriptions);
    assert_int_equal(owed->found, found);
}

static void what_is_owed_is_counted(void **state)
{
    struct fixture *f = *state;

    stop_after(f, 600, 5);
    assert_owed(f, 1, FEW - 5);
    subscribe(f, "t/+", 0);
    assert_owed(f, 2, 2 * FEW - 5);
    assert_ok(mrl_session_unsubscribe(f->d.session, MRL_LIT("t/+")));
    assert_owed(f, 1, FEW - 5);
    drain(f);
    assert_owed(f, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_filter_that_matches_nothing_costs_no_more_than_its_subscriber_may_look),
        CASE(one_subscribe_that_repeats_its_filter_costs_no_more_either),
        CASE(all_that_are_searched_come_however_seldom_it_may_look),
        CASE(all_that_are_walked_along_come_however_seldom_it_may_look),
        CASE(what_is_below_the_filter_is_looked_at_and_nothing_else),
        CASE(nobody_looks_for_a_client_that_is_away),
        CASE(what_is_owed_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
