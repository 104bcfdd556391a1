/* SPDX-License-Identifier: Apache-2.0 */
/* What happens while retained messages are owed: to them, to the subscription, to the session. */
#include "tests/unit/messages/owed_fixture.h"

/* Both ways: among few that were found at once, and among many that are walked along. */
static void replaced_and_removed(struct fixture *f, int retained)
{
    int replaced, removed, expired;

    stop_after(f, retained, 5);
    replaced = last_of(f, retained);
    keep(f, replaced, "new", 0);
    removed = last_of(f, replaced);
    keep(f, removed, "", 0);
    expired = last_of(f, removed);
    expire(keep_a_while(f, expired, "x"));
    drain(f);
    assert_int_equal(times(f, replaced, 'o'), 0);
    assert_int_equal(times(f, replaced, 'n'), 1);
    assert_int_equal(times(f, removed, 'o'), 0);
    assert_int_equal(times(f, expired, 'o'), 0);
    assert_int_equal(times(f, expired, 'x'), 1);
    for (int i = 0; i < retained; i++)
        assert_true(times(f, i, 'o') == 1 || i == replaced || i == removed || i == expired);
}

static void what_is_replaced_or_removed_meanwhile_is_left_out_of_few(void **state)
{
    replaced_and_removed(*state, 20);
}

static void what_is_replaced_or_removed_meanwhile_is_left_out_of_many(void **state)
{
    replaced_and_removed(*state, TOPICS);
}

static void what_expires_meanwhile_is_left_out(void **state)
{
    struct fixture *f = *state;
    struct mrl_publication *short_lived[10];

    for (int i = 0; i < 10; i++)
        short_lived[i] = keep_a_while(f, i, "old");
    attach(f);
    f->d.much = 5;
    subscribe(f, "t/#", 0);
    for (int i = 0; i < 10; i++)
        expire(short_lived[i]);
    drain(f);
    assert_int_equal(f->d.count, 5);
    assert_null(f->d.session->owing);
}

static void it_ends_with_the_subscription(void **state)
{
    struct fixture *f = *state;

    stop_after(f, TOPICS, 5);
    assert_ok(mrl_session_unsubscribe(f->d.session, MRL_LIT("t/#")));
    drain(f);
    assert_int_equal(f->d.count, 5);
    assert_null(f->d.session->owing);
}

static void it_ends_with_the_right_to_subscribe(void **state)
{
    struct fixture *f = *state;

    stop_after(f, TOPICS, 5);
    f->denied = true;
    mrl_hub_rejudge(f->hub, KIND, MRL_LIT("d"));
    drain(f);
    assert_int_equal(f->d.count, 5);
}

static void what_waits_goes_at_the_qos_that_is_granted_then(void **state)
{
    struct fixture *f = *state;
    unsigned at_qos_1 = 0;

    keep_many(f, 20, 1);
    attach(f);
    subscribe(f, "t/#", 1);
    f->lowered = true;
    mrl_hub_rejudge(f->hub, KIND, MRL_LIT("d"));
    acknowledge(f);
    assert_all_once(f, 0, 20);
    for (size_t i = 0; i < f->d.count; i++)
        at_qos_1 += f->d.seen[i].qos == 1;
    assert_int_equal(at_qos_1, IN_FLIGHT + QUEUED / 2);
}

static void subscribe_again(struct fixture *f, uint8_t handling)
{
    stop_after(f, 600, 5);
    subscribe_with(f, "t/#",
                   &(struct mrl_subscribe_options){.retain_handling = handling, .identifier = 7});
    drain(f);
}

static void the_same_filter_begins_again(void **state)
{
    struct fixture *f = *state;

    subscribe_again(f, 0);
    assert_int_equal(f->d.count, 605);
    assert_int_equal(f->d.seen[5].identifier, 7);
}

static void the_same_filter_goes_on_when_only_a_new_one_gets_retained_messages(void **state)
{
    struct fixture *f = *state;

    subscribe_again(f, 1);
    assert_all_once(f, 0, 600);
    assert_int_equal(f->d.count, 600);
    assert_int_equal(f->d.seen[5].identifier, 7);
}

static void the_same_filter_ends_it_when_no_retained_messages_are_wanted(void **state)
{
    struct fixture *f = *state;

    subscribe_again(f, 2);
    assert_int_equal(f->d.count, 5);
}

static void it_goes_on_when_the_client_is_back(void **state)
{
    struct fixture *f = *state;

    stop_after(f, 600, 5);
    mrl_session_detach(f->d.session, MRL_DETACH_CLEAN);
    turns(f);
    f->d.written = 0;
    assert_true(attach(f));
    drain(f);
    assert_all_once(f, 0, 600);
    assert_int_equal(f->d.count, 600);
}

/* The connection ended before SUBACK left, which would have let them go. */
static void they_come_to_a_client_that_is_back_without_its_suback(void **state)
{
    const struct mrl_subscribe_options o = {0};
    struct fixture *f = *state;
    bool existed;

    keep_many(f, 20, 0);
    attach(f);
    assert_ok(mrl_session_subscribe(f->d.session, MRL_LIT("t/#"), &o, &existed));
    turns(f);
    assert_int_equal(f->d.count, 0);
    mrl_session_detach(f->d.session, MRL_DETACH_CLEAN);
    assert_true(attach(f));
    turns(f);
    assert_int_equal(f->d.count, 20);
    assert_all_once(f, 0, 20);
    assert_null(f->d.session->owing);
}

/* Its client is away, and misses what is of QoS 0. */
static void missed(struct fixture *f, int retained)
{
    int last = retained - 1;

    keep_many(f, retained, 1);
    attach(f);
    subscribe(f, "t/#", 1);
    mrl_session_detach(f->d.session, MRL_DETACH_CLEAN);
    f->d.asked = f->d.count;
    keep(f, last, "first", 0);
    keep(f, last, "new", 0);
    keep(f, last - 1, "new", 1);
    keep(f, last - 2, "", 0);
    assert_true(attach(f));
    keep(f, last - 3, "new", 0);
    acknowledge(f);
    assert_int_equal(times(f, last, 'n'), 1);
    assert_true(first_of(f, last)->retain);
    assert_int_equal(times(f, last - 1, 'n'), 1);
    assert_false(first_of(f, last - 1)->retain);
    assert_int_equal(times(f, last - 3, 'n'), 1);
    assert_false(first_of(f, last - 3)->retain);
    for (int i = IN_FLIGHT; i < retained; i++)
        assert_int_equal(times(f, i, 'o'), i < last - 3);
    assert_int_equal(times(f, last, 'f') + times(f, last - 2, '-'), 0);
    assert_int_equal(f->drops, 0);
    assert_null(f->d.session->owing);
}

static void what_replaced_one_of_few_comes_to_who_was_away(void **state)
{
    missed(*state, 20);
}

static void what_replaced_one_of_many_comes_to_who_was_away(void **state)
{
    missed(*state, 600);
}

static void it_goes_on_with_the_connection_that_takes_over(void **state)
{
    struct fixture *f = *state;

    keep_many(f, 600, 1);
    attach(f);
    subscribe(f, "t/#", 1);
    assert_true(attach(f));
    f->d.asked = f->d.count - IN_FLIGHT; /* what was in flight came again */
    acknowledge(f);
    for (int i = 0; i < 600; i++)
        assert_int_equal(times(f, i, 'o'), i < IN_FLIGHT ? 2 : 1);
}

/* Sanitizers see what is not freed. */
static void a_session_that_ends_owes_nothing(void **state)
{
    struct fixture *f = *state;

    stop_after(f, TOPICS, 5);
    say(f, last_of(f, TOPICS), "new", 0);
    mrl_session_drained(f->d.session);
    assert_ok(mrl_session_set_expiry(f->d.session, 0));
    mrl_session_detach(f->d.session, MRL_DETACH_CLEAN);
    turns(f);
    assert_int_equal(f->d.count, 7);
    assert_int_equal(mrl_hub_session_count(f->hub), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_replaced_or_removed_meanwhile_is_left_out_of_few),
        CASE(what_is_replaced_or_removed_meanwhile_is_left_out_of_many),
        CASE(what_expires_meanwhile_is_left_out),
        CASE(it_ends_with_the_subscription),
        CASE(it_ends_with_the_right_to_subscribe),
        CASE(what_waits_goes_at_the_qos_that_is_granted_then),
        CASE(the_same_filter_begins_again),
        CASE(the_same_filter_goes_on_when_only_a_new_one_gets_retained_messages),
        CASE(the_same_filter_ends_it_when_no_retained_messages_are_wanted),
        CASE(it_goes_on_when_the_client_is_back),
        CASE(they_come_to_a_client_that_is_back_without_its_suback),
        CASE(what_replaced_one_of_few_comes_to_who_was_away),
        CASE(what_replaced_one_of_many_comes_to_who_was_away),
        CASE(it_goes_on_with_the_connection_that_takes_over),
        CASE(a_session_that_ends_owes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
