/* SPDX-License-Identifier: Apache-2.0 */
/* Hubs with a journal on a real store: what is written, when it is acknowledged, what comes back.
 */
#include "messages/keep.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/rcu.h"
#include "tests/unit/store/seal_fixture.h"

enum { HUBS = 2, KIND = 1, IN_FLIGHT = 20 };

struct door {
    struct mrl_buf log;
    struct mrl_session *session;
};

struct fixture {
    struct place place;
    uint64_t bytes_max;
    struct mrl_store *store;
    struct mrl_sealer *sealer;
    struct mrl_ledger *ledger;
    struct mrl_loop *loop;
    struct mrl_mailbox *mailboxes[HUBS];
    struct mrl_retained *retained;
    struct mrl_routes *routes;
    struct mrl_hub *hubs[HUBS];
    mrl_err told;
    unsigned tells;
    unsigned answers; /* receipts that are done */
    mrl_err answer;
};

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

static const struct mrl_session_sink sink = {log_publish, log_pubrel, log_evict};

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

static unsigned home(const struct mrl_session_key *k, unsigned hub_count)
{
    return (k->client_id.data[0] - 'a') % hub_count;
}

static void open_hubs(struct fixture *f)
{
    const struct mrl_hub_hooks hooks = {f, may_connect, may, dropped};
    const struct mrl_ledger_config config = {f->store, f->sealer, on_told, f};

    f->ledger = mrl_ledger_new(&config);
    f->retained = mrl_retained_new(10, 1 << 20);
    f->routes = mrl_routes_new();
    assert_ok(mrl_loop_new(&f->loop));
    for (unsigned i = 0; i < HUBS; i++) {
        assert_ok(mrl_mailbox_new(f->loop, NULL, &f->mailboxes[i]));
        f->hubs[i] =
            mrl_hub_new(f->loop, f->mailboxes[i], i, f->retained, f->routes, &limits, &hooks);
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

static int set_up(void **state)
{
    static struct fixture f;
    const struct mrl_store_options options = {0};

    mrl_rcu_register();
    f = (struct fixture){.answer = MRL_OK};
    place_make(&f.place);
    f.store = store_at(&f.place, &mrl_messages_migrations, options);
    f.sealer = test_sealer();
    open_hubs(&f);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
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

/* Until nothing is under way on any thread. */
static void settle(const struct fixture *f)
{
    for (unsigned quiet = 0; quiet < 4;) {
        assert_ok(mrl_loop_turn(f->loop, 1));
        quiet = mrl_store_backlog(f->store) == 0 ? quiet + 1 : 0;
    }
}

/* And the timers that are due have run: they look every 10 ms. */
static void settle_timers(const struct fixture *f)
{
    const uint64_t end = mrl_monotonic_ms() + 50;

    while (mrl_monotonic_ms() < end)
        settle(f);
}

/* As after kill -9: nothing is flushed. */
static struct mrl_ledger_found restart(struct fixture *f)
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

/* "sessions subscriptions messages queue received retained" */
static void assert_rows(const struct fixture *f, const char *wanted)
{
    MRL_SCOPED(mrl_buf) text = {0};

    assert_ok(mrl_store_read(f->store, count_rows, &text));
    assert_bytes_equal(mrl_buf_bytes(&text), mrl_str(wanted));
}

static void attach(struct fixture *f, const char *client, uint32_t expiry_s, struct door *d)
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

static void subscribe(struct door *d, const char *filter, uint8_t qos)
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

static void wait_for(struct fixture *f, struct mrl_receipt *r)
{
    if (r != NULL)
        mrl_receipt_then(r, on_done, f);
}

/* true: there is something to wait for. by: whose packet id 7 goes with it at QoS 2; or NULL. */
static bool publish(struct fixture *f, struct mrl_hub *h, const struct mrl_publication *message,
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

static const struct mrl_publication one = {
    .topic = MRL_LIT_INIT("t"), .payload = MRL_LIT_INIT("one"), .qos = 1};
static const struct mrl_publication two = {
    .topic = MRL_LIT_INIT("t"), .payload = MRL_LIT_INIT("two"), .qos = 2};

static void assert_log(struct door *d, const char *wanted)
{
    assert_bytes_equal(mrl_buf_bytes(&d->log), mrl_str(wanted));
    mrl_buf_done(&d->log);
}

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

static void principals_that_went_take_their_sessions_along(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};
    const struct mrl_attach a = {.key = {KIND, MRL_LIT("gone"), MRL_LIT("b")},
                                 .expiry_s = 60,
                                 .receive_maximum = 1,
                                 .most_sessions = 1,
                                 .sink = &sink,
                                 .door = &d};
    bool present;

    assert_ok(mrl_session_attach(f->hubs[0], &a, &d.session, &present));
    settle(f);
    assert_rows(f, "1 0 0 0 0 0");
    (void)restart(f);
    settle(f);
    assert_rows(f, "0 0 0 0 0 0");
}

static size_t retained_count(struct fixture *f, struct mrl_publication **first)
{
    struct mrl_publication **found;
    size_t count = mrl_retained_select(f->retained, MRL_LIT("#"), 0, &found);

    *first = count > 0 ? mrl_publication_ref(found[0]) : NULL;
    for (size_t i = 0; i < count; i++)
        mrl_publication_unref(found[i]);
    free(found);
    return count;
}

/* Whatever order two workers write in: the last one counts. */
static void retained_messages_of_two_workers_agree_after_a_start(void **state)
{
    struct fixture *f = *state;
    struct mrl_publication *found, message = one;

    message.retain = true;
    assert_true(publish(f, f->hubs[0], &message, NULL));
    message.payload = MRL_LIT("newer");
    assert_true(publish(f, f->hubs[1], &message, NULL));
    settle(f);
    assert_rows(f, "0 0 0 0 0 1");
    (void)restart(f);
    assert_int_equal(retained_count(f, &found), 1);
    assert_bytes_equal(found->payload, MRL_LIT("newer"));
    mrl_publication_unref(found);
    message.payload = MRL_BYTES_NONE;
    assert_true(publish(f, f->hubs[0], &message, NULL));
    settle(f);
    assert_rows(f, "0 0 0 0 0 0");
}

static void what_another_worker_still_writes_does_not_undo_a_clear(void **state)
{
    struct fixture *f = *state;
    struct mrl_publication *found, message = one;

    message.retain = true;
    assert_true(publish(f, f->hubs[0], &message, NULL));
    message.payload = MRL_BYTES_NONE;
    assert_true(publish(f, f->hubs[1], &message, NULL));
    settle(f);
    assert_int_equal(restart(f).retained, 0);
    assert_int_equal(retained_count(f, &found), 0);
    assert_rows(f, "0 0 0 0 0 0"); /* the start has tidied up */
}

/* Settled in the store, and still on its way from another worker. */
static void what_is_forgotten_does_not_come_back_at_a_start(void **state)
{
    struct fixture *f = *state;
    struct mrl_publication *found, message = one;

    message.retain = true;
    message.owner = MRL_LIT("\1pump");
    assert_true(publish(f, f->hubs[0], &message, NULL));
    settle(f);
    message.topic = MRL_LIT("devices/pump/x");
    message.owner = MRL_LIT("\2app");
    assert_true(publish(f, f->hubs[1], &message, NULL));
    message.topic = MRL_LIT("other");
    assert_true(publish(f, f->hubs[1], &message, NULL));
    mrl_hub_forget(f->hubs[0], MRL_LIT("\1pump"), MRL_LIT("devices/pump/#"));
    settle(f);
    assert_int_equal(restart(f).retained, 1);
    assert_int_equal(retained_count(f, &found), 1);
    assert_bytes_equal(found->topic, MRL_LIT("other"));
    mrl_publication_unref(found);
    assert_rows(f, "0 0 0 0 0 1");
}

/* Its receiver is on another worker: nothing of the session may come back when the will is written
 * after it. */
static void a_will_at_the_end_of_its_session_goes_with_it(void **state)
{
    struct fixture *f = *state;
    struct door watcher = {0}, d = {0};
    const struct mrl_publication will = {
        .topic = MRL_LIT("t"), .payload = MRL_LIT("will"), .qos = 2};
    struct mrl_store_stats before, after;

    attach(f, "a", 60, &watcher);
    subscribe(&watcher, "t", 2);
    attach(f, "b", 60, &d);
    d.session->will = (struct mrl_will){mrl_publication_new(&will), 600};
    settle(f);
    mrl_session_detach(d.session, MRL_DETACH_WITH_WILL);
    settle(f);
    mrl_store_stats(f->store, &before);
    d.session->expires_at_ms = 1;
    d.session->timer.fire(&d.session->timer);
    settle(f);
    mrl_store_stats(f->store, &after);
    assert_int_equal(after.jobs, before.jobs + 1);
    assert_log(&watcher, "P2 1 will;");
    assert_rows(f, "1 1 1 1 0 0");
}

/* One of a session that goes on: how its connection ends. */
static void by_the_network(struct fixture *f, struct door *d)
{
    (void)f;
    mrl_session_detach(d->session, MRL_DETACH_WITH_WILL);
}

static void by_another_connection(struct fixture *f, struct door *d)
{
    attach(f, "b", 60, d);
}

static void by_the_last_connection(struct fixture *f, struct door *d)
{
    attach(f, "b", 0, d);
}

/* Its receiver is on another worker: no row without the will may be written before it. */
static void a_will_without_delay_goes_with_its_row(void **state)
{
    static const struct {
        void (*ends)(struct fixture *f, struct door *d);
        const char *rows;
    } ways[] = {{by_the_network, "2 1 1 1 0 0"},
                {by_another_connection, "2 1 2 2 0 0"},
                {by_the_last_connection, "1 1 3 3 0 0"}};
    struct fixture *f = *state;
    struct door watcher = {0}, d = {0};
    const struct mrl_publication will = {
        .topic = MRL_LIT("t"), .payload = MRL_LIT("will"), .qos = 2};
    struct mrl_store_stats before, after;

    attach(f, "a", 60, &watcher);
    subscribe(&watcher, "t", 2);
    for (size_t i = 0; i < MRL_COUNT(ways); i++) {
        attach(f, "b", 60, &d);
        d.session->will = (struct mrl_will){mrl_publication_new(&will), 0, 0};
        settle(f);
        mrl_store_stats(f->store, &before);
        ways[i].ends(f, &d);
        settle(f);
        mrl_store_stats(f->store, &after);
        assert_int_equal(after.jobs, before.jobs + 1);
        assert_rows(f, ways[i].rows);
    }
    assert_log(&watcher, "P2 1 will;P2 2 will;P2 3 will;");
    mrl_buf_done(&d.log);
}

static void attach_with_will(struct fixture *f, const char *client, struct door *d)
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

/* MQTT 5.0 3.1.2.5: with the network connection the server's death ended the session. */
static void a_will_without_expiry_outlives_the_process_and_nothing_else_does(void **state)
{
    struct fixture *f = *state;
    struct door watcher = {0}, d = {0};

    attach(f, "a", 60, &watcher);
    subscribe(&watcher, "t", 1);
    attach_with_will(f, "b", &d);
    subscribe(&d, "x", 1);
    settle(f);
    assert_rows(f, "2 1 0 0 0 0");
    (void)restart(f);
    settle_timers(f);
    assert_rows(f, "1 1 1 1 0 0");
    watcher = (struct door){0};
    attach(f, "a", 60, &watcher);
    assert_log(&watcher, "P1 1 will;");
    (void)restart(f);
    settle_timers(f);
    assert_rows(f, "1 1 1 1 0 0"); /* once */
}

static void a_will_that_was_sent_or_dropped_is_in_the_store_no_more(void **state)
{
    struct fixture *f = *state;
    struct door watcher = {0}, sent = {0}, dropped_one = {0}, first = {0}, second = {0};

    attach(f, "a", 60, &watcher);
    subscribe(&watcher, "t", 1);
    attach_with_will(f, "b", &sent);
    attach_with_will(f, "c", &dropped_one);
    attach_with_will(f, "d", &first);
    settle(f);
    assert_rows(f, "4 1 0 0 0 0");
    mrl_session_detach(sent.session, MRL_DETACH_WITH_WILL);
    mrl_session_detach(dropped_one.session, MRL_DETACH_CLEAN);
    attach_with_will(f, "d", &second);
    settle(f);
    assert_rows(f, "2 1 2 2 0 0"); /* of b, and of the first d; the second d has its own */
    mrl_session_detach(second.session, MRL_DETACH_CLEAN);
    settle(f);
    assert_rows(f, "1 1 2 2 0 0");
    mrl_buf_done(&watcher.log);
    mrl_buf_done(&first.log);
}

/* The row of the session that was kept goes, the one for the will comes. */
static void a_kept_session_that_shall_end_with_its_connection_keeps_its_will(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};
    const struct mrl_publication will = {
        .topic = MRL_LIT("t"), .payload = MRL_LIT("will"), .qos = 1};
    const struct mrl_attach again = {.key = {KIND, MRL_LIT("owner"), MRL_LIT("b")},
                                     .receive_maximum = UINT16_MAX,
                                     .most_sessions = 10,
                                     .will = {mrl_publication_new(&will), 0},
                                     .sink = &sink,
                                     .door = &d};
    bool present;

    attach(f, "b", 60, &d);
    subscribe(&d, "x", 1);
    settle(f);
    mrl_session_detach(d.session, MRL_DETACH_CLEAN);
    assert_ok(mrl_session_attach(f->hubs[home(&again.key, HUBS)], &again, &d.session, &present));
    assert_true(present);
    settle(f);
    assert_rows(f, "1 0 0 0 0 0");
    mrl_session_detach(d.session, MRL_DETACH_CLEAN);
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

static uint64_t left_of_the_first(struct fixture *f)
{
    struct mrl_publication *p;
    uint64_t left = 0, now = mrl_monotonic_ms();

    if (retained_count(f, &p) == 1) {
        left = p->expires_ms - now;
        mrl_publication_unref(p);
    }
    return left;
}

/* The wall clock is set an hour forward while the daemon runs, as after a boot without one. */
static void a_clock_that_is_set_takes_no_time_away(void **state)
{
    enum { HOUR_MS = 3600000, LIFE_MS = 60000 };
    struct fixture *f = *state;
    struct mrl_publication message = one;

    f->ledger->wall_at_zero -= HOUR_MS;
    mrl_ledger_tick(f->ledger);
    message.retain = true;
    message.expires_ms = mrl_monotonic_ms() + LIFE_MS;
    assert_true(publish(f, f->hubs[0], &message, NULL));
    settle(f);
    (void)restart(f);
    assert_in_range(left_of_the_first(f), LIFE_MS / 2, LIFE_MS + 1000);
    mrl_ledger_tick(f->ledger); /* nothing has changed since */
    assert_int_equal(mrl_store_backlog(f->store), 0);
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

static mrl_err break_queue(struct mrl_tx *tx, struct mrl_write *w)
{
    (void)w;
    return mrl_tx_exec(tx, "ALTER TABLE mqtt_queue RENAME TO hidden", MRL_NO_ARGS, NULL);
}

static mrl_err mend_queue(struct mrl_tx *tx, struct mrl_write *w)
{
    (void)w;
    return mrl_tx_exec(tx, "ALTER TABLE hidden RENAME TO mqtt_queue", MRL_NO_ARGS, NULL);
}

/* A store that fails: what came with the batch is taken back, what must go is tried again. */
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

static void a_batch_that_fails_is_refused_and_removals_are_tried_again(void **state)
{
    struct fixture *f = *state;
    struct mrl_write broken = {.run = break_queue}, mended = {.run = mend_queue};
    struct door d = {0};

    attach(f, "b", 60, &d);
    subscribe(&d, "t", 1);
    settle(f);
    assert_true(publish(f, f->hubs[1], &one, NULL));
    settle(f);
    assert_rows(f, "1 1 1 1 0 0");
    assert_ok(mrl_store_write(f->store, &broken));
    assert_ok(mrl_session_puback(d.session, 1)); /* its removal fails */
    mrl_session_detach(d.session, MRL_DETACH_CLEAN);
    assert_true(publish(f, f->hubs[1], &one, NULL));
    settle(f);
    assert_int_equal(f->answers, 2);
    assert_int_not_equal(f->answer, MRL_OK);
    assert_true(f->tells == 1 && f->told != MRL_OK);
    assert_true(mrl_ledger_failing(f->ledger));
    assert_int_equal(d.session->queued_count, 0);
    assert_ok(mrl_store_write(f->store, &mended));
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

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(nobody_waits_for_what_nobody_keeps),
        CASE(an_acknowledgement_waits_for_the_store),
        CASE(what_is_acknowledged_before_it_leaves_is_never_written),
        CASE(qos2_leaves_when_it_is_durable),
        CASE(a_packet_id_and_all_its_receivers_are_one_commit),
        CASE(everything_comes_back),
        CASE(a_session_that_ends_leaves_nothing),
        CASE(a_session_that_goes_without_expiry_keeps_its_queue_in_memory),
        CASE(principals_that_went_take_their_sessions_along),
        CASE(retained_messages_of_two_workers_agree_after_a_start),
        CASE(what_another_worker_still_writes_does_not_undo_a_clear),
        CASE(what_is_forgotten_does_not_come_back_at_a_start),
        CASE(a_will_at_the_end_of_its_session_goes_with_it),
        CASE(a_will_without_delay_goes_with_its_row),
        CASE(a_will_without_expiry_outlives_the_process_and_nothing_else_does),
        CASE(a_will_that_was_sent_or_dropped_is_in_the_store_no_more),
        CASE(a_kept_session_that_shall_end_with_its_connection_keeps_its_will),
        CASE(of_two_rows_for_one_session_the_newer_counts),
        CASE(a_clock_that_is_set_takes_no_time_away),
        CASE(a_damaged_message_is_counted_and_the_rest_comes_back),
        CASE(an_entry_whose_message_is_removed_was_received),
        CASE(a_batch_that_fails_is_refused_and_removals_are_tried_again),
        CASE(packet_ids_go_round_and_wait_for_one_in_flight),
        cmocka_unit_test(options_are_one_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
