/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that have room for so many messages: what is in flight behind them leaves later. */
#include <string.h>

#include "base/clock.h"
#include "tests/unit/messages/keep_fixture.h"

enum { WINDOW = 3, QUEUE = 2, LARGEST = 10 };

struct narrow {
    struct door door; /* first: the sink of the fixture writes into it */
    unsigned room;    /* for so many */
};

static bool narrow_publish(void *door, const struct mrl_delivery *d)
{
    struct narrow *n = door;

    assert_true(n->room > 0);
    if (d->publication->payload.len > LARGEST)
        return false;
    n->room--;
    return sink.publish(door, d);
}

static void narrow_pubrel(void *door, uint16_t packet_id)
{
    sink.pubrel(door, packet_id);
}

static void narrow_evict(void *door, enum mrl_evict_reason why)
{
    sink.evict(door, why);
}

static enum mrl_room narrow_room(void *door)
{
    return ((struct narrow *)door)->room > 0 ? MRL_ROOM_MUCH : MRL_ROOM_NONE;
}

static const struct mrl_session_sink narrow_sink = {narrow_publish, narrow_pubrel, narrow_evict,
                                                    narrow_room};

static int set_up_small(void **state)
{
    int failed = set_up(state);
    struct fixture *f = *state;

    f->limits.in_flight = WINDOW;
    f->limits.queued_messages = QUEUE;
    return failed;
}

static void come(struct fixture *f, struct narrow *n, const char *client, unsigned room,
                 uint32_t expiry_s)
{
    const struct mrl_attach a = {.key = {KIND, mrl_str(client), mrl_str(client)},
                                 .expiry_s = expiry_s,
                                 .receive_maximum = UINT16_MAX,
                                 .most_sessions = 10,
                                 .sink = &narrow_sink,
                                 .door = n};
    bool present;

    n->room = room;
    assert_ok(mrl_session_attach(f->hubs[home(&a.key, HUBS)], &a, &n->door.session, &present));
    mrl_session_start(n->door.session);
}

static void leave(struct narrow *n)
{
    mrl_session_detach(n->door.session, MRL_DETACH_CLEAN);
}

static void send(struct fixture *f, const char *payload, uint8_t qos)
{
    const struct mrl_publication message = {
        .topic = MRL_LIT("t"), .payload = mrl_str(payload), .qos = qos};

    (void)publish(f, f->hubs[1], &message, NULL);
}

static void send_each(struct fixture *f, const char *letters, uint8_t qos)
{
    for (size_t i = 0; i < strlen(letters); i++)
        send(f, (char[]){letters[i], 0}, qos);
}

static void drain(struct narrow *n, unsigned room)
{
    n->room = room;
    mrl_session_drained(n->door.session);
}

static void what_finds_no_room_leaves_in_order_as_there_is(void **state)
{
    struct fixture *f = *state;
    struct narrow n = {0};

    come(f, &n, "b", /*room=*/1, 0);
    subscribe(&n.door, "t", 2);
    send(f, "a", 1);
    send(f, "b", 2);
    n.room = 1; /* it is not asked for what stands behind others */
    send(f, "c", 1);
    assert_log(&n.door, "P1 1 a;");
    drain(&n, 1);
    assert_log(&n.door, "P2 2 b;");
    drain(&n, 0);
    assert_log(&n.door, "");
    drain(&n, 2);
    assert_log(&n.door, "P1 3 c;");
    assert_null(n.door.session->unsent);
    send(f, "0", 0);
    assert_log(&n.door, "P0 0 0;");
    leave(&n);
}

static void it_is_in_flight_and_not_in_the_queue(void **state)
{
    struct fixture *f = *state;
    struct narrow n = {0};

    come(f, &n, "b", 0, 0);
    subscribe(&n.door, "t", 1);
    send_each(f, "abc", 1); /* WINDOW */
    assert_int_equal(n.door.session->queued_count, 0);
    send_each(f, "de", 1); /* QUEUE */
    send(f, "f", 1);       /* is too much */
    assert_int_equal(n.door.session->flying_count, WINDOW);
    drain(&n, 10);
    assert_log(&n.door, "P1 1 a;P1 2 b;P1 3 c;");
    assert_ok(mrl_session_puback(n.door.session, 2));
    assert_ok(mrl_session_puback(n.door.session, 1));
    assert_log(&n.door, "P1 4 d;P1 5 e;");
    assert_int_equal(n.door.session->queued_count, 0);
    leave(&n);
}

static void what_was_acknowledged_makes_room_behind_what_waits(void **state)
{
    struct fixture *f = *state;
    struct narrow n = {0};

    come(f, &n, "b", 1, 0);
    subscribe(&n.door, "t", 1);
    send_each(f, "abcd", 1);
    n.room = 1;
    assert_ok(mrl_session_puback(n.door.session, 1));
    assert_log(&n.door, "P1 1 a;"); /* d is in flight now, behind b and c */
    drain(&n, 3);
    assert_log(&n.door, "P1 2 b;P1 3 c;P1 4 d;");
    leave(&n);
}

static void what_did_not_leave_cannot_be_acknowledged(void **state)
{
    struct fixture *f = *state;
    struct narrow n = {0};

    come(f, &n, "b", 0, 0);
    subscribe(&n.door, "t", 2);
    send(f, "a", 1);
    send(f, "b", 2);
    assert_int_equal(mrl_session_puback(n.door.session, 1), MRL_ERR_NOT_FOUND);
    assert_int_equal(mrl_session_pubrec(n.door.session, 2, false), MRL_ERR_NOT_FOUND);
    assert_int_equal(mrl_session_pubcomp(n.door.session, 2), MRL_ERR_NOT_FOUND);
    drain(&n, 2);
    assert_log(&n.door, "P1 1 a;P2 2 b;");
    leave(&n);
}

/* Only what had left comes with DUP. MQTT 5.0 3.3.1-1, 4.4.0-1 */
static void a_session_is_resumed_as_there_is_room(void **state)
{
    struct fixture *f = *state;
    struct narrow n = {0};

    come(f, &n, "b", 2, 60);
    subscribe(&n.door, "t", 2);
    send_each(f, "ab", 1);
    send(f, "c", 1);
    leave(&n);
    assert_log(&n.door, "P1 1 a;P1 2 b;");
    send(f, "d", 1);
    come(f, &n, "b", 1, 60);
    assert_log(&n.door, "P1d 1 a;");
    leave(&n); /* nothing acknowledged, not even all repeated */
    come(f, &n, "b", 0, 60);
    assert_log(&n.door, "");
    for (unsigned i = 0; i < WINDOW; i++)
        drain(&n, 1);
    assert_log(&n.door, "P1d 1 a;P1d 2 b;P1 3 c;");
    n.room = 1;
    assert_ok(mrl_session_puback(n.door.session, 1));
    assert_log(&n.door, "P1 4 d;");
    leave(&n);
}

static void pubrel_is_repeated_though_messages_have_no_room(void **state)
{
    struct fixture *f = *state;
    struct narrow n = {0};

    come(f, &n, "b", 2, 60);
    subscribe(&n.door, "t", 2);
    send_each(f, "ab", 2);
    settle(f);
    assert_ok(mrl_session_pubrec(n.door.session, 1, false));
    settle(f);
    leave(&n);
    assert_log(&n.door, "P2 1 a;P2 2 b;R 1;");
    come(f, &n, "b", 0, 60);
    assert_log(&n.door, "R 1;");
    assert_ok(mrl_session_pubcomp(n.door.session, 1));
    drain(&n, 1);
    assert_log(&n.door, "P2d 2 b;");
    leave(&n);
}

/* MQTT 5.0 3.3.2-5 */
static void what_expires_before_there_is_room_does_not_leave(void **state)
{
    struct fixture *f = *state;
    struct mrl_publication short_lived = one;
    struct narrow n = {0};

    come(f, &n, "b", 0, 0);
    subscribe(&n.door, "t", 1);
    short_lived.expires_ms = mrl_monotonic_ms() + 20;
    (void)publish(f, f->hubs[1], &short_lived, NULL);
    send_each(f, "bcd", 1);
    settle_timers(f); /* 50 ms */
    drain(&n, 10);
    assert_log(&n.door, "P1 2 b;P1 3 c;P1 4 d;"); /* its place is free */
    assert_int_equal(n.door.session->flying_count, WINDOW);
    leave(&n);
}

static void what_turns_out_too_large_leaves_its_place_to_the_next(void **state)
{
    struct fixture *f = *state;
    struct narrow n = {0};

    come(f, &n, "b", 0, 0);
    subscribe(&n.door, "t", 1);
    send(f, "one that is too large", 1);
    send_each(f, "bcd", 1);
    drain(&n, 10);
    assert_log(&n.door, "P1 2 b;P1 3 c;P1 4 d;");
    leave(&n);
}

static void who_is_gone_is_not_drained(void **state)
{
    struct fixture *f = *state;
    struct narrow n = {0};

    come(f, &n, "b", 0, 60);
    subscribe(&n.door, "t", 1);
    send(f, "a", 1);
    leave(&n);
    drain(&n, 1);
    assert_log(&n.door, "");
    assert_int_equal(n.room, 1);
}

/* At QoS 2 the client may have what left, and cannot have what did not. MQTT 5.0 4.8.2-5 */
static void another_member_of_a_share_gets_what_did_not_leave(void **state)
{
    struct fixture *f = *state;
    struct narrow leaves = {0}, stays = {0};

    come(f, &leaves, "b", 1, 0);
    subscribe(&leaves.door, "$share/g/t", 2);
    send_each(f, "abc", 2);
    come(f, &stays, "d", 10, 0);
    subscribe(&stays.door, "$share/g/t", 2);
    leave(&leaves);
    settle(f);
    assert_log(&leaves.door, "P2 1 a;");
    assert_log(&stays.door, "P2 1 b;P2 2 c;");
    leave(&stays);
}

/* Their publishers are told that they failed. */
static void what_the_store_refuses_before_there_is_room_does_not_leave(void **state)
{
    struct fixture *f = *state;
    struct narrow n = {0};

    come(f, &n, "b", 1, 60);
    subscribe(&n.door, "t", 1);
    settle(f);
    hide_table(f, "mqtt_queue");
    send_each(f, "abc", 1);
    settle(f);
    show_table(f, "mqtt_queue");
    drain(&n, 10);
    assert_log(&n.door, "P1 1 a;");
    assert_int_equal(n.door.session->flying_count, 1);
    send(f, "d", 1);
    settle(f);
    assert_log(&n.door, "P1 4 d;");
    leave(&n);
}

static void an_end_of_its_session_frees_what_did_not_leave(void **state)
{
    struct fixture *f = *state;
    struct narrow n = {0};

    come(f, &n, "b", 1, 60);
    subscribe(&n.door, "t", 1);
    send_each(f, "abcd", 1);
    settle(f);
    assert_rows(f, "1 1 4 4 0 0");
    assert_ok(mrl_session_set_expiry(n.door.session, 0));
    leave(&n);
    settle(f);
    assert_rows(f, "0 0 0 0 0 0");
    assert_log(&n.door, "P1 1 a;");
}

#define SMALL(name) cmocka_unit_test_setup_teardown(name, set_up_small, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SMALL(what_finds_no_room_leaves_in_order_as_there_is),
        SMALL(it_is_in_flight_and_not_in_the_queue),
        SMALL(what_was_acknowledged_makes_room_behind_what_waits),
        SMALL(what_did_not_leave_cannot_be_acknowledged),
        SMALL(a_session_is_resumed_as_there_is_room),
        SMALL(pubrel_is_repeated_though_messages_have_no_room),
        SMALL(what_expires_before_there_is_room_does_not_leave),
        SMALL(what_turns_out_too_large_leaves_its_place_to_the_next),
        SMALL(who_is_gone_is_not_drained),
        SMALL(another_member_of_a_share_gets_what_did_not_leave),
        SMALL(what_the_store_refuses_before_there_is_room_does_not_leave),
        SMALL(an_end_of_its_session_frees_what_did_not_leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
