/* SPDX-License-Identifier: Apache-2.0 */
/* A store that fails, as on a full disk: what it refused counts as never said, what must be done is
 * tried again. */
#include "tests/unit/messages/keep_fixture.h"

/* A store that fails: what came with the batch is taken back, what must go is tried again. */
static void a_batch_that_fails_is_refused_and_removals_are_tried_again(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    attach(f, "b", 60, &d);
    subscribe(&d, "t", 1);
    settle(f);
    assert_true(publish(f, f->hubs[1], &one, NULL));
    settle(f);
    assert_rows(f, "1 1 1 1 0 0");
    hide_table(f, "mqtt_queue");
    assert_ok(mrl_session_puback(d.session, 1)); /* its removal fails */
    mrl_session_detach(d.session, MRL_DETACH_CLEAN);
    assert_true(publish(f, f->hubs[1], &one, NULL));
    settle(f);
    assert_int_equal(f->answers, 2);
    assert_int_not_equal(f->answer, MRL_OK);
    assert_true(f->tells == 1 && f->told != MRL_OK);
    assert_true(mrl_ledger_failing(f->ledger));
    assert_int_equal(d.session->queued_count, 0);
    show_table(f, "mqtt_queue");
    assert_true(publish(f, f->hubs[1], &one, NULL));
    settle(f);
    assert_ok(f->answer);
    mrl_ledger_tick(f->ledger); /* it may be one of many that fail */
    assert_true(mrl_ledger_failing(f->ledger));
    f->ledger->failed_ms = 0;
    mrl_ledger_tick(f->ledger);
    assert_true(f->tells == 2 && f->told == MRL_OK);
    assert_false(mrl_ledger_failing(f->ledger));
    settle(f);
    assert_rows(f, "1 1 1 1 0 0"); /* the new one; the acknowledged one is gone */
    mrl_buf_done(&d.log);
}

static void a_subscription_that_is_refused_leaves_the_former_one(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    attach(f, "b", 60, &d);
    subscribe(&d, "t", 1);
    settle(f);
    hide_table(f, "mqtt_subscriptions");
    subscribe(&d, "t", 0);
    subscribe(&d, "t", 2);
    subscribe(&d, "u", 1);
    settle(f);
    assert_true(publish(f, f->hubs[1], &two, NULL));
    settle(f);
    assert_log(&d, "P1 1 two;"); /* as it was granted first */
    assert_int_equal(d.session->subscriptions.count, 1);
    show_table(f, "mqtt_subscriptions");
    subscribe(&d, "t", 0);
    settle(f);
    assert_false(publish(f, f->hubs[1], &two, NULL)); /* QoS 0: nothing to wait for */
    assert_log(&d, "P0 0 two;");
    mrl_buf_done(&d.log);
}

static void a_subscription_that_is_refused_is_owed_no_retained_messages(void **state)
{
    struct fixture *f = *state;
    struct mrl_publication kept = one;
    struct door d = {0};

    kept.retain = true;
    attach(f, "b", 60, &d);
    subscribe(&d, "t", 1);
    mrl_session_send_retained(d.session, MRL_LIT("t"));
    (void)publish(f, f->hubs[1], &kept, NULL);
    settle(f);
    assert_log(&d, "P1 1 one;");
    hide_table(f, "mqtt_subscriptions");
    subscribe(&d, "t", 1);
    settle(f);
    assert_true(publish(f, f->hubs[1], &two, NULL));
    settle(f);
    assert_log(&d, "P1 2 two;");
    assert_null(d.session->owing);
}

static void a_session_whose_first_row_is_refused_has_one_with_the_next(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    hide_table(f, "mqtt_sessions");
    attach(f, "b", 60, &d);
    settle(f);
    show_table(f, "mqtt_sessions");
    mrl_session_detach(d.session, MRL_DETACH_CLEAN);
    settle(f);
    assert_rows(f, "1 0 0 0 0 0");
}

/* The newer connection is answered when its row is there: it must be the first one then. */
static void the_row_of_a_take_over_stands_when_the_first_is_refused(void **state)
{
    struct fixture *f = *state;
    struct door first = {0}, second = {0};

    hide_table(f, "mqtt_sessions");
    attach(f, "b", 60, &first);
    mrl_hub_flush(f->hubs[1]);
    attach(f, "b", 60, &second);
    show_table(f, "mqtt_sessions");
    settle(f);
    assert_rows(f, "1 0 0 0 0 0");
    mrl_buf_done(&first.log);
}

/* Its client may be gone before the refusal: the message comes again, and has not been routed. */
static void a_packet_id_that_is_refused_is_not_known(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    attach(f, "b", 60, &d);
    settle(f);
    hide_table(f, "mqtt_received");
    assert_true(receive(f, d.session));
    settle(f);
    assert_int_not_equal(f->answer, MRL_OK);
    show_table(f, "mqtt_received");
    assert_true(receive(f, d.session));
    settle(f);
    assert_ok(f->answer);
    assert_rows(f, "1 0 0 0 1 0");
}

static void the_repetition_of_a_packet_id_that_is_refused_is_refused_as_well(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    attach(f, "b", 60, &d);
    settle(f);
    hide_table(f, "mqtt_received");
    assert_true(receive(f, d.session));
    mrl_hub_flush(f->hubs[1]); /* the first one is refused, the second finds a store again */
    assert_false(receive(f, d.session));
    show_table(f, "mqtt_received");
    settle(f);
    assert_int_equal(f->answers, 2);
    assert_int_not_equal(f->answer, MRL_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_batch_that_fails_is_refused_and_removals_are_tried_again),
        CASE(a_subscription_that_is_refused_leaves_the_former_one),
        CASE(a_subscription_that_is_refused_is_owed_no_retained_messages),
        CASE(a_session_whose_first_row_is_refused_has_one_with_the_next),
        CASE(the_row_of_a_take_over_stands_when_the_first_is_refused),
        CASE(a_packet_id_that_is_refused_is_not_known),
        CASE(the_repetition_of_a_packet_id_that_is_refused_is_refused_as_well),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
