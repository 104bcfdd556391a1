/* SPDX-License-Identifier: Apache-2.0 */
/* What one session may hold is asked for, and a change acts on sessions that are there. */
#include "messages/session.h"

#include <stdio.h>
#include <string.h>

#include "base/rcu.h"
#include "tests/unit/unit.h"

enum { KIND = 1 };

struct fixture {
    struct mrl_loop *loop;
    struct mrl_mailbox *mailbox;
    struct mrl_hub *hub;
    struct mrl_retained *retained;
    struct mrl_routes *routes;
    struct mrl_session_limits given; /* to the principal "small" */
    struct mrl_session *session;
    unsigned sent, full;
    mrl_err last_drop;
};

static const struct mrl_hub_limits wide = {.subscriptions_per_session = 100,
                                           .queued_messages = 100,
                                           .queued_bytes = 1 << 16,
                                           .in_flight = 100,
                                           .session_expiry_s = 3600};

static bool on_publish(void *door, const struct mrl_delivery *d)
{
    (void)d;
    ((struct fixture *)door)->sent++;
    return true;
}

static void on_pubrel(void *door, uint16_t packet_id)
{
    (void)door;
    (void)packet_id;
}

static void on_evict(void *door, enum mrl_evict_reason why)
{
    (void)why;
    ((struct fixture *)door)->session = NULL;
}

static enum mrl_room always_room(void *door)
{
    (void)door;
    return MRL_ROOM_MUCH;
}

static const struct mrl_session_sink sink = {on_publish, on_pubrel, on_evict, always_room};

static bool may_connect(void *context, const struct mrl_session *s)
{
    (void)context;
    (void)s;
    return true;
}

static bool may(void *context, const struct mrl_session *s, struct mrl_hub_question *question)
{
    (void)context;
    (void)s;
    (void)question;
    return true;
}

static void dropped(void *context, const struct mrl_session *s, mrl_err why)
{
    struct fixture *f = context;

    (void)s;
    f->last_drop = why;
    f->full += why == MRL_ERR_BUSY;
}

static void limits_of(void *context, const struct mrl_session_key *key,
                      struct mrl_session_limits *out)
{
    const struct fixture *f = context;

    if (mrl_bytes_eq(key->principal, MRL_LIT("small")))
        *out = f->given;
}

static int set_up(void **state)
{
    static struct fixture f;
    const struct mrl_hub_hooks hooks = {&f, may_connect, may, dropped, limits_of};

    f = (struct fixture){.given = {.subscriptions = 2,
                                   .queued_messages = 2,
                                   .in_flight = 2,
                                   .queued_bytes = 1 << 16,
                                   .retained_messages = 2,
                                   .retained_bytes = 1 << 16}};
    mrl_rcu_register();
    f.retained = mrl_retained_new(100, 1 << 20);
    f.routes = mrl_routes_new();
    assert_ok(mrl_loop_new(&f.loop));
    assert_ok(mrl_mailbox_new(f.loop, NULL, &f.mailbox));
    f.hub = mrl_hub_new(f.loop, f.mailbox, 0, f.retained, f.routes, &wide, &hooks);
    mrl_hub_join(f.hub, &f.hub, 1);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    mrl_mailbox_free(f->mailbox);
    mrl_hub_free(f->hub);
    mrl_loop_free(f->loop);
    mrl_retained_free(f->retained);
    mrl_routes_free(f->routes);
    return 0;
}

static void attach(struct fixture *f, const char *principal)
{
    const struct mrl_attach a = {.key = {KIND, mrl_str(principal), MRL_LIT("c")},
                                 .expiry_s = 60,
                                 .receive_maximum = UINT16_MAX,
                                 .most_sessions = 10,
                                 .sink = &sink,
                                 .door = f};
    bool present;

    assert_ok(mrl_session_attach(f->hub, &a, &f->session, &present));
    mrl_session_start(f->session);
}

static mrl_err subscribe(struct fixture *f, const char *filter)
{
    const struct mrl_subscribe_options o = {.qos = 1};
    bool existed;

    return mrl_session_subscribe(f->session, mrl_str(filter), &o, &existed);
}

static void publish(struct fixture *f, unsigned times)
{
    const struct mrl_publication like = {.topic = MRL_LIT("t"), .payload = MRL_LIT("x"), .qos = 1};

    while (times-- > 0) {
        struct mrl_publication *p = mrl_publication_new(&like);

        assert_ok(mrl_hub_publish(f->hub, p, NULL));
        mrl_publication_unref(p);
    }
}

static void subscriptions_hold_the_limit_of_their_principal(void **state)
{
    struct fixture *f = *state;

    attach(f, "small");
    assert_ok(subscribe(f, "a"));
    assert_ok(subscribe(f, "b"));
    assert_int_equal(subscribe(f, "c"), MRL_ERR_LIMIT);
    attach(f, "other");
    for (unsigned i = 0; i < wide.subscriptions_per_session; i++) {
        char filter[16];

        (void)snprintf(filter, sizeof(filter), "f/%u", i);
        assert_ok(subscribe(f, filter));
    }
    assert_int_equal(subscribe(f, "more"), MRL_ERR_LIMIT);
}

static void the_window_and_the_queue_are_those_of_the_principal(void **state)
{
    struct fixture *f = *state;

    attach(f, "small");
    assert_int_equal(mrl_session_receive_maximum(f->session), 2);
    assert_ok(subscribe(f, "t"));
    publish(f, 4); /* two under way, two wait */
    assert_int_equal(f->sent, 2);
    assert_int_equal(f->full, 0);
    publish(f, 1);
    assert_int_equal(f->full, 1);
    assert_int_equal(f->last_drop, MRL_ERR_BUSY);
}

static void the_bytes_of_a_queue_are_those_of_the_principal(void **state)
{
    const struct mrl_publication like = {.topic = MRL_LIT("t"), .payload = MRL_LIT("x"), .qos = 1};
    struct fixture *f = *state;

    f->given.queued_messages = 100;
    f->given.queued_bytes = 3 * mrl_publication_size(&like);
    attach(f, "small");
    assert_ok(subscribe(f, "t"));
    publish(f, 2 + 3);
    assert_int_equal(f->full, 0);
    publish(f, 1);
    assert_int_equal(f->full, 1);
}

static void a_byte_less_for_a_queue_is_a_message_less(void **state)
{
    const struct mrl_publication like = {.topic = MRL_LIT("t"), .payload = MRL_LIT("x"), .qos = 1};
    struct fixture *f = *state;

    f->given.queued_messages = 100;
    f->given.queued_bytes = 3 * mrl_publication_size(&like) - 1;
    attach(f, "small");
    assert_ok(subscribe(f, "t"));
    publish(f, 2 + 2);
    assert_int_equal(f->full, 0);
    publish(f, 1);
    assert_int_equal(f->full, 1);
}

static void a_change_acts_on_a_session_that_is_there(void **state)
{
    struct fixture *f = *state;

    attach(f, "small");
    assert_ok(subscribe(f, "t"));
    assert_ok(subscribe(f, "b"));
    f->given.subscriptions = 3;
    f->given.queued_messages = 5;
    assert_int_equal(subscribe(f, "c"), MRL_ERR_LIMIT);
    mrl_hub_rejudge(f->hub, KIND, MRL_LIT("small"));
    assert_ok(subscribe(f, "c"));
    publish(f, 2 + 5);
    assert_int_equal(f->full, 0);
    publish(f, 1);
    assert_int_equal(f->full, 1);
}

static void what_the_connection_was_told_stays_until_the_next_one(void **state)
{
    struct fixture *f = *state;
    bool is_new;

    attach(f, "small");
    f->given.in_flight = 5;
    mrl_hub_rejudge(f->hub, KIND, MRL_LIT("small"));
    assert_int_equal(mrl_session_receive_maximum(f->session), 2);
    assert_ok(mrl_session_receive_qos2(f->session, 1, &is_new));
    assert_ok(mrl_session_receive_qos2(f->session, 2, &is_new));
    assert_int_equal(mrl_session_receive_qos2(f->session, 3, &is_new), MRL_ERR_LIMIT);
    attach(f, "small");
    assert_int_equal(mrl_session_receive_maximum(f->session), 5);
    for (uint16_t id = 3; id <= 5; id++)
        assert_ok(mrl_session_receive_qos2(f->session, id, &is_new));
    assert_int_equal(mrl_session_receive_qos2(f->session, 6, &is_new), MRL_ERR_LIMIT);
    for (uint16_t id = 1; id <= 5; id++)
        assert_ok(mrl_session_release_qos2(f->session, id));
}

static bool may_retain(struct fixture *f, const char *topic)
{
    const struct mrl_publication p = {.topic = mrl_str(topic),
                                      .payload = MRL_LIT("x"),
                                      .owner = MRL_LIT("\1small"),
                                      .retain = true};

    return mrl_session_may_retain(f->session, &p);
}

static void retain(struct fixture *f, const char *topic)
{
    struct mrl_publication *p =
        mrl_publication_new(&(struct mrl_publication){.topic = mrl_str(topic),
                                                      .payload = MRL_LIT("x"),
                                                      .owner = MRL_LIT("\1small"),
                                                      .retain = true});

    assert_ok(mrl_hub_publish(f->hub, p, NULL));
    mrl_publication_unref(p);
}

static void retained_messages_hold_the_limit_of_their_principal(void **state)
{
    struct fixture *f = *state;

    attach(f, "small");
    assert_true(may_retain(f, "r/1"));
    retain(f, "r/1");
    assert_true(may_retain(f, "r/2"));
    retain(f, "r/2");
    assert_false(may_retain(f, "r/3"));
    assert_true(may_retain(f, "r/1")); /* its own is replaced */
    assert_true(mrl_session_may_retain(
        f->session, &(struct mrl_publication){.topic = MRL_LIT("r/3"), .payload = MRL_LIT("x")}));
    f->given.retained_messages = 3;
    mrl_hub_rejudge(f->hub, KIND, MRL_LIT("small"));
    assert_true(may_retain(f, "r/3"));
}

#define WITH_HUB(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HUB(subscriptions_hold_the_limit_of_their_principal),
        WITH_HUB(the_window_and_the_queue_are_those_of_the_principal),
        WITH_HUB(the_bytes_of_a_queue_are_those_of_the_principal),
        WITH_HUB(a_byte_less_for_a_queue_is_a_message_less),
        WITH_HUB(a_change_acts_on_a_session_that_is_there),
        WITH_HUB(what_the_connection_was_told_stays_until_the_next_one),
        WITH_HUB(retained_messages_hold_the_limit_of_their_principal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
