/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/messages/keep_fixture.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/rcu.h"

static const struct mrl_hub_limits limits = {.subscriptions_per_session = 10,
                                             .queued_messages = 1000,
                                             .queued_bytes = 1 << 20,
                                             .in_flight = IN_FLIGHT,
                                             .session_expiry_s = 3600};

static bool log_publish(void *door, const struct mrl_delivery *d)
{
    assert_ok(mrl_buf_printf(&((struct door *)door)->log, "P%d%s %d %.*s;", d->qos,
                             d->dup ? "d" : "", d->packet_id, MRL_FMT(d->publication->payload)));
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

const struct mrl_session_sink sink = {log_publish, log_pubrel, log_evict, always_room};
const struct mrl_publication one = {
    .topic = MRL_LIT_INIT("t"), .payload = MRL_LIT_INIT("one"), .qos = 1};
const struct mrl_publication two = {
    .topic = MRL_LIT_INIT("t"), .payload = MRL_LIT_INIT("two"), .qos = 2};

static bool may_connect(void *context, const struct mrl_session *s)
{
    (void)context;
    return !mrl_bytes_eq(mrl_session_key(s)->principal, MRL_LIT("gone"));
}

static bool may(void *context, const struct mrl_session *s, struct mrl_hub_question *q)
{
    (void)context;
    (void)s;
    (void)q;
    return true;
}

static void dropped(void *context, const struct mrl_session *s, mrl_err why)
{
    (void)context;
    (void)s;
    (void)why;
}

static void on_told(void *context, mrl_err err, const char *why)
{
    struct fixture *f = context;

    (void)why;
    f->tells++;
    f->told = err;
}

unsigned home(const struct mrl_session_key *k, unsigned hub_count)
{
    return (k->client_id.data[0] - 'a') % hub_count;
}

static void open_hubs(struct fixture *f)
{
    const struct mrl_hub_hooks hooks = {f, may_connect, may, dropped};
    const struct mrl_ledger_config config = {f->store, f->sealer, on_told, f};

    f->ledger = mrl_ledger_new(&config);
    f->retained = mrl_retained_new(1000, 1 << 20);
    f->routes = mrl_routes_new();
    assert_ok(mrl_loop_new(&f->loop));
    for (unsigned i = 0; i < HUBS; i++) {
        assert_ok(mrl_mailbox_new(f->loop, NULL, &f->mailboxes[i]));
        f->hubs[i] =
            mrl_hub_new(f->loop, f->mailboxes[i], i, f->retained, f->routes, &f->limits, &hooks);
        mrl_hub_keep_in(f->hubs[i], f->ledger);
    }
    for (unsigned i = 0; i < HUBS; i++)
        mrl_hub_join(f->hubs[i], f->hubs, HUBS);
}

static void close_hubs(struct fixture *f)
{
    while (mrl_mailbox_discard(f->mailboxes[0]) || mrl_mailbox_discard(f->mailboxes[1]))
        ;
    for (unsigned i = 0; i < HUBS; i++) {
        mrl_mailbox_free(f->mailboxes[i]);
        mrl_hub_free(f->hubs[i]);
    }
    mrl_retained_free(f->retained);
    mrl_routes_free(f->routes);
    mrl_loop_free(f->loop);
    mrl_ledger_free(f->ledger);
}

int set_up(void **state)
{
    static struct fixture f;
    const struct mrl_store_options options = {0};

    mrl_rcu_register();
    f = (struct fixture){.limits = limits, .answer = MRL_OK};
    place_make(&f.place);
    f.store = store_at(&f.place, &mrl_messages_migrations, options);
    f.sealer = test_sealer();
    open_hubs(&f);
    *state = &f;
    return 0;
}

int tear_down(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < HUBS; i++)
        mrl_hub_flush(f->hubs[i]);
    mrl_store_close(f->store);
    close_hubs(f);
    mrl_sealer_free(f->sealer);
    place_remove(&f->place);
    return 0;
}

void settle(const struct fixture *f)
{
    for (unsigned quiet = 0; quiet < 4;) {
        assert_ok(mrl_loop_turn(f->loop, 1));
        quiet = mrl_store_backlog(f->store) == 0 ? quiet + 1 : 0;
    }
}

void settle_timers(const struct fixture *f)
{
    const uint64_t end = mrl_monotonic_ms() + 50;

    while (mrl_monotonic_ms() < end)
        settle(f);
    settle(f); /* what the last timer began */
}

struct mrl_ledger_found restart(struct fixture *f)
{
    struct mrl_ledger_found found;

    close_hubs(f);
    open_hubs(f);
    {
        const struct mrl_ledger_places places = {f->hubs, HUBS, home, f->retained};

        assert_ok(mrl_ledger_load(f->ledger, &places, &found, NULL));
    }
    return found;
}

static mrl_err count_rows(struct mrl_tx *tx, void *context)
{
    static const char *const tables[] = {"mqtt_sessions", "mqtt_subscriptions", "mqtt_messages",
                                         "mqtt_queue",    "mqtt_received",      "mqtt_retained"};
    char sql[64];

    for (size_t i = 0; i < MRL_COUNT(tables); i++) {
        MRL_AUTO(mrl_rows) rows = NULL;

        (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", tables[i]);
        MRL_TRY(mrl_tx_query_one(tx, sql, MRL_NO_ARGS, &rows));
        assert_ok(mrl_buf_printf(context, "%s%d", i == 0 ? "" : " ", (int)mrl_row_int(rows, 0)));
    }
    return MRL_OK;
}

void assert_rows(const struct fixture *f, const char *wanted)
{
    MRL_SCOPED(mrl_buf) text = {0};

    assert_ok(mrl_store_read(f->store, count_rows, &text));
    assert_bytes_equal(mrl_buf_bytes(&text), mrl_str(wanted));
}

void attach(struct fixture *f, const char *client, uint32_t expiry_s, struct door *d)
{
    const struct mrl_attach a = {.key = {KIND, MRL_LIT("owner"), mrl_str(client)},
                                 .expiry_s = expiry_s,
                                 .receive_maximum = UINT16_MAX,
                                 .most_sessions = 10,
                                 .sink = &sink,
                                 .door = d};
    bool present;

    assert_ok(mrl_session_attach(f->hubs[home(&a.key, HUBS)], &a, &d->session, &present));
    mrl_session_start(d->session);
}

void attach_with_will(struct fixture *f, const char *client, struct door *d)
{
    const struct mrl_publication will = {
        .topic = MRL_LIT("t"), .payload = MRL_LIT("will"), .qos = 1};
    const struct mrl_attach a = {.key = {KIND, MRL_LIT("owner"), mrl_str(client)},
                                 .clean_start = true,
                                 .receive_maximum = UINT16_MAX,
                                 .most_sessions = 10,
                                 .will = {mrl_publication_new(&will), 600},
                                 .sink = &sink,
                                 .door = d};
    bool present;

    assert_ok(mrl_session_attach(f->hubs[home(&a.key, HUBS)], &a, &d->session, &present));
    assert_false(present);
    mrl_session_start(d->session);
}

void subscribe(struct door *d, const char *filter, uint8_t qos)
{
    const struct mrl_subscribe_options o = {.qos = qos};
    bool existed;

    assert_ok(mrl_session_subscribe(d->session, mrl_str(filter), &o, &existed));
}

static void on_done(void *context, mrl_err result)
{
    struct fixture *f = context;

    f->answers++;
    f->answer = result;
}

void wait_for(struct fixture *f, struct mrl_receipt *r)
{
    if (r != NULL)
        mrl_receipt_then(r, on_done, f);
}

bool publish(struct fixture *f, struct mrl_hub *h, const struct mrl_publication *message,
             struct mrl_session *by)
{
    struct mrl_publication *p = mrl_publication_new(message);
    struct mrl_receipt *r;
    bool is_new;

    mrl_hub_watch(h);
    if (by != NULL)
        assert_ok(mrl_session_receive_qos2(by, 7, &is_new));
    assert_ok(mrl_hub_publish(h, p, NULL));
    r = mrl_hub_watched(h);
    wait_for(f, r);
    mrl_publication_unref(p);
    return r != NULL;
}

bool receive(struct fixture *f, struct mrl_session *by)
{
    bool is_new;

    mrl_hub_watch(by->hub);
    assert_ok(mrl_session_receive_qos2(by, 7, &is_new));
    wait_for(f, mrl_hub_watched(by->hub));
    return is_new;
}

struct renaming {
    struct mrl_write write;
    const char *from, *to;
};

static mrl_err rename_table(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct renaming *r = MRL_CONTAINER(w, struct renaming, write);
    char sql[80];

    (void)snprintf(sql, sizeof(sql), "ALTER TABLE %s RENAME TO %s", r->from, r->to);
    return mrl_tx_exec(tx, sql, MRL_NO_ARGS, NULL);
}

static void rename_in(const struct fixture *f, const char *from, const char *to)
{
    struct renaming r = {{.run = rename_table}, from, to};

    assert_ok(mrl_store_write(f->store, &r.write));
}

void hide_table(const struct fixture *f, const char *table)
{
    rename_in(f, table, "hidden");
}

void show_table(const struct fixture *f, const char *table)
{
    rename_in(f, "hidden", table);
}

void assert_log(struct door *d, const char *wanted)
{
    assert_bytes_equal(mrl_buf_bytes(&d->log), mrl_str(wanted));
    mrl_buf_done(&d->log);
}
