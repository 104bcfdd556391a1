/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions with their queues: what is written, when it is acknowledged, what comes back. */
#include "messages/keep.h"

#include <string.h>

#include "tests/unit/messages/keep_fixture.h"

static void nobody_waits_for_what_nobody_keeps(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};
    struct mrl_store_stats stats;

    attach(f, "a", 0, &d);
    subscribe(&d, "t", 1);
    assert_false(publish(f, f->hubs[1], &one, NULL));
    settle(f);
    assert_log(&d, "P1 1 one;");
    mrl_store_stats(f->store, &stats);
    assert_int_equal(stats.jobs, 0);
}

static void an_acknowledgement_waits_for_the_store(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    attach(f, "b", 60, &d); /* on the other hub */
    subscribe(&d, "t", 1);
    mrl_session_detach(d.session, MRL_DETACH_CLEAN);
    settle(f);
    assert_true(publish(f, f->hubs[0], &one, NULL));
    assert_int_equal(f->answers, 0);
    settle(f);
    assert_int_equal(f->answers, 1);
    assert_rows(f, "1 1 1 1 0 0");
}

static void what_is_acknowledged_before_it_leaves_is_never_written(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};
    struct mrl_store_stats before, after;

    attach(f, "b", 60, &d);
    subscribe(&d, "t", 1);
    settle(f);
    mrl_store_stats(f->store, &before);
    assert_true(publish(f, f->hubs[1], &one, NULL));
    assert_log(&d, "P1 1 one;");
    assert_ok(mrl_session_puback(d.session, 1));
    settle(f);
    assert_int_equal(f->answers, 1);
    mrl_store_stats(f->store, &after);
    assert_int_equal(after.jobs, before.jobs);
    assert_rows(f, "1 1 0 0 0 0");
}

static void qos2_leaves_when_it_is_durable(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    attach(f, "b", 60, &d);
    subscribe(&d, "t", 2);
    settle(f);
    assert_true(publish(f, f->hubs[1], &two, NULL));
    assert_log(&d, "");
    settle(f);
    assert_log(&d, "P2 1 two;");
    assert_ok(mrl_session_pubrec(d.session, 1, /*failed=*/false));
    assert_log(&d, ""); /* nor does PUBREL before PUBREC is */
    settle(f);
    assert_log(&d, "R 1;");
    assert_rows(f, "1 1 0 1 0 0");
    assert_ok(mrl_session_pubcomp(d.session, 1));
    settle(f);
    assert_rows(f, "1 1 0 0 0 0");
}

/* MQTT 5.0 4.3.3: PUBREL says that the message will not come again. */
static void a_client_that_comes_back_waits_for_pubrel_as_well(void **state)
{
    struct fixture *f = *state;
    struct door d = {0}, back = {0};

    attach(f, "b", 60, &d);
    subscribe(&d, "t", 2);
    settle(f);
    assert_true(publish(f, f->hubs[1], &two, NULL));
    settle(f);
    assert_log(&d, "P2 1 two;");
    assert_ok(mrl_session_pubrec(d.session, 1, /*failed=*/false));
    mrl_session_detach(d.session, MRL_DETACH_CLEAN);
    attach(f, "b", 60, &back);
    assert_log(&back, "");
    settle(f);
    assert_log(&back, "R 1;");
}

static void what_is_acknowledged_while_it_is_written_does_not_come_back(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    attach(f, "b", 60, &d);
    subscribe(&d, "t", 1);
    settle(f);
    assert_true(publish(f, f->hubs[1], &one, NULL));
    assert_log(&d, "P1 1 one;");
    mrl_hub_flush(f->hubs[1]);
    assert_ok(mrl_session_puback(d.session, 1));
    settle(f);
    assert_rows(f, "1 1 0 0 0 0");
}

static void a_repetition_is_answered_when_the_packet_id_is_durable(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    attach(f, "b", 60, &d);
    settle(f);
    assert_true(receive(f, d.session));
    assert_false(receive(f, d.session));
    assert_int_equal(f->answers, 0);
    settle(f);
    assert_int_equal(f->answers, 2);
    assert_ok(f->answer);
}

/* The other hub, where its message goes, writes the packet id after this one has removed it. */
static void a_packet_id_that_is_released_before_it_is_written_does_not_come_back(void **state)
{
    struct fixture *f = *state;
    struct door publisher = {0}, there = {0};

    attach(f, "a", 60, &there);
    attach(f, "b", 60, &publisher);
    subscribe(&there, "t", 2);
    settle(f);
    assert_true(publish(f, f->hubs[1], &two, publisher.session));
    assert_ok(mrl_session_release_qos2(publisher.session, 7));
    mrl_hub_flush(f->hubs[1]);
    settle(f);
    assert_log(&there, "P2 1 two;");
    assert_rows(f, "2 1 1 1 0 0");
}

/* The packet id of the publisher and the entries of both hubs are one write job. */
static void a_packet_id_and_all_its_receivers_are_one_commit(void **state)
{
    struct fixture *f = *state;
    struct door publisher = {0}, here = {0}, there = {0};
    struct mrl_store_stats before, after;

    attach(f, "a", 60, &there);
    attach(f, "b", 60, &here);
    attach(f, "d", 60, &publisher); /* with "b" */
    subscribe(&here, "t", 1);
    subscribe(&there, "t", 2);
    settle(f);
    mrl_store_stats(f->store, &before);
    assert_true(publish(f, f->hubs[1], &two, publisher.session));
    assert_log(&here, ""); /* at QoS 1 too: its entry goes with the packet id */
    settle(f);
    assert_int_equal(f->answers, 1);
    mrl_store_stats(f->store, &after);
    assert_int_equal(after.jobs, before.jobs + 1);
    assert_rows(f, "3 2 2 2 1 0");
    assert_log(&here, "P1 1 two;");
    assert_log(&there, "P2 1 two;");
    assert_ok(mrl_session_puback(here.session, 1));
    settle(f);
    assert_rows(f, "3 2 1 1 1 0");
    assert_ok(mrl_session_release_qos2(publisher.session, 7));
    settle(f);
    assert_rows(f, "3 2 1 1 0 0");
}

static void everything_comes_back(void **state)
{
    struct fixture *f = *state;
    struct door d = {0}, again = {0};
    struct mrl_ledger_found found;
    bool is_new;

    attach(f, "b", 60, &d);
    subscribe(&d, "t", 2);
    settle(f);
    assert_true(publish(f, f->hubs[1], &two, NULL));
    assert_true(publish(f, f->hubs[1], &one, NULL));
    assert_ok(mrl_session_receive_qos2(d.session, 9, &is_new));
    settle(f);
    assert_log(&d, "P2 1 two;P1 2 one;");
    found = restart(f);
    assert_int_equal(found.sessions, 1);
    assert_int_equal(found.subscriptions, 1);
    assert_int_equal(found.entries, 2);
    attach(f, "b", 60, &again);
    assert_log(&again, "P2d 1 two;P1d 2 one;");
    assert_ok(mrl_session_receive_qos2(again.session, 9, &is_new));
    assert_false(is_new);
    assert_true(publish(f, f->hubs[1], &one, NULL)); /* its subscription, and the next number */
    settle(f);
    assert_log(&again, "P1 3 one;");
}

static const struct mrl_subscribe_options *options_of(const struct door *d)
{
    struct mrl_map_node *n = mrl_map_next(&d->session->subscriptions, NULL);

    assert_non_null(n);
    return &MRL_CONTAINER(n, struct mrl_subscription, in_session)->options;
}

static void a_subscription_comes_back_as_it_was_replaced(void **state)
{
    struct fixture *f = *state;
    const struct mrl_subscribe_options first = {.qos = 2, .identifier = 1},
                                       second = {.retain_as_published = true, .identifier = 2};
    struct door d = {0};
    bool existed;

    attach(f, "b", 60, &d);
    assert_ok(mrl_session_subscribe(d.session, MRL_LIT("t"), &first, &existed));
    settle(f);
    assert_ok(mrl_session_subscribe(d.session, MRL_LIT("t"), &second, &existed));
    settle(f);
    (void)restart(f);
    attach(f, "b", 60, &d);
    assert_int_equal(mrl_keep_pack(options_of(&d)), mrl_keep_pack(&second));
    assert_int_equal(options_of(&d)->identifier, 2);
    settle(f);
}

static void a_session_that_ends_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};
    bool is_new;

    attach(f, "b", 60, &d);
    subscribe(&d, "t", 2);
    assert_ok(mrl_session_receive_qos2(d.session, 9, &is_new));
    assert_true(publish(f, f->hubs[1], &two, NULL));
    settle(f);
    mrl_session_detach(d.session, MRL_DETACH_CLEAN);
    assert_true(publish(f, f->hubs[1], &two, NULL)); /* on its way when the session ends */
    attach(f, "b", 0, &d);
    mrl_session_detach(d.session, MRL_DETACH_CLEAN);
    settle(f);
    assert_rows(f, "0 0 0 0 0 0");
    mrl_buf_done(&d.log);
}

static void a_session_that_goes_without_expiry_keeps_its_queue_in_memory(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    attach(f, "b", 60, &d);
    subscribe(&d, "t", 1);
    mrl_session_detach(d.session, MRL_DETACH_CLEAN);
    assert_true(publish(f, f->hubs[1], &one, NULL));
    settle(f);
    attach(f, "b", 0, &d);
    settle(f);
    assert_log(&d, "P1 1 one;");
    assert_rows(f, "0 0 0 0 0 0");
}

static void attach_one_that_goes(struct fixture *f, struct door *d)
{
    const struct mrl_attach a = {.key = {KIND, MRL_LIT("gone"), MRL_LIT("b")},
                                 .expiry_s = 60,
                                 .receive_maximum = 1,
                                 .most_sessions = 1,
                                 .sink = &sink,
                                 .door = d};
    bool present;

    assert_ok(mrl_session_attach(f->hubs[0], &a, &d->session, &present));
}

static void principals_that_went_take_their_sessions_along(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    attach_one_that_goes(f, &d);
    settle(f);
    assert_rows(f, "1 0 0 0 0 0");
    (void)restart(f);
    settle(f);
    assert_rows(f, "0 0 0 0 0 0");
}

static mrl_err twice(struct mrl_tx *tx, struct mrl_write *w)
{
    (void)w;
    return mrl_tx_exec(
        tx,
        "INSERT INTO mqtt_sessions SELECT id + 100, kind, principal, client,"
        " expiry, ends, sent, will_delay, will_life, version, will FROM mqtt_sessions",
        MRL_NO_ARGS, NULL);
}

/* A crash between a session's end and the commit of its removal leaves two rows. */
static void of_two_rows_for_one_session_the_newer_counts(void **state)
{
    struct fixture *f = *state;
    struct mrl_write job = {.run = twice};
    struct door d = {0};

    attach(f, "b", 60, &d);
    subscribe(&d, "t", 1);
    settle(f);
    assert_ok(mrl_store_write(f->store, &job));
    assert_rows(f, "2 1 0 0 0 0");
    (void)restart(f);
    settle(f);
    assert_rows(f, "1 0 0 0 0 0");
    attach(f, "b", 60, &d);
    assert_int_equal(d.session->row, 101);
    settle(f);
}

static void of_a_principal_that_went_both_rows_go(void **state)
{
    struct fixture *f = *state;
    struct mrl_write job = {.run = twice};
    struct door gone = {0}, stays = {0};

    attach_one_that_goes(f, &gone);
    subscribe(&gone, "t", 1);
    attach(f, "a", 60, &stays);
    settle(f);
    assert_ok(mrl_store_write(f->store, &job));
    assert_rows(f, "4 1 0 0 0 0");
    (void)restart(f);
    settle(f);
    assert_rows(f, "1 0 0 0 0 0");
    assert_int_equal(mrl_hub_session_count(f->hubs[0]), 1);
}

/* [MQTT-3.3.1-1] also when its client did not come back in between. */
static void what_left_before_two_kills_comes_with_dup(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    attach(f, "b", 60, &d);
    subscribe(&d, "t", 1);
    settle(f);
    assert_true(publish(f, f->hubs[1], &one, NULL));
    settle(f);
    assert_log(&d, "P1 1 one;");
    (void)restart(f);
    (void)restart(f);
    attach(f, "b", 60, &d);
    assert_log(&d, "P1d 1 one;");
}

static mrl_err damage(struct mrl_tx *tx, struct mrl_write *w)
{
    (void)w;
    return mrl_tx_exec(tx, "UPDATE mqtt_messages SET sealed = x'00'", MRL_NO_ARGS, NULL);
}

static void a_damaged_message_is_counted_and_the_rest_comes_back(void **state)
{
    struct fixture *f = *state;
    struct mrl_write job = {.run = damage};
    struct mrl_ledger_found found;
    struct door d = {0};

    attach(f, "b", 60, &d);
    subscribe(&d, "t", 1);
    mrl_session_detach(d.session, MRL_DETACH_CLEAN);
    settle(f);
    assert_true(publish(f, f->hubs[1], &one, NULL));
    settle(f);
    assert_ok(mrl_store_write(f->store, &job));
    found = restart(f);
    assert_int_equal(found.damaged, 1);
    assert_non_null(strstr(found.first.text, "mqtt_messages"));
    assert_int_equal(found.sessions, 1);
    assert_int_equal(found.entries, 0);
    assert_rows(f, "1 1 1 1 0 0"); /* left for whoever looks */
    attach(f, "b", 60, &d);
    assert_true(publish(f, f->hubs[1], &one, NULL));
    assert_log(&d, "P1 2 one;"); /* the number of the damaged one is not given again */
    settle(f);
}

static mrl_err remove_messages(struct mrl_tx *tx, struct mrl_write *w)
{
    (void)w;
    return mrl_tx_exec(tx, "DELETE FROM mqtt_messages", MRL_NO_ARGS, NULL);
}

/* The last of its receivers, on another worker, had it. The client keeps the packet id of a QoS 2
 * message until PUBREL, and takes nothing else that comes with it. */
static void an_entry_whose_message_is_removed_was_received(void **state)
{
    struct fixture *f = *state;
    struct mrl_write job = {.run = remove_messages};
    struct door d = {0};

    attach(f, "b", 60, &d);
    subscribe(&d, "t", 2);
    mrl_session_detach(d.session, MRL_DETACH_CLEAN);
    assert_true(publish(f, f->hubs[1], &one, NULL));
    assert_true(publish(f, f->hubs[1], &two, NULL));
    settle(f);
    assert_ok(mrl_store_write(f->store, &job));
    assert_rows(f, "1 1 0 2 0 0");
    assert_int_equal(restart(f).damaged, 0);
    assert_rows(f, "1 1 0 1 0 0");
    attach(f, "b", 60, &d);
    assert_log(&d, "R 2;");
    assert_ok(mrl_session_pubcomp(d.session, 2));
    settle(f);
    assert_rows(f, "1 1 0 0 0 0");
    assert_true(publish(f, f->hubs[1], &two, NULL));
    settle(f);
    assert_log(&d, "P2 3 two;");
}

/* Or it would be nowhere when the server dies between two commits. */
static void what_a_member_of_a_share_leaves_to_others_goes_with_its_row(void **state)
{
    static const char filter[] = "$share/g/t";
    struct fixture *f = *state;
    struct door a = {0}, b = {0}, watcher = {0};
    struct mrl_store_stats before, after;

    attach(f, "a", 60, &a);
    subscribe(&a, filter, 2);
    assert_true(publish(f, f->hubs[1], &one, NULL));
    assert_true(publish(f, f->hubs[1], &two, NULL));
    settle(f);
    mrl_session_detach(a.session, MRL_DETACH_CLEAN);
    assert_true(publish(f, f->hubs[1], &one, NULL));
    attach(f, "b", 60, &b);
    subscribe(&b, filter, 1);
    attach(f, "d", 60, &watcher);
    subscribe(&watcher, "t", 1);
    settle(f);
    assert_rows(f, "3 3 3 3 0 0");
    mrl_store_stats(f->store, &before);
    mrl_session_end(a.session);
    settle(f);
    mrl_store_stats(f->store, &after);
    assert_int_equal(after.jobs, before.jobs + 1);
    assert_log(&b, "P1 1 one;P1 2 one;"); /* a QoS 2 message that left may have arrived */
    assert_log(&watcher, "");
    assert_rows(f, "2 2 2 2 0 0");
    mrl_buf_done(&a.log);
}

static void packet_ids_go_round_and_wait_for_one_in_flight(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    attach(f, "b", 60, &d);
    subscribe(&d, "t", 1);
    d.session->last_seq = UINT16_MAX - 1;
    assert_true(publish(f, f->hubs[1], &one, NULL));
    assert_true(publish(f, f->hubs[1], &one, NULL));
    assert_log(&d, "P1 65535 one;P1 1 one;");
    d.session->last_seq = 2 * UINT16_MAX; /* the next would be 1 again, which is in flight */
    assert_true(publish(f, f->hubs[1], &one, NULL));
    assert_log(&d, "");
    assert_ok(mrl_session_puback(d.session, 1));
    assert_log(&d, "P1 1 one;");
    settle(f);
}

static void options_are_one_byte(void **state)
{
    (void)state;
    for (unsigned packed = 0; packed < 64; packed++) {
        const struct mrl_subscribe_options o = mrl_keep_unpack((uint8_t)packed, 5);

        assert_int_equal(mrl_keep_pack(&o), packed);
        assert_int_equal(o.identifier, 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(nobody_waits_for_what_nobody_keeps),
        CASE(an_acknowledgement_waits_for_the_store),
        CASE(what_is_acknowledged_before_it_leaves_is_never_written),
        CASE(qos2_leaves_when_it_is_durable),
        CASE(a_client_that_comes_back_waits_for_pubrel_as_well),
        CASE(what_is_acknowledged_while_it_is_written_does_not_come_back),
        CASE(a_repetition_is_answered_when_the_packet_id_is_durable),
        CASE(a_packet_id_that_is_released_before_it_is_written_does_not_come_back),
        CASE(a_packet_id_and_all_its_receivers_are_one_commit),
        CASE(everything_comes_back),
        CASE(a_subscription_comes_back_as_it_was_replaced),
        CASE(a_session_that_ends_leaves_nothing),
        CASE(a_session_that_goes_without_expiry_keeps_its_queue_in_memory),
        CASE(principals_that_went_take_their_sessions_along),
        CASE(of_two_rows_for_one_session_the_newer_counts),
        CASE(of_a_principal_that_went_both_rows_go),
        CASE(what_left_before_two_kills_comes_with_dup),
        CASE(a_damaged_message_is_counted_and_the_rest_comes_back),
        CASE(an_entry_whose_message_is_removed_was_received),
        CASE(what_a_member_of_a_share_leaves_to_others_goes_with_its_row),
        CASE(packet_ids_go_round_and_wait_for_one_in_flight),
        cmocka_unit_test(options_are_one_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
