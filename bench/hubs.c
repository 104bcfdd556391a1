/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hubs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "base/rcu.h"

enum { DAY_S = 24 * 3600 };
static const struct mrl_hub_limits limits = {.subscriptions_per_session = 10,
                                             .queued_messages = 100000000,
                                             .queued_bytes = SIZE_MAX / 2,
                                             .in_flight = 100,
                                             .session_expiry_s = 1 << 20};

void mrl_bench_check(mrl_err err, const char *what)
{
    if (err == MRL_OK)
        return;
    (void)fprintf(stderr, "%s: %s\n", what, mrl_err_name(err));
    exit(2);
}

double mrl_bench_cpu_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* always there */
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool may_connect(void *context, const struct mrl_session *s)
{
    (void)context;
    (void)s;
    return true;
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

static bool take(void *door, const struct mrl_delivery *d)
{
    (void)door;
    (void)d;
    return true;
}

static void release(void *door, uint16_t packet_id)
{
    (void)door;
    (void)packet_id;
}

static void evict(void *door, enum mrl_evict_reason why)
{
    (void)door;
    (void)why;
}

static void open_store(struct mrl_bench_hubs *b)
{
    static struct mrl_migration_list lists[1];
    uint8_t key[MRL_SEAL_KEY];
    char path[MRL_BENCH_PATH + 16];
    const struct mrl_store_options o = {.path = path, .migrations = lists, .migrations_count = 1};

    lists[0] = mrl_messages_migrations;
    (void)snprintf(path, sizeof(path), "%s/queue.db", b->folder);
    mrl_bench_check(mrl_store_open(&o, &b->store, NULL), "open the store");
    mrl_random(key, sizeof(key));
    b->sealer = mrl_sealer_new(NULL);
    mrl_bench_check(mrl_sealer_add(b->sealer, 1, mrl_secret_copy(mrl_bytes_of(key, sizeof(key)))),
                    "add a key");
}

static void open_hubs(struct mrl_bench_hubs *b)
{
    static const struct mrl_hub_hooks hooks = {
        .may_connect = may_connect, .may = may, .dropped = dropped};
    const struct mrl_ledger_config config = {.store = b->store, .sealer = b->sealer};

    b->ledger = mrl_ledger_new(&config);
    mrl_bench_check(mrl_loop_new(&b->loop), "make a loop");
    b->retained = mrl_retained_new(10000000, SIZE_MAX / 2);
    b->routes = mrl_routes_new();
    for (unsigned i = 0; i < MRL_BENCH_HUBS; i++) {
        mrl_bench_check(mrl_mailbox_new(b->loop, b, &b->mailboxes[i]), "make a mailbox");
        b->hubs[i] =
            mrl_hub_new(b->loop, b->mailboxes[i], i, b->retained, b->routes, &limits, &hooks);
        mrl_hub_keep_in(b->hubs[i], b->ledger);
    }
    for (unsigned i = 0; i < MRL_BENCH_HUBS; i++)
        mrl_hub_join(b->hubs[i], b->hubs, MRL_BENCH_HUBS);
}

static void close_hubs(struct mrl_bench_hubs *b)
{
    bool any;

    do {
        any = false;
        for (unsigned i = 0; i < MRL_BENCH_HUBS; i++)
            any |= mrl_mailbox_discard(b->mailboxes[i]);
    } while (any);
    for (unsigned i = 0; i < MRL_BENCH_HUBS; i++)
        mrl_mailbox_free(b->mailboxes[i]);
    for (unsigned i = 0; i < MRL_BENCH_HUBS; i++)
        mrl_hub_free(b->hubs[i]);
    mrl_retained_free(b->retained);
    mrl_routes_free(b->routes);
    mrl_loop_free(b->loop);
    mrl_ledger_free(b->ledger);
}

void mrl_bench_open(struct mrl_bench_hubs *b, const char *folder)
{
    mrl_rcu_register();
    b->own_folder = folder == NULL;
    (void)snprintf(b->folder, sizeof(b->folder), "%s",
                   folder == NULL ? "/tmp/merlon-bench-XXXXXX" : folder);
    if (b->own_folder && mkdtemp(b->folder) == NULL)
        mrl_bench_check(MRL_ERR_IO, "make a folder");
    open_store(b);
    open_hubs(b);
}

void mrl_bench_open_on(struct mrl_bench_hubs *b, struct mrl_store *store, struct mrl_sealer *sealer)
{
    mrl_rcu_register();
    b->store = store;
    b->sealer = sealer;
    open_hubs(b);
}

void mrl_bench_restart(struct mrl_bench_hubs *b)
{
    close_hubs(b);
    open_hubs(b);
}

static void remove_folder(const struct mrl_bench_hubs *b)
{
    static const char *const names[] = {"queue.db", "queue.db-wal", "queue.db-shm",
                                        "queue.db.lock"};
    char path[MRL_BENCH_PATH + 16];

    for (size_t i = 0; i < MRL_COUNT(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", b->folder, names[i]);
        (void)unlink(path); /* not all are there */
    }
    (void)rmdir(b->folder);
}

void mrl_bench_close(struct mrl_bench_hubs *b)
{
    for (unsigned i = 0; i < MRL_BENCH_HUBS; i++)
        mrl_hub_flush(b->hubs[i]);
    mrl_store_close(b->store);
    close_hubs(b);
    mrl_sealer_free(b->sealer);
    if (b->own_folder)
        remove_folder(b);
}

static enum mrl_room always_room(void *door)
{
    (void)door;
    return MRL_ROOM_MUCH;
}

void mrl_bench_session(struct mrl_hub *h, const char *id, const char *filter,
                       struct mrl_publication *will)
{
    static const struct mrl_session_sink sink = {take, release, evict, always_room};
    static int door;
    const struct mrl_subscribe_options options = {.qos = 1};
    const struct mrl_attach attach = {.key = {1, mrl_str(id), mrl_str(id)},
                                      .expiry_s = DAY_S,
                                      .receive_maximum = 100,
                                      .most_sessions = 1,
                                      .will = {.publication = will, .delay_s = DAY_S},
                                      .sink = &sink,
                                      .door = &door};
    struct mrl_session *s;
    bool present;

    mrl_bench_check(mrl_session_attach(h, &attach, &s, &present), "make a session");
    mrl_bench_check(mrl_session_subscribe(s, mrl_str(filter), &options, &present), "subscribe");
    mrl_session_detach(s, will == NULL ? MRL_DETACH_CLEAN : MRL_DETACH_WITH_WILL);
}
