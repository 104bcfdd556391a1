/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/session.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/rcu.h"
#include "tests/unit/unit.h"

enum { KIND = 1, HUBS = 2, IN_FLIGHT = 3, QUEUED = 4, SUBSCRIPTIONS = 2 };

/* A door that writes down what it is told: "P<qos><d|-><r|-> id topic payload", "R id", "E reason".
 */
struct door {
    struct mrl_buf log;
    struct mrl_session *session;
    size_t largest; /* payload it takes */
};

struct fixture {
    struct mrl_loop *loop;
    struct mrl_mailbox *mailboxes[HUBS];
    struct mrl_hub *hubs[HUBS];
    struct mrl_retained *retained;
    struct mrl_routes *routes;
    const char *denied; /* a name the policy denies */
    bool lowered;       /* the policy gives one QoS less than a subscription has */
    struct mrl_hub_question asked;
    bool may_connect;
    unsigned drops;
    struct mrl_hub_limits limits;
};

static const struct mrl_hub_limits limits = {.subscriptions_per_session = SUBSCRIPTIONS,
                                             .queued_messages = QUEUED,
                                             .queued_bytes = 1 << 16,
                                             .in_flight = IN_FLIGHT,
                                             .session_expiry_s = 3600};

static enum mrl_sent log_publish(void *door, const struct mrl_delivery *d)
{
    struct door *to = door;

    if (d->publication->payload.len > to->largest)
        return MRL_SENT_TOO_LARGE;
    assert_ok(mrl_buf_printf(&to->log, "P%d%s%s %d %.*s %.*s", d->qos, d->dup ? "d" : "-",
                             d->retain ? "r" : "-", d->packet_id, MRL_FMT(d->publication->topic),
                             MRL_FMT(d->publication->payload)));
    for (size_t i = 0; i < d->identifier_count; i++)
        assert_ok(mrl_buf_printf(&to->log, " #%u", d->identifiers[i]));
    assert_ok(mrl_buf_printf(&to->log, ";"));
    return MRL_SENT;
}

static void log_pubrel(void *door, uint16_t packet_id)
{
    assert_ok(mrl_buf_printf(&((struct door *)door)->log, "R %d;", packet_id));
}

static void log_evict(void *door, enum mrl_evict_reason why)
{
    assert_ok(mrl_buf_printf(&((struct door *)door)->log, "E %d;", why));
    ((struct door *)door)->session = NULL;
}

static enum mrl_room always_room(void *door)
{
    (void)door;
    return MRL_ROOM_MUCH;
}

static const struct mrl_session_sink sink = {log_publish, log_pubrel, log_evict, always_room};

static bool may_connect(void *context, const struct mrl_session *s)
{
    (void)s;
    return ((struct fixture *)context)->may_connect;
}

static bool may(void *context, const struct mrl_session *s, struct mrl_hub_question *question)
{
    struct fixture *f = context;

    (void)s;
    f->asked = *question;
    if (f->lowered && question->qos > 0)
        question->qos--;
    return f->denied == NULL || !mrl_bytes_eq(question->name, mrl_str(f->denied));
}

static void dropped(void *context, const struct mrl_session *s, mrl_err why)
{
    (void)s;
    (void)why;
    ((struct fixture *)context)->drops++;
}

static int set_up(void **state)
{
    static struct fixture f;
    const struct mrl_hub_hooks hooks = {&f, may_connect, may, dropped};

    f = (struct fixture){.may_connect = true, .limits = limits};
    mrl_rcu_register();
    f.retained = mrl_retained_new(3, 1 << 20);
    f.routes = mrl_routes_new();
    assert_ok(mrl_loop_new(&f.loop));
    for (unsigned i = 0; i < HUBS; i++) {
        assert_ok(mrl_mailbox_new(f.loop, NULL, &f.mailboxes[i]));
        f.hubs[i] = mrl_hub_new(f.loop, f.mailboxes[i], i, f.retained, f.routes, &f.limits, &hooks);
    }
    for (unsigned i = 0; i < HUBS; i++)
        mrl_hub_join(f.hubs[i], f.hubs, HUBS);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < HUBS; i++) {
        mrl_mailbox_free(f->mailboxes[i]);
        mrl_hub_free(f->hubs[i]);
    }
    mrl_loop_free(f->loop);
    mrl_retained_free(f->retained);
    mrl_routes_free(f->routes);
    return 0;
}

struct wish {
    uint8_t kind; /* 0: KIND */
    const char *principal, *client;
    bool clean;
    uint32_t expiry_s;
    uint16_t receive_maximum;
    unsigned most;
    const char *will;
    uint32_t will_delay_s;
    uint64_t will_life_ms;
};

static mrl_err try_attach(struct mrl_hub *h, struct door *d, const struct wish *w, bool *present)
{
    const struct mrl_publication will = {.topic = mrl_str(w->will), .payload = MRL_LIT("gone")};
    struct mrl_attach a = {
        .key = {w->kind != 0 ? w->kind : KIND, mrl_str(w->principal), mrl_str(w->client)},
        .clean_start = w->clean,
        .expiry_s = w->expiry_s,
        .receive_maximum = w->receive_maximum != 0 ? w->receive_maximum : UINT16_MAX,
        .most_sessions = w->most != 0 ? w->most : 10,
        .will = {.publication = w->will != NULL ? mrl_publication_new(&will) : NULL,
                 .delay_s = w->will_delay_s,
                 .life_ms = w->will_life_ms},
        .sink = &sink,
        .door = d,
    };

    d->largest = 1000;
    return mrl_session_attach(h, &a, &d->session, present);
}

static bool attach(struct mrl_hub *h, struct door *d, const struct wish *w)
{
    bool present = false;

    assert_ok(try_attach(h, d, w, &present));
    mrl_session_start(d->session);
    return present;
}

static void subscribe(struct door *d, const char *filter, uint8_t qos, uint32_t identifier)
{
    const struct mrl_subscribe_options o = {.qos = qos, .identifier = identifier};
    bool existed;

    assert_ok(mrl_session_subscribe(d->session, mrl_str(filter), &o, &existed));
}

static mrl_err publish_as(struct mrl_hub *h, const struct mrl_publication *like, bool *receivers)
{
    struct mrl_publication *p = mrl_publication_new(like);
    mrl_err err = mrl_hub_publish(h, p, receivers);

    mrl_publication_unref(p);
    return err;
}

static void publish(struct mrl_hub *h, const char *topic, const char *payload, uint8_t qos)
{
    assert_ok(publish_as(
        h,
        &(struct mrl_publication){.topic = mrl_str(topic), .payload = mrl_str(payload), .qos = qos},
        NULL));
}

/* What the door saw since the last look. */
#define assert_saw(d, text)                                  \
    do {                                                     \
        assert_ok(mrl_buf_append(&(d)->log, MRL_LIT("\0"))); \
        assert_string_equal((char *)(d)->log.data, text);    \
        mrl_buf_clear(&(d)->log);                            \
    } while (0)

static void done(struct door *d)
{
    if (d->session != NULL)
        mrl_session_detach(d->session, MRL_DETACH_CLEAN);
    d->session = NULL;
    mrl_buf_done(&d->log);
}

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

static void retained_messages_are_kept_replaced_and_removed(void **state)
{
    struct fixture *f = *state;
    struct mrl_publication m = {.topic = MRL_LIT("r/1"), .payload = MRL_LIT("old"), .retain = true};
    struct door d = {0};

    assert_ok(publish_as(f->hubs[1], &m, NULL));
    m.payload = MRL_LIT("new");
    assert_ok(publish_as(f->hubs[1], &m, NULL));
    attach(f->hubs[0], &d, &(struct wish){.principal = "d", .client = "c"});
    subscribe(&d, "r/+", 1, 0);
    mrl_session_send_retained(d.session, MRL_LIT("r/+"));
    assert_saw(&d, "P0-r 0 r/1 new;");
    for (int i = 2; i <= 3; i++) {
        m.topic = i == 2 ? MRL_LIT("r/2") : MRL_LIT("r/3");
        assert_ok(publish_as(f->hubs[0], &m, NULL));
    }
    assert_saw(&d, "P0-- 0 r/2 new;P0-- 0 r/3 new;");
    m.topic = MRL_LIT("r/4");
    assert_int_equal(publish_as(f->hubs[0], &m, NULL), MRL_ERR_LIMIT);
    m.topic = MRL_LIT("r/1");
    m.payload = MRL_BYTES_NONE;
    assert_ok(publish_as(f->hubs[0], &m, NULL));
    assert_int_equal(mrl_retained_count(f->retained), 2);
    done(&d);
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

static void an_expired_retained_message_leaves_its_place(void **state)
{
    struct fixture *f = *state;
    const uint64_t now = mrl_monotonic_ms();
    struct mrl_publication m = {.payload = MRL_LIT("x"), .retain = true};
    struct mrl_retained_change gone[4];
    static const char *const topics[] = {"r/1", "r/2", "r/3"};

    for (uint64_t i = 0; i < 3; i++) {
        m.topic = mrl_str(topics[i]);
        m.expires_ms = i == 2 ? 0 : now + 100000 * (i + 1);
        assert_ok(publish_as(f->hubs[0], &m, NULL));
    }
    assert_int_equal(mrl_retained_expire(f->retained, now + 99000, 0, gone, 4), 0);
    assert_int_equal(mrl_retained_expire(f->retained, now + 101000, 0, gone, 4), 1);
    assert_bytes_equal(gone[0].previous->topic, MRL_LIT("r/1"));
    mrl_publication_unref(gone[0].previous);
    m.topic = MRL_LIT("r/4"); /* there were three places */
    m.expires_ms = now + 200000;
    assert_ok(publish_as(f->hubs[0], &m, NULL));
    m.topic = MRL_LIT("r/2"); /* a newer one takes the place, and expires when it says */
    m.expires_ms = now + 400000;
    assert_ok(publish_as(f->hubs[0], &m, NULL));
    assert_int_equal(mrl_retained_expire(f->retained, now + 300000, 0, gone, 4), 1);
    assert_bytes_equal(gone[0].previous->topic, MRL_LIT("r/4"));
    mrl_publication_unref(gone[0].previous);
    assert_int_equal(mrl_retained_count(f->retained), 2);
}

static void expired_ones_go_a_few_at_a_time(void **state)
{
    struct fixture *f = *state;
    const uint64_t now = mrl_monotonic_ms();
    struct mrl_publication m = {.payload = MRL_LIT("x"), .retain = true, .expires_ms = now + 1000};
    struct mrl_retained_change gone[2];
    static const char *const topics[] = {"r/1", "r/2", "r/3"};

    for (int i = 0; i < 3; i++) {
        m.topic = mrl_str(topics[i]);
        assert_ok(publish_as(f->hubs[0], &m, NULL));
    }
    assert_int_equal(mrl_retained_expire(f->retained, now + 9000, 0, gone, 2), 2);
    mrl_publication_unref(gone[0].previous);
    mrl_publication_unref(gone[1].previous);
    assert_int_equal(mrl_retained_expire(f->retained, now + 9000, 0, gone, 2), 1);
    mrl_publication_unref(gone[0].previous);
    assert_int_equal(mrl_retained_count(f->retained), 0);
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

static void a_principal_that_may_not_stay_is_evicted_alone(void **state)
{
    struct fixture *f = *state;
    struct door bad = {0}, good = {0};

    attach(f->hubs[0], &bad, &(struct wish){.principal = "bad", .client = "c", .expiry_s = 60});
    attach(f->hubs[0], &good, &(struct wish){.principal = "good", .client = "c", .expiry_s = 60});
    f->may_connect = false;
    mrl_hub_rejudge(f->hubs[0], KIND, MRL_LIT("bad"));
    assert_saw(&bad, "E 1;");
    assert_saw(&good, "");
    assert_int_equal(mrl_hub_session_count(f->hubs[0]), 1);
    mrl_hub_rejudge(f->hubs[0], KIND, MRL_LIT("nobody"));
    assert_int_equal(mrl_hub_session_count(f->hubs[0]), 1);
    done(&bad);
    done(&good);
}

static void a_narrower_policy_takes_subscriptions_away(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    attach(f->hubs[0], &d, &(struct wish){.principal = "d", .client = "c"});
    subscribe(&d, "a", 0, 0);
    subscribe(&d, "b", 0, 0);
    f->denied = "a";
    mrl_hub_rejudge(f->hubs[0], KIND, MRL_BYTES_NONE);
    publish(f->hubs[0], "a", "x", 0);
    publish(f->hubs[0], "b", "x", 0);
    assert_saw(&d, "P0-- 0 b x;");
    done(&d);
}

static void a_narrower_policy_takes_shared_subscriptions_away(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    attach(f->hubs[0], &d, &(struct wish){.principal = "d", .client = "c"});
    subscribe(&d, "$share/g/a", 0, 0);
    subscribe(&d, "$share/g/b", 0, 0);
    f->denied = "$share/g/a";
    mrl_hub_rejudge(f->hubs[0], KIND, MRL_BYTES_NONE);
    publish(f->hubs[0], "a", "x", 0);
    publish(f->hubs[0], "b", "x", 0);
    assert_saw(&d, "P0-- 0 b x;");
    done(&d);
}

static void a_lower_qos_acts_on_a_subscription_that_stands(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    attach(f->hubs[0], &d, &(struct wish){.principal = "d", .client = "c"});
    subscribe(&d, "a", 1, 0);
    f->lowered = true;
    mrl_hub_rejudge(f->hubs[0], KIND, MRL_LIT("d"));
    assert_int_equal(f->asked.action, MRL_HUB_SUBSCRIBE);
    publish(f->hubs[0], "a", "x", 1);
    assert_saw(&d, "P0-- 0 a x;");
    done(&d);
}

static void a_lost_connection_sends_the_will_and_a_denied_will_stays(void **state)
{
    struct fixture *f = *state;
    struct door d = {0}, watcher = {0};
    const struct wish w = {.principal = "d", .client = "c", .will = "w"};

    attach(f->hubs[0], &watcher, &(struct wish){.principal = "w", .client = "w"});
    subscribe(&watcher, "w", 0, 0);
    attach(f->hubs[0], &d, &w);
    mrl_session_detach(d.session, MRL_DETACH_WITH_WILL);
    assert_saw(&watcher, "P0-- 0 w gone;");
    f->denied = "w";
    attach(f->hubs[0], &d, &w);
    mrl_session_detach(d.session, MRL_DETACH_WITH_WILL);
    assert_saw(&watcher, "");
    attach(f->hubs[0], &d, &w);
    done(&d);
    assert_saw(&watcher, "");
    done(&watcher);
}

static void turn(struct fixture *f)
{
    for (int i = 0; i < 5; i++)
        assert_ok(mrl_loop_turn(f->loop, 0));
}

static unsigned messages_of(struct door *d)
{
    unsigned messages = 0;

    for (size_t i = 0; i < d->log.len; i++)
        messages += d->log.data[i] == ';';
    mrl_buf_clear(&d->log);
    return messages;
}

/* n members of one share, alternately on the two workers, and an acknowledged subscription each. */
static void join_share(struct fixture *f, struct door *members, unsigned n, const char *filter)
{
    static const char *const names[] = {"m0", "m1", "m2", "m3"};

    for (unsigned i = 0; i < n; i++) {
        attach(f->hubs[i % HUBS], &members[i],
               &(struct wish){.principal = names[i], .client = "c", .expiry_s = 60});
        subscribe(&members[i], filter, 1, 0);
    }
}

static void each_message_of_a_share_goes_to_one_member_in_turn(void **state)
{
    struct fixture *f = *state;
    struct door m[4] = {0};

    join_share(f, m, 4, "$share/g/t/#");
    for (int i = 0; i < 40; i++)
        publish(f->hubs[i % 2], "t/x", "x", 0);
    turn(f);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(messages_of(&m[i]), 10);
        done(&m[i]);
    }
}

static void members_that_are_connected_come_before_those_that_are_not(void **state)
{
    struct fixture *f = *state;
    struct door m[4] = {0};
    bool receivers;

    join_share(f, m, 4, "$share/g/t");
    for (int i = 0; i < 3; i++) {
        mrl_session_detach(m[i].session, MRL_DETACH_CLEAN);
        m[i].session = NULL;
    }
    for (int i = 0; i < 3; i++)
        publish(f->hubs[0], "t", "x", 1);
    turn(f);
    assert_int_equal(messages_of(&m[3]), 3);
    for (uint16_t id = 1; id <= 3; id++)
        assert_ok(mrl_session_puback(m[3].session, id));
    mrl_session_detach(m[3].session, MRL_DETACH_CLEAN);
    m[3].session = NULL;
    for (int i = 0; i < 8; i++) {
        assert_ok(publish_as(f->hubs[0], &(struct mrl_publication){.topic = MRL_LIT("t"), .qos = 1},
                             &receivers));
        assert_true(receivers);
    }
    turn(f);
    for (unsigned i = 0; i < 4; i++) { /* two wait for each */
        static const char *const names[] = {"m0", "m1", "m2", "m3"};

        assert_true(attach(f->hubs[i % HUBS], &m[i],
                           &(struct wish){.principal = names[i], .client = "c", .expiry_s = 0}));
        assert_int_equal(messages_of(&m[i]), 2);
    }
    for (unsigned i = 0; i < 4; i++)
        done(&m[i]);
}

static void shares_with_other_names_and_ordinary_subscriptions_get_theirs(void **state)
{
    struct fixture *f = *state;
    struct door m[3] = {0};

    join_share(f, m, 2, "$share/one/+");
    attach(f->hubs[1], &m[2], &(struct wish){.principal = "m2", .client = "c"});
    subscribe(&m[2], "$share/two/t", 1, 7);
    subscribe(&m[2], "t", 0, 8);
    publish(f->hubs[0], "t", "x", 1);
    turn(f);
    assert_int_equal(messages_of(&m[0]) + messages_of(&m[1]), 1);
    assert_int_equal(m[2].log.len, strlen("P0-- 0 t x #8;P1-- 1 t x #7;"));
    for (int i = 0; i < 3; i++)
        done(&m[i]);
}

/* MQTT 5.0 4.8.2: QoS 1 should go on, QoS 2 that may have arrived must not. */
static void what_a_member_leaves_behind_goes_to_another_one(void **state)
{
    struct fixture *f = *state;
    struct door leaves = {0}, stays = {0};

    attach(f->hubs[0], &leaves, &(struct wish){.principal = "leaves", .client = "c"});
    subscribe(&leaves, "$share/g/t", 2, 0);
    publish(f->hubs[0], "t", "one", 1);
    publish(f->hubs[0], "t", "two", 2);
    publish(f->hubs[0], "t", "acknowledged", 1);
    publish(f->hubs[0], "t", "queued", 2);
    assert_ok(mrl_session_puback(leaves.session, 3));
    publish(f->hubs[0], "t", "last", 1);
    assert_saw(&leaves, "P1-- 1 t one;P2-- 2 t two;P1-- 3 t acknowledged;P2-- 4 t queued;");
    attach(f->hubs[1], &stays, &(struct wish){.principal = "stays", .client = "c"});
    subscribe(&stays, "$share/g/t", 1, 0);
    done(&leaves);
    turn(f);
    assert_saw(&stays, "P1-- 1 t one;P1-- 2 t last;");
    done(&stays);
}

static void a_member_whose_queue_is_full_is_passed_over(void **state)
{
    struct fixture *f = *state;
    struct door slow = {0}, fast = {0};

    attach(f->hubs[0], &slow,
           &(struct wish){.principal = "slow", .client = "c", .receive_maximum = 1});
    attach(f->hubs[0], &fast, &(struct wish){.principal = "fast", .client = "c"});
    subscribe(&slow, "$share/g/t", 1, 0);
    subscribe(&fast, "$share/g/t", 1, 0);
    for (int i = 0; i < 1 + QUEUED + IN_FLIGHT + QUEUED; i++)
        publish(f->hubs[0], "t", "x", 1);
    assert_int_equal(f->drops, 0);
    publish(f->hubs[0], "t", "x", 1); /* now nobody has room */
    assert_int_equal(f->drops, 1);
    done(&slow);
    f->drops = 0;
    done(&fast);
}

static void a_share_without_members_is_nobody(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};
    bool receivers;

    attach(f->hubs[1], &d, &(struct wish){.principal = "d", .client = "c"});
    subscribe(&d, "$share/g/t", 1, 0);
    assert_ok(mrl_session_unsubscribe(d.session, MRL_LIT("$share/g/t")));
    assert_ok(publish_as(f->hubs[0], &(struct mrl_publication){.topic = MRL_LIT("t")}, &receivers));
    assert_false(receivers);
    assert_int_equal(mrl_routes_count(f->routes), 0);
    done(&d);
}

/* The choice was made, and before it arrives the member is gone. */
static void a_choice_that_comes_too_late_is_made_anew(void **state)
{
    struct fixture *f = *state;
    struct door gone = {0}, here = {0};

    attach(f->hubs[1], &gone, &(struct wish){.principal = "gone", .client = "c"});
    subscribe(&gone, "$share/g/t", 0, 0);
    publish(f->hubs[0], "t", "x", 0);
    attach(f->hubs[0], &here, &(struct wish){.principal = "here", .client = "c"});
    subscribe(&here, "$share/g/t", 0, 0);
    done(&gone);
    turn(f);
    assert_saw(&here, "P0-- 0 t x;");
    done(&here);
}

static void a_share_sends_no_retained_messages(void **state)
{
    struct fixture *f = *state;
    const struct mrl_publication m = {
        .topic = MRL_LIT("r/1"), .payload = MRL_LIT("old"), .retain = true};
    struct door d = {0};

    assert_ok(publish_as(f->hubs[1], &m, NULL));
    attach(f->hubs[0], &d, &(struct wish){.principal = "d", .client = "c"});
    subscribe(&d, "$share/g/r/+", 1, 0);
    mrl_session_send_retained(d.session, MRL_LIT("$share/g/r/+"));
    assert_saw(&d, "");
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

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
        CASE(retained_messages_are_kept_replaced_and_removed),
        CASE(what_the_server_sends_to_one_session_no_other_sees),
        CASE(an_expired_retained_message_leaves_its_place),
        CASE(expired_ones_go_a_few_at_a_time),
        CASE(messages_reach_the_other_worker),
        CASE(no_local_and_too_large),
        CASE(a_principal_that_may_not_stay_is_evicted_alone),
        CASE(a_narrower_policy_takes_subscriptions_away),
        CASE(a_narrower_policy_takes_shared_subscriptions_away),
        CASE(a_lower_qos_acts_on_a_subscription_that_stands),
        CASE(a_lost_connection_sends_the_will_and_a_denied_will_stays),
        CASE(each_message_of_a_share_goes_to_one_member_in_turn),
        CASE(members_that_are_connected_come_before_those_that_are_not),
        CASE(shares_with_other_names_and_ordinary_subscriptions_get_theirs),
        CASE(what_a_member_leaves_behind_goes_to_another_one),
        CASE(a_member_whose_queue_is_full_is_passed_over),
        CASE(a_share_without_members_is_nobody),
        CASE(a_choice_that_comes_too_late_is_made_anew),
        CASE(a_share_sends_no_retained_messages),
        CASE(a_listener_sees_until_it_is_removed),
        CASE(the_life_of_a_will_begins_when_it_is_published),
        CASE(what_has_no_time_left_is_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
