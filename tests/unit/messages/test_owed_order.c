/* SPDX-License-Identifier: Apache-2.0 */
/* An older message that is owed and a newer one of its topic: which goes first, and which is
 * dropped. */
#include <string.h>

#include "tests/unit/messages/owed_fixture.h"

/* The live one replaces nothing: both come, in their order. */
static void before_a_newer_one(struct fixture *f, int retained)
{
    int topic;

    stop_after(f, retained, 5);
    topic = last_of(f, retained);
    say(f, topic, "new", 0);
    assert_int_equal(f->d.count, 7);
    assert_int_equal(f->d.seen[5].topic, topic);
    assert_int_equal(f->d.seen[5].payload, 'o');
    assert_true(f->d.seen[5].retain);
    assert_int_equal(f->d.seen[6].payload, 'n');
    assert_false(f->d.seen[6].retain);
    say(f, topic, "new", 0);
    drain(f);
    assert_all_once(f, 0, retained);
    assert_int_equal(times(f, topic, 'n'), 2);
}

static void an_older_one_of_few_goes_before_a_newer_message(void **state)
{
    before_a_newer_one(*state, 20);
}

static void an_older_one_of_many_goes_before_a_newer_message(void **state)
{
    before_a_newer_one(*state, TOPICS);
}

static void an_older_one_goes_before_a_newer_message_of_a_full_half(void **state)
{
    struct fixture *f = *state;

    keep_many(f, 600, 1);
    attach(f);
    subscribe(f, "t/#", 1);
    assert_int_equal(f->d.session->queued_count, QUEUED / 2);
    say(f, 599, "new", 1);
    assert_int_equal(f->d.session->queued_count, QUEUED / 2 + 2);
    acknowledge(f);
    assert_all_once(f, 0, 600);
    assert_int_equal(first_of(f, 599)->payload, 'o');
    assert_int_equal(times(f, 599, 'n'), 1);
    assert_int_equal(f->drops, 0);
}

/* More than half of the queue waits, with room for so many more. */
static void leave_room_for(struct fixture *f, unsigned count)
{
    keep_many(f, 600, 1);
    attach(f);
    subscribe(f, "t/#", 1);
    while (f->d.session->queued_count < QUEUED - count)
        say(f, 700, "live", 1);
}

static void an_older_one_goes_first_into_the_last_places(void **state)
{
    struct fixture *f = *state;

    leave_room_for(f, 2);
    say(f, 599, "new", 1);
    assert_int_equal(f->drops, 0);
    acknowledge(f);
    assert_all_once(f, 0, 600);
    assert_int_equal(first_of(f, 599)->payload, 'o');
    assert_int_equal(times(f, 599, 'n'), 1);
}

static void an_older_one_takes_no_place_from_a_newer_message(void **state)
{
    struct fixture *f = *state;

    leave_room_for(f, 1);
    say(f, 599, "new", 1);
    assert_int_equal(f->drops, 1);
    acknowledge(f);
    assert_all_once(f, 0, 599);
    assert_int_equal(times(f, 599, 'o'), 0);
    assert_int_equal(times(f, 599, 'n'), 1);
}

/* The newer one is dropped itself: nothing stands before the older one. */
static void an_older_one_comes_when_there_was_no_room_for_the_newer(void **state)
{
    struct fixture *f = *state;

    leave_room_for(f, 0);
    say(f, 599, "new", 1);
    assert_int_equal(f->drops, 1);
    acknowledge(f);
    assert_all_once(f, 0, 600);
    assert_int_equal(times(f, 599, 'n'), 0);
}

/* So is one of another QoS: there is no order between them. */
static void an_older_one_may_follow_a_message_of_another_qos(void **state)
{
    struct fixture *f = *state;

    leave_room_for(f, 0);
    say(f, 599, "new", 0);
    assert_int_equal(f->drops, 0);
    acknowledge(f);
    assert_all_once(f, 0, 600);
    assert_int_equal(first_of(f, 599)->payload, 'n');
}

/* What half of the bytes holds waits; the other half takes either of the two, or both. */
static void large_before_small(struct fixture *f, size_t spare, unsigned drops)
{
    char large[1001] = {0};
    const struct mrl_publication older = {.topic = MRL_LIT("t/1"),
                                          .payload = {(uint8_t *)large, 1000}};
    const struct mrl_publication newer = {.topic = MRL_LIT("t/1"), .payload = MRL_LIT("new")};

    memset(large, 'o', 1000);
    f->limits.queued_messages = 100;
    f->limits.queued_bytes =
        2 * mrl_publication_size(&older) + mrl_publication_size(&newer) + spare - 1;
    for (int i = 0; i < 9; i++)
        keep(f, i, large, 1);
    attach(f);
    subscribe(f, "t/#", 1);
    assert_int_equal(f->d.session->queued_count, 1);
    say(f, 8, "new", 1);
    assert_int_equal(f->drops, drops);
    acknowledge(f);
    assert_all_once(f, 0, 8);
    assert_int_equal(times(f, 8, 'o'), 1 - drops);
    assert_int_equal(times(f, 8, 'n'), 1);
}

static void a_large_older_one_goes_before_a_small_one_when_both_have_room(void **state)
{
    large_before_small(*state, 1, 0);
}

static void a_large_older_one_does_not_follow_a_small_one(void **state)
{
    large_before_small(*state, 0, 1);
}

static void an_older_one_goes_before_what_waits_for_a_client_that_is_away(void **state)
{
    struct fixture *f = *state;

    keep_many(f, 600, 1);
    attach(f);
    subscribe(f, "t/#", 1);
    mrl_session_detach(f->d.session, MRL_DETACH_CLEAN);
    f->d.asked = f->d.count;
    say(f, 599, "new", 1);
    assert_true(attach(f));
    acknowledge(f);
    assert_int_equal(times(f, 599, 'o'), 1);
    assert_int_equal(times(f, 599, 'n'), 1);
    assert_int_equal(first_of(f, 599)->payload, 'o');
    assert_int_equal(f->drops, 0);
}

static void what_was_missed_goes_before_a_newer_message(void **state)
{
    struct fixture *f = *state;

    stop_after(f, 600, 5);
    mrl_session_detach(f->d.session, MRL_DETACH_CLEAN);
    keep(f, 599, "missed", 0);
    assert_true(attach(f));
    f->d.written = f->d.much;
    say(f, 599, "new", 0);
    assert_int_equal(first_of(f, 599)->payload, 'm');
    drain(f);
    assert_int_equal(times(f, 599, 'm'), 1);
    assert_int_equal(times(f, 599, 'n'), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_older_one_of_few_goes_before_a_newer_message),
        CASE(an_older_one_of_many_goes_before_a_newer_message),
        CASE(an_older_one_goes_before_a_newer_message_of_a_full_half),
        CASE(an_older_one_goes_first_into_the_last_places),
        CASE(an_older_one_takes_no_place_from_a_newer_message),
        CASE(an_older_one_comes_when_there_was_no_room_for_the_newer),
        CASE(an_older_one_may_follow_a_message_of_another_qos),
        CASE(a_large_older_one_goes_before_a_small_one_when_both_have_room),
        CASE(a_large_older_one_does_not_follow_a_small_one),
        CASE(an_older_one_goes_before_what_waits_for_a_client_that_is_away),
        CASE(what_was_missed_goes_before_a_newer_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
