/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/kept.h"

#include <stdio.h>
#include <string.h>

#include "base/map.h"

enum { TURN_EVERY = 20000, PAYLOAD = 200, ID = 24, NAME = 48 };

unsigned mrl_bench_home(const struct mrl_session_key *k, unsigned hub_count)
{
    return (unsigned)(mrl_hash(k->principal) % hub_count);
}

/* The payload begins with the topic, so that whoever gets it sees whose it is. */
static struct mrl_publication *message_to(const char *prefix, const char *id, const char *suffix)
{
    uint8_t payload[PAYLOAD] = {0};
    struct mrl_publication m = {.payload = mrl_bytes_of(payload, sizeof(payload)), .qos = 1};
    char topic[NAME];

    (void)snprintf(topic, sizeof(topic), "%s/%s%s", prefix, id, suffix);
    m.topic = mrl_str(topic);
    memcpy(payload, m.topic.data, m.topic.len);
    return mrl_publication_new(&m);
}

static void publish(struct mrl_hub *h, struct mrl_publication *p)
{
    mrl_bench_check(mrl_hub_publish(h, p, NULL), "publish");
    mrl_publication_unref(p);
}

static void retain_one(struct mrl_hub *h, const char *id)
{
    struct mrl_publication *p = message_to("state", id, "");

    p->retain = true; /* nobody else has it yet */
    publish(h, p);
}

static void keep_one(struct mrl_hub *h, const char *id, unsigned number, unsigned queued)
{
    struct mrl_publication *will =
        number % MRL_BENCH_WILL_EVERY == 0 ? message_to("state", id, "/gone") : NULL;
    char filter[NAME];

    (void)snprintf(filter, sizeof(filter), "devices/%s/#", id);
    mrl_bench_session(h, id, filter, will);
    for (unsigned n = 0; number % MRL_BENCH_QUEUED_EVERY == 0 && n < queued; n++)
        publish(h, message_to("devices", id, "/set"));
    if (number % MRL_BENCH_RETAINED_EVERY == 0)
        retain_one(h, id);
}

static void turn(struct mrl_bench_hubs *b)
{
    while (mrl_store_backlog(b->store) > 0)
        mrl_bench_check(mrl_loop_turn(b->loop, 1), "turn");
    mrl_bench_check(mrl_loop_turn(b->loop, 0), "turn");
}

void mrl_bench_keep(struct mrl_bench_hubs *b, unsigned count, unsigned queued)
{
    for (unsigned i = 0; i < count; i++) {
        struct mrl_session_key key = {.principal_kind = 1};
        char id[ID];

        (void)snprintf(id, sizeof(id), "device-%06u", i);
        key.principal = mrl_str(id);
        keep_one(b->hubs[mrl_bench_home(&key, MRL_BENCH_HUBS)], id, i, queued);
        if (i % TURN_EVERY == 0)
            turn(b);
    }
    for (unsigned i = 0; i < MRL_BENCH_HUBS; i++)
        mrl_hub_flush(b->hubs[i]);
    turn(b);
}
