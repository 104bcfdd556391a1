/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/messages/session_fixture.h"

#include "base/rcu.h"

static const struct mrl_hub_limits limits = {.subscriptions_per_session = SUBSCRIPTIONS,
                                             .queued_messages = QUEUED,
                                             .queued_bytes = 1 << 16,
                                             .in_flight = IN_FLIGHT,
                                             .session_expiry_s = 3600};

static bool log_publish(void *door, const struct mrl_delivery *d)
{
    struct door *to = door;

    if (d->publication->payload.len > to->largest)
        return false;
    assert_ok(mrl_buf_printf(&to->log, "P%d%s%s %d %.*s %.*s", d->qos, d->dup ? "d" : "-",
                             d->retain ? "r" : "-", d->packet_id, MRL_FMT(d->publication->topic),
                             MRL_FMT(d->publication->payload)));
    for (size_t i = 0; i < d->identifier_count; i++)
        assert_ok(mrl_buf_printf(&to->log, " #%u", d->identifiers[i]));
    assert_ok(mrl_buf_printf(&to->log, ";"));
    return true;
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

int set_up(void **state)
{
    static struct fixture f;
    const struct mrl_hub_hooks hooks = {&f, may_connect, may, dropped};

    f = (struct fixture){.may_connect = true, .limits = limits};
    mrl_rcu_register();
    f.retained = mrl_retained_new(RETAINED, 1 << 20);
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

int tear_down(void **state)
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

mrl_err try_attach(struct mrl_hub *h, struct door *d, const struct wish *w, bool *present)
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

bool attach(struct mrl_hub *h, struct door *d, const struct wish *w)
{
    bool present = false;

    assert_ok(try_attach(h, d, w, &present));
    mrl_session_start(d->session);
    return present;
}

void subscribe(struct door *d, const char *filter, uint8_t qos, uint32_t identifier)
{
    const struct mrl_subscribe_options o = {.qos = qos, .identifier = identifier};
    bool existed;

    assert_ok(mrl_session_subscribe(d->session, mrl_str(filter), &o, &existed));
}

mrl_err publish_as(struct mrl_hub *h, const struct mrl_publication *like, bool *receivers)
{
    struct mrl_publication *p = mrl_publication_new(like);
    mrl_err err = mrl_hub_publish(h, p, receivers);

    mrl_publication_unref(p);
    return err;
}

void publish(struct mrl_hub *h, const char *topic, const char *payload, uint8_t qos)
{
    assert_ok(publish_as(
        h,
        &(struct mrl_publication){.topic = mrl_str(topic), .payload = mrl_str(payload), .qos = qos},
        NULL));
}

void turn(const struct fixture *f)
{
    for (int i = 0; i < 5; i++)
        assert_ok(mrl_loop_turn(f->loop, 0));
}

void done(struct door *d)
{
    if (d->session != NULL)
        mrl_session_detach(d->session, MRL_DETACH_CLEAN);
    d->session = NULL;
    mrl_buf_done(&d->log);
}
