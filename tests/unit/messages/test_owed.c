/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/owed.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/messages/owed_fixture.h"

static void all_come_once_at_qos_0_however_little_is_taken(void **state)
{
    struct fixture *f = *state;

    keep_many(f, TOPICS, 0);
    attach(f);
    f->d.much = 7;
    subscribe(f, "t/#", 0);
    turns(f);
    assert_int_equal(f->d.count, 7);
    drain(f);
    assert_int_equal(f->d.count, TOPICS);
    assert_all_once(f, 0, TOPICS);
    assert_true(f->d.seen[TOPICS - 1].retain);
    assert_int_equal(f->drops, 0);
}

static void one_turn_hands_over_one_portion(void **state)
{
    struct fixture *f = *state;

    keep_many(f, FEW + 1, 0);
    attach(f);
    subscribe(f, "t/#", 0);
    assert_int_equal(f->d.count, FEW);
    turns(f);
    assert_int_equal(f->d.count, FEW + 1);
}

static void few_go_at_once(void **state)
{
    struct fixture *f = *state;

    keep_many(f, FEW, 0);
    attach(f);
    subscribe(f, "t/#", 0);
    assert_int_equal(f->d.count, FEW);
    assert_null(f->d.session->owing);
}

static void half_of_the_queue_is_left_to_others(void **state)
{
    struct fixture *f = *state;

    keep_many(f, 600, 1);
    attach(f);
    subscribe(f, "t/#", 1);
    turns(f);
    assert_int_equal(f->d.count, IN_FLIGHT);
    assert_int_equal(f->d.session->queued_count, QUEUED / 2);
    for (int i = 0; i < QUEUED / 2; i++)
        say(f, 700, "live", 1);
    assert_int_equal(f->drops, 0);
    say(f, 700, "live", 1);
    assert_int_equal(f->drops, 1);
    acknowledge(f);
    assert_all_once(f, 0, 600);
    assert_int_equal(times(f, 700, 'l'), QUEUED / 2);
    assert_int_equal(f->drops, 1);
}

static void half_of_the_bytes_are_left_to_others(void **state)
{
    struct fixture *f = *state;
    char payload[1001] = {0};
    const struct mrl_publication one = {.topic = MRL_LIT("t/1"),
                                        .payload = {(uint8_t *)payload, 1000}};

    memset(payload, 'o', 1000);
    f->limits.queued_bytes = 4 * mrl_publication_size(&one);
    for (int i = 0; i < 9; i++)
        keep(f, i, payload, 1);
    attach(f);
    subscribe(f, "t/#", 1);
    assert_int_equal(f->d.session->queued_count, 2);
    acknowledge(f);
    assert_all_once(f, 0, 9);
    assert_int_equal(f->drops, 0);
}

/* A queue of one has no half. */
static void a_queue_of_one_is_enough(void **state)
{
    struct fixture *f = *state;

    f->limits.queued_messages = 1;
    keep_many(f, 600, 1);
    attach(f);
    subscribe(f, "t/#", 1);
    acknowledge(f);
    assert_all_once(f, 0, 600);
    assert_int_equal(f->drops, 0);
}

static void several_subscriptions_take_turns(void **state)
{
    struct fixture *f = *state;
    unsigned of_second = 0;

    keep_many(f, TOPICS, 0);
    attach(f);
    subscribe(f, "t/#", 0);
    subscribe_with(f, "t/+", &(struct mrl_subscribe_options){.identifier = 2});
    for (int i = 0; i < 2; i++)
        assert_ok(mrl_loop_turn(f->loop, 0));
    for (size_t i = 0; i < f->d.count; i++)
        of_second += f->d.seen[i].identifier == 2;
    assert_int_equal(of_second, 2 * FEW);
    turns(f);
    assert_int_equal(f->d.count, 2 * TOPICS);
}

static void four_sessions_get_a_portion_in_a_turn(void **state)
{
    static const char *const clients[] = {"1", "2", "3", "4", "5"};
    const struct mrl_subscribe_options o = {0};
    struct fixture *f = *state;
    struct door *doors = calloc(MRL_COUNT(clients), sizeof(*doors));
    size_t before, most = 0, all = 0;
    bool existed;

    assert_non_null(doors);
    keep_many(f, TOPICS, 0);
    for (size_t i = 0; i < MRL_COUNT(clients); i++) {
        doors[i].much = SEEN;
        attach_as(f, clients[i], &doors[i]);
        assert_ok(mrl_session_subscribe(doors[i].session, MRL_LIT("t/#"), &o, &existed));
        mrl_session_send_retained(doors[i].session, MRL_LIT("t/#"));
    }
    do {
        before = all;
        all = 0;
        assert_ok(mrl_loop_turn(f->loop, 0));
        for (size_t i = 0; i < MRL_COUNT(clients); i++)
            all += doors[i].count;
        most = all - before > most && before > 0 ? all - before : most;
    } while (all != before);
    assert_int_equal(all, MRL_COUNT(clients) * TOPICS);
    assert_int_equal(most, 4 * FEW);
    for (size_t i = 0; i < MRL_COUNT(clients); i++)
        mrl_session_detach(doors[i].session, MRL_DETACH_CLEAN);
    free(doors);
}

static void one_that_has_no_room_holds_up_no_other(void **state)
{
    struct fixture *f = *state;

    keep_many(f, 600, 1);
    attach(f);
    f->d.much = 5;
    subscribe(f, "t/#", 0);
    subscribe(f, "t/+", 1);
    acknowledge(f);
    assert_int_equal(f->d.count, 605);
    drain(f);
    assert_int_equal(f->d.count, 1200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(all_come_once_at_qos_0_however_little_is_taken),
        CASE(one_turn_hands_over_one_portion),
        CASE(few_go_at_once),
        CASE(half_of_the_queue_is_left_to_others),
        CASE(half_of_the_bytes_are_left_to_others),
        CASE(a_queue_of_one_is_enough),
        CASE(several_subscriptions_take_turns),
        CASE(four_sessions_get_a_portion_in_a_turn),
        CASE(one_that_has_no_room_holds_up_no_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
