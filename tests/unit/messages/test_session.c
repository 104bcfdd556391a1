/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/session.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/unit/messages/session_fixture.h"

static void two_principals_with_one_client_id_do_not_meet(void **state)
{
    struct fixture *f = *state;
    struct door a = {0}, b = {0};

    assert_false(attach(f->hubs[0], &a,
                        &(struct wish){.principal = "d1", .client = "same", .expiry_s = 60}));
    assert_false(attach(f->hubs[0], &b,
                        &(struct wish){.principal = "d2", .client = "same", .expiry_s = 60}));
    subscribe(&a, "devices/d1/#", 1, 0);
    publish(f->hubs[0], "devices/d1/x", "1", 1);
    assert_saw(&a, "P1-- 1 devices/d1/x 1;");
    assert_saw(&b, "");
    assert_int_equal(mrl_hub_session_count(f->hubs[0]), 2);
    done(&a);
    done(&b);
}

/* Nor does the one count against the other. */
static void two_kinds_of_principal_with_one_name_do_not_meet(void **state)
{
    struct fixture *f = *state;
    struct door a = {0}, b = {0};
    struct wish w = {.principal = "twin", .client = "same", .expiry_s = 60, .most = 1};

    assert_false(attach(f->hubs[0], &a, &w));
    w.kind = KIND + 1;
    assert_false(attach(f->hubs[0], &b, &w));
    assert_saw(&a, "");
    done(&b);
    assert_true(attach(f->hubs[0], &b, &w));
    done(&a);
    done(&b);
}

static void a_second_connection_takes_over_with_what_waited(void **state)
{
    struct fixture *f = *state;
    const struct wish w = {
        .principal = "d", .client = "c", .expiry_s = 60, .will = "will/d", .will_delay_s = 30};
    struct door a = {0}, b = {0}, watcher = {0};

    attach(f->hubs[0], &watcher, &(struct wish){.principal = "w", .client = "w"});
    subscribe(&watcher, "will/#", 0, 0);
    attach(f->hubs[0], &a, &w);
    subscribe(&a, "t", 2, 0);
    publish(f->hubs[0], "t", "1", 1);
    assert_saw(&a, "P1-- 1 t 1;");
    assert_true(attach(f->hubs[0], &b, &w));
    assert_saw(&a, "E 0;");
    assert_saw(&b, "P1d- 1 t 1;");
    assert_saw(&watcher, ""); /* delayed will, session goes on */
    assert_false(
        attach(f->hubs[0], &a, &(struct wish){.principal = "d", .client = "c", .clean = true}));
    assert_saw(&b, "E 0;");
    assert_saw(&watcher, "P0-- 0 will/d gone;"); /* the session ended. MQTT 5.0 3.1.2.5 */
    done(&a);
    done(&b);
    done(&watcher);
}

/* MQTT 5.0 4.1.0-2 */
static void a_session_without_expiry_ends_when_its_connection_is_taken_over(void **state)
{
    struct fixture *f = *state;
    const struct wish w = {.principal = "d", .client = "c"};
    struct door a = {0}, b = {0};

    attach(f->hubs[0], &a, &w);
    subscribe(&a, "t", 0, 0);
    assert_false(attach(f->hubs[0], &b, &w));
    assert_saw(&a, "E 0;");
    publish(f->hubs[0], "t", "1", 0);
    assert_saw(&b, "");
    done(&a);
    done(&b);
}

static void qos2_goes_through_its_steps_and_window(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    attach(f->hubs[0], &d, &(struct wish){.principal = "d", .client = "c", .receive_maximum = 2});
    subscribe(&d, "t", 2, 7);
    publish(f->hubs[0], "t", "1", 2);
    publish(f->hubs[0], "t", "2", 2);
    publish(f->hubs[0], "t", "3", 1);
    assert_saw(&d, "P2-- 1 t 1 #7;P2-- 2 t 2 #7;");
    assert_int_equal(mrl_session_puback(d.session, 1), MRL_ERR_NOT_FOUND);
    assert_ok(mrl_session_pubrec(d.session, 1, false));
    assert_saw(&d, "R 1;");
    assert_int_equal(mrl_session_pubcomp(d.session, 2), MRL_ERR_NOT_FOUND);
    assert_ok(mrl_session_pubcomp(d.session, 1));
    assert_saw(&d, "P1-- 3 t 3 #7;");
    assert_ok(mrl_session_pubrec(d.session, 2, true)); /* failed: no PUBREL */
    assert_ok(mrl_session_puback(d.session, 3));
    assert_int_equal(mrl_session_pubrec(d.session, 9, false), MRL_ERR_NOT_FOUND);
    assert_saw(&d, "");
    done(&d);
}

static void a_received_qos2_message_is_new_once(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};
    bool is_new;

    attach(f->hubs[0], &d, &(struct wish){.principal = "d", .client = "c"});
    for (unsigned id = 1; id <= IN_FLIGHT; id++) {
        assert_ok(mrl_session_receive_qos2(d.session, (uint16_t)id, &is_new));
        assert_true(is_new);
    }
    assert_ok(mrl_session_receive_qos2(d.session, 1, &is_new));
    assert_false(is_new);
    assert_int_equal(mrl_session_receive_qos2(d.session, IN_FLIGHT + 1, &is_new), MRL_ERR_LIMIT);
    assert_ok(mrl_session_release_qos2(d.session, 1));
    assert_int_equal(mrl_session_release_qos2(d.session, 1), MRL_ERR_NOT_FOUND);
    assert_ok(mrl_session_receive_qos2(d.session, IN_FLIGHT + 1, &is_new));
    done(&d);
}

static void the_queue_holds_its_limit_and_not_one_more(void **state)
{
    struct fixture *f = *state;
    const struct wish w = {.principal = "d", .client = "c", .expiry_s = 60};
    struct door d = {0};

    attach(f->hubs[0], &d, &w);
    subscribe(&d, "t", 1, 0);
    mrl_session_detach(d.session, MRL_DETACH_CLEAN);
    for (int i = 0; i < QUEUED + 1; i++)
        publish(f->hubs[0], "t", "x", 1);
    assert_int_equal(f->drops, 1);
    publish(f->hubs[0], "t", "qos 0 is not kept", 0);
    assert_true(attach(f->hubs[0], &d, &w));
    assert_saw(&d, "P1-- 1 t x;P1-- 2 t x;P1-- 3 t x;"); /* our own window */
    assert_ok(mrl_session_puback(d.session, 2));
    assert_saw(&d, "P1-- 4 t x;");
    done(&d);
}

static void overlapping_subscriptions_deliver_once_at_the_highest_qos(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    attach(f->hubs[0], &d, &(struct wish){.principal = "d", .client = "c"});
    subscribe(&d, "a/#", 0, 1);
    subscribe(&d, "a/+", 2, 2);
    publish(f->hubs[0], "a/b", "x", 1);
    assert_int_equal(d.log.data[1], '1');
    assert_non_null(strstr((char *)memchr(d.log.data, 'P', 1), "P1-- 1 a/b x"));
    assert_int_equal(d.log.len, strlen("P1-- 1 a/b x #1 #2;"));
    done(&d);
}

static void every_identifier_is_named(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};
    char filter[48], topic[48];
    unsigned named = 0;

    f->limits.subscriptions_per_session = 20;
    attach(f->hubs[0], &d, &(struct wish){.principal = "d", .client = "c"});
    for (uint32_t i = 1; i <= 20; i++) {
        (void)snprintf(filter, sizeof(filter), "a/%.*s#", 2 * (int)(i - 1),
                       "b/b/b/b/b/b/b/b/b/b/b/b/b/b/b/b/b/b/b/b/");
        subscribe(&d, filter, 0, i);
    }
    (void)snprintf(topic, sizeof(topic), "a/%.*s", 39, "b/b/b/b/b/b/b/b/b/b/b/b/b/b/b/b/b/b/b/b/");
    publish(f->hubs[0], topic, "x", 0);
    for (size_t i = 0; i < d.log.len; i++)
        named += d.log.data[i] == '#';
    assert_int_equal(named, 20);
    done(&d);
}

static void limits_of_subscriptions_and_sessions(void **state)
{
    struct fixture *f = *state;
    const struct mrl_subscribe_options o = {0};
    struct door d[3] = {0};
    bool flag;

    attach(f->hubs[0], &d[0], &(struct wish){.principal = "d", .client = "1", .most = 2});
    attach(f->hubs[0], &d[1], &(struct wish){.principal = "d", .client = "2", .most = 2});
    assert_int_equal(try_attach(f->hubs[0], &d[2],
                                &(struct wish){.principal = "d", .client = "3", .most = 2}, &flag),
                     MRL_ERR_LIMIT);
    subscribe(&d[0], "a", 0, 0);
    subscribe(&d[0], "b", 0, 0);
    assert_int_equal(mrl_session_subscribe(d[0].session, MRL_LIT("c"), &o, &flag), MRL_ERR_LIMIT);
    assert_ok(mrl_session_subscribe(d[0].session, MRL_LIT("a"), &o, &flag));
    assert_true(flag);
    assert_ok(mrl_session_unsubscribe(d[0].session, MRL_LIT("a")));
    assert_int_equal(mrl_session_unsubscribe(d[0].session, MRL_LIT("a")), MRL_ERR_NOT_FOUND);
    assert_ok(mrl_session_subscribe(d[0].session, MRL_LIT("c"), &o, &flag));
    done(&d[0]);
    done(&d[1]);
}

static bool send_from_server(struct door *d, const char *topic)
{
    const struct mrl_publication message = {
        .topic = mrl_str(topic), .payload = MRL_LIT("x"), .qos = 1};
    struct mrl_publication *p = mrl_publication_new(&message);
    bool sent = mrl_session_send(d->session, p);

    mrl_publication_unref(p);
    return sent;
}

static void what_the_server_sends_to_one_session_no_other_sees(void **state)
{
    struct fixture *f = *state;
    struct door one = {0}, other = {0};

    attach(f->hubs[0], &one, &(struct wish){.principal = "d", .client = "c"});
    attach(f->hubs[0], &other, &(struct wish){.principal = "d", .client = "e"});
    subscribe(&one, "$a/b", 1, 7);
    subscribe(&one, "$a/+", 1, 0);
    subscribe(&other, "$a/b", 1, 0);
    assert_true(send_from_server(&one, "$a/b"));
    assert_saw(&one, "P1-- 1 $a/b x #7;"); /* of the subscription to exactly this topic */
    assert_saw(&other, "");
    assert_false(send_from_server(&one, "$a/c")); /* a wildcard does not ask for it */
    assert_saw(&one, "");
    subscribe(&other, "$a/b", 0, 0);
    assert_true(send_from_server(&other, "$a/b"));
    assert_saw(&other, "P0-- 0 $a/b x;");
    done(&one);
    done(&other);
}

static void messages_reach_the_other_worker(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};
    bool receivers = true;

    assert_ok(publish_as(f->hubs[0], &(struct mrl_publication){.topic = MRL_LIT("t")}, &receivers));
    assert_false(receivers);
    attach(f->hubs[1], &d, &(struct wish){.principal = "d", .client = "c"});
    subscribe(&d, "t", 1, 0);
    assert_ok(publish_as(
        f->hubs[0], &(struct mrl_publication){.topic = MRL_LIT("t"), .payload = MRL_LIT("far")},
        &receivers));
    assert_true(receivers);
    assert_saw(&d, "");
    assert_ok(mrl_loop_turn(f->loop, 0));
    assert_saw(&d, "P0-- 0 t far;");
    assert_ok(publish_as(f->hubs[0], &(struct mrl_publication){.topic = MRL_LIT("u")}, &receivers));
    assert_false(receivers); /* it has subscriptions, but none of this topic */
    done(&d);
}

static void no_local_and_too_large(void **state)
{
    struct fixture *f = *state;
    const struct mrl_subscribe_options o = {.qos = 1, .no_local = true};
    struct door d = {0};
    bool existed;

    attach(f->hubs[0], &d, &(struct wish){.principal = "d", .client = "c"});
    assert_ok(mrl_session_subscribe(d.session, MRL_LIT("t"), &o, &existed));
    assert_ok(publish_as(
        f->hubs[0],
        &(struct mrl_publication){.topic = MRL_LIT("t"), .origin = mrl_session_number(d.session)},
        NULL));
    assert_saw(&d, "");
    d.largest = 1;
    publish(f->hubs[0], "t", "too large", 1);
    publish(f->hubs[0], "t", "x", 1);
    assert_saw(&d, "P1-- 2 t x;");
    assert_int_equal(f->drops, 1);
    done(&d);
}

static void count_seen(void *context, const struct mrl_publication *p)
{
    (void)p;
    (*(unsigned *)context)++;
}

static void a_listener_sees_until_it_is_removed(void **state)
{
    struct fixture *f = *state;
    struct mrl_hub_listener *l;
    unsigned seen = 0;

    assert_ok(mrl_hub_listen(f->hubs[0], MRL_LIT("a/#"), count_seen, &seen, &l));
    publish(f->hubs[0], "a/b", "x", 0);
    publish(f->hubs[0], "b", "x", 0);
    mrl_hub_unlisten(f->hubs[0], l);
    publish(f->hubs[0], "a/b", "x", 0);
    assert_int_equal(seen, 1);
}

static void note_end(void *context, const struct mrl_publication *p)
{
    *(uint64_t *)context = p->expires_ms;
}

static void the_life_of_a_will_begins_when_it_is_published(void **state)
{
    struct fixture *f = *state;
    struct mrl_hub_listener *l;
    struct door d = {0};
    uint64_t before, end = 0;

    assert_ok(mrl_hub_listen(f->hubs[0], MRL_LIT("w"), note_end, &end, &l));
    attach(f->hubs[0], &d,
           &(struct wish){.principal = "d", .client = "c", .will = "w", .will_life_ms = 5000});
    before = mrl_monotonic_ms();
    mrl_session_detach(d.session, MRL_DETACH_WITH_WILL);
    assert_in_range(end, before + 5000, mrl_monotonic_ms() + 5000);
    attach(f->hubs[0], &d, &(struct wish){.principal = "d", .client = "c", .will = "w"});
    mrl_session_detach(d.session, MRL_DETACH_WITH_WILL);
    assert_int_equal(end, 0); /* no end */
    mrl_hub_unlisten(f->hubs[0], l);
}

static void what_has_no_time_left_is_not_sent(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    attach(f->hubs[0], &d, &(struct wish){.principal = "d", .client = "c"});
    subscribe(&d, "t", 1, 0);
    for (uint8_t qos = 0; qos < 2; qos++) {
        const struct mrl_publication late = {
            .topic = MRL_LIT("t"), .qos = qos, .expires_ms = mrl_monotonic_ms()};
        struct mrl_publication *p = mrl_publication_new(&late);

        assert_ok(mrl_hub_publish(f->hubs[0], p, NULL));
        mrl_publication_unref(p);
    }
    publish(f->hubs[0], "t", "x", 0);
    assert_saw(&d, "P0-- 0 t x;");
    done(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(two_principals_with_one_client_id_do_not_meet),
        CASE(two_kinds_of_principal_with_one_name_do_not_meet),
        CASE(a_second_connection_takes_over_with_what_waited),
        CASE(a_session_without_expiry_ends_when_its_connection_is_taken_over),
        CASE(qos2_goes_through_its_steps_and_window),
        CASE(a_received_qos2_message_is_new_once),
        CASE(the_queue_holds_its_limit_and_not_one_more),
        CASE(overlapping_subscriptions_deliver_once_at_the_highest_qos),
        CASE(every_identifier_is_named),
        CASE(limits_of_subscriptions_and_sessions),
        CASE(what_the_server_sends_to_one_session_no_other_sees),
        CASE(messages_reach_the_other_worker),
        CASE(no_local_and_too_large),
        CASE(a_listener_sees_until_it_is_removed),
        CASE(the_life_of_a_will_begins_when_it_is_published),
        CASE(what_has_no_time_left_is_not_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
