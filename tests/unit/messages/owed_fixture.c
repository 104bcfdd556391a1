/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/messages/owed_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/rcu.h"

static bool on_publish(void *door, const struct mrl_delivery *p)
{
    struct door *d = door;
    struct seen *s = &d->seen[d->count++];
    mrl_bytes topic = p->publication->topic, payload = p->publication->payload;
    char name[16];

    assert_true(d->count < SEEN);
    assert_true(mrl_bytes_starts(topic, MRL_LIT("t/")));
    (void)snprintf(name, sizeof(name), "%.*s", MRL_FMT(topic));
    *s = (struct seen){.topic = (int)strtol(name + 2, NULL, 10),
                       .payload = payload.len > 0 ? payload.data[0] : '-',
                       .qos = p->qos,
                       .retain = p->retain,
                       .packet_id = p->packet_id,
                       .identifier = p->identifier_count > 0 ? p->identifiers[0] : 0};
    if (p->qos == 0)
        d->written++;
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
    ((struct door *)door)->session = NULL;
}

static enum mrl_room room(void *door)
{
    const struct door *d = door;

    if (d->written < d->much)
        return MRL_ROOM_MUCH;
    return d->written < 2 * d->much ? MRL_ROOM_LITTLE : MRL_ROOM_NONE;
}

static const struct mrl_session_sink sink = {on_publish, on_pubrel, on_evict, room};

static bool may_connect(void *context, const struct mrl_session *s)
{
    (void)context;
    (void)s;
    return true;
}

static bool may(void *context, const struct mrl_session *s, struct mrl_hub_question *question)
{
    const struct fixture *f = context;

    (void)s;
    if (f->lowered)
        question->qos = 0;
    return !f->denied;
}

static void dropped(void *context, const struct mrl_session *s, mrl_err why)
{
    (void)s;
    (void)why;
    ((struct fixture *)context)->drops++;
}

static uint64_t look(void *context, const struct mrl_session *s, size_t places)
{
    struct fixture *f = context;

    assert_non_null(mrl_session_door(s));
    f->looked += places;
    if (f->seldom && places == 0)
        f->waits = !f->waits;
    return f->waits || f->looked >= f->looks;
}

int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const struct mrl_hub_hooks hooks = {
        .context = f, .may_connect = may_connect, .may = may, .dropped = dropped, .look = look};

    assert_non_null(f);
    f->limits = (struct mrl_hub_limits){.subscriptions_per_session = 10,
                                        .queued_messages = QUEUED,
                                        .queued_bytes = 1 << 16,
                                        .in_flight = IN_FLIGHT,
                                        .session_expiry_s = 3600};
    f->d.much = SEEN;
    f->looks = SIZE_MAX;
    mrl_rcu_register();
    f->retained = mrl_retained_new(TOPICS, 64 << 20);
    f->routes = mrl_routes_new();
    assert_ok(mrl_loop_new(&f->loop));
    assert_ok(mrl_mailbox_new(f->loop, NULL, &f->mailbox));
    f->hub = mrl_hub_new(f->loop, f->mailbox, 0, f->retained, f->routes, &f->limits, &hooks);
    mrl_hub_join(f->hub, &f->hub, 1);
    *state = f;
    return 0;
}

int tear_down(void **state)
{
    struct fixture *f = *state;

    mrl_mailbox_free(f->mailbox);
    mrl_hub_free(f->hub);
    mrl_loop_free(f->loop);
    mrl_retained_free(f->retained);
    mrl_routes_free(f->routes);
    free(f);
    return 0;
}

/* The caller's. */
static struct mrl_publication *publish_like(struct fixture *f, int topic,
                                            struct mrl_publication like)
{
    struct mrl_publication *p;
    char name[16];

    (void)snprintf(name, sizeof(name), "t/%d", topic);
    like.topic = mrl_str(name);
    p = mrl_publication_new(&like);
    assert_ok(mrl_hub_publish(f->hub, p, NULL));
    return p;
}

void keep(struct fixture *f, int topic, const char *payload, uint8_t qos)
{
    mrl_publication_unref(publish_like(
        f, topic,
        (struct mrl_publication){.payload = mrl_str(payload), .qos = qos, .retain = true}));
}

struct mrl_publication *keep_a_while(struct fixture *f, int topic, const char *payload)
{
    return publish_like(f, topic,
                        (struct mrl_publication){.payload = mrl_str(payload),
                                                 .retain = true,
                                                 .expires_ms = mrl_monotonic_ms() + 3600000});
}

void expire(struct mrl_publication *p)
{
    p->expires_ms = 1;
    mrl_publication_unref(p);
}

void say(struct fixture *f, int topic, const char *payload, uint8_t qos)
{
    mrl_publication_unref(
        publish_like(f, topic, (struct mrl_publication){.payload = mrl_str(payload), .qos = qos}));
}

void keep_many(struct fixture *f, int count, uint8_t qos)
{
    for (int i = 0; i < count; i++)
        keep(f, i, "old", qos);
}

bool attach_as(struct fixture *f, const char *client, struct door *d)
{
    const struct mrl_attach a = {.key = {KIND, MRL_LIT("d"), mrl_str(client)},
                                 .expiry_s = 60,
                                 .receive_maximum = UINT16_MAX,
                                 .most_sessions = 10,
                                 .sink = &sink,
                                 .door = d};
    bool present;

    assert_ok(mrl_session_attach(f->hub, &a, &d->session, &present));
    mrl_session_start(d->session);
    return present;
}

bool attach(struct fixture *f)
{
    return attach_as(f, "c", &f->d);
}

void subscribe_with(struct fixture *f, const char *filter, const struct mrl_subscribe_options *o)
{
    bool existed;

    assert_ok(mrl_session_subscribe(f->d.session, mrl_str(filter), o, &existed));
    if (o->retain_handling == 0 || (o->retain_handling == 1 && !existed))
        mrl_session_send_retained(f->d.session, mrl_str(filter));
}

void subscribe(struct fixture *f, const char *filter, uint8_t qos)
{
    subscribe_with(f, filter, &(struct mrl_subscribe_options){.qos = qos});
}

void stop_after(struct fixture *f, int retained, size_t much)
{
    keep_many(f, retained, 0);
    attach(f);
    f->d.much = much;
    subscribe(f, "t/#", 0);
    assert_int_equal(f->d.count, much);
}

void turns(struct fixture *f)
{
    for (size_t before = SEEN; before != f->d.count;) {
        before = f->d.count;
        for (int i = 0; i < 8; i++)
            assert_ok(mrl_loop_turn(f->loop, 0));
    }
}

void turns_until(struct fixture *f, size_t count)
{
    for (uint64_t end = mrl_monotonic_ms() + 60000; f->d.count < count;) {
        assert_true(mrl_monotonic_ms() < end);
        assert_ok(mrl_loop_turn(f->loop, 10));
    }
}

void drain(struct fixture *f)
{
    do {
        f->d.written = 0;
        mrl_session_drained(f->d.session);
        turns(f);
    } while (f->d.written > 0);
}

void acknowledge(struct fixture *f)
{
    while (f->d.asked < f->d.count) {
        const struct seen *s = &f->d.seen[f->d.asked++];

        if (s->qos == 1)
            assert_ok(mrl_session_puback(f->d.session, s->packet_id));
        turns(f);
    }
}

unsigned times(const struct fixture *f, int topic, uint8_t payload)
{
    unsigned found = 0;

    for (size_t i = 0; i < f->d.count; i++)
        found += f->d.seen[i].topic == topic && f->d.seen[i].payload == payload;
    return found;
}

const struct seen *first_of(const struct fixture *f, int topic)
{
    for (size_t i = 0; i < f->d.count; i++) {
        if (f->d.seen[i].topic == topic)
            return &f->d.seen[i];
    }
    fail();
    return NULL;
}

int last_of(const struct fixture *f, int retained)
{
    int last = retained - 1;

    while (times(f, last, 'o') > 0)
        last--;
    return last;
}

void assert_all_once(const struct fixture *f, int from, int to)
{
    for (int i = from; i < to; i++)
        assert_int_equal(times(f, i, 'o'), 1);
}
