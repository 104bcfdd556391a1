/* SPDX-License-Identifier: Apache-2.0 */
/* A start with many kept sessions: each with a subscription, every tenth with queued messages. They
 * are made through the hubs, then everything but the store is made anew and loaded.
 * usage: bench_session_load [SESSIONS [QUEUED [FOLDER]]] */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/map.h"
#include "bench/hubs.h"

enum { SESSIONS = 1000000, QUEUED = 1, EVERY = 10, TURN_EVERY = 20000, PAYLOAD = 200, NAME = 48 };
static const double budget_s = 10;

static unsigned home(const struct mrl_session_key *k, unsigned hub_count)
{
    return (unsigned)(mrl_hash(k->principal) % hub_count);
}

static void names_of(unsigned number, char id[static NAME], char filter[static NAME])
{
    (void)snprintf(id, NAME, "device-%07u", number);
    (void)snprintf(filter, NAME, "devices/device-%07u/#", number);
}

static void queue_one(struct mrl_hub *h, unsigned number)
{
    static const uint8_t payload[PAYLOAD];
    struct mrl_publication message = {.payload = mrl_bytes_of(payload, PAYLOAD), .qos = 1};
    struct mrl_publication *p;
    char topic[NAME];

    (void)snprintf(topic, sizeof(topic), "devices/device-%07u/set", number);
    message.topic = mrl_str(topic);
    p = mrl_publication_new(&message);
    mrl_bench_check(mrl_hub_publish(h, p, NULL), "publish");
    mrl_publication_unref(p);
}

static void turn(struct mrl_bench_hubs *b)
{
    while (mrl_store_backlog(b->store) > 0)
        mrl_bench_check(mrl_loop_turn(b->loop, 1), "turn");
    mrl_bench_check(mrl_loop_turn(b->loop, 0), "turn");
}

static void fill(struct mrl_bench_hubs *b, unsigned sessions, unsigned queued)
{
    char id[NAME], filter[NAME];

    for (unsigned i = 0; i < sessions; i++) {
        struct mrl_session_key key = {.principal_kind = 1};
        struct mrl_hub *h;

        names_of(i, id, filter);
        key.principal = mrl_str(id);
        h = b->hubs[home(&key, MRL_BENCH_HUBS)];
        mrl_bench_session(h, id, filter);
        for (unsigned n = 0; i % EVERY == 0 && n < queued; n++)
            queue_one(h, i);
        if (i % TURN_EVERY == 0)
            turn(b);
    }
    for (unsigned i = 0; i < MRL_BENCH_HUBS; i++)
        mrl_hub_flush(b->hubs[i]);
    turn(b);
}

/* CPU seconds of the process: others may be busy on the machine. */
static double load(struct mrl_bench_hubs *b, struct mrl_ledger_found *found)
{
    const struct mrl_ledger_places places = {
        .hubs = b->hubs, .hub_count = MRL_BENCH_HUBS, .home = home, .retained = b->retained};
    uint64_t start = mrl_monotonic_ms();
    double cpu = mrl_bench_cpu_s();

    mrl_bench_check(mrl_ledger_load(b->ledger, &places, found, NULL), "load");
    (void)printf("%.2f s by the clock\n", (double)(mrl_monotonic_ms() - start) / 1000);
    return mrl_bench_cpu_s() - cpu;
}

int main(int argc, char **argv)
{
    unsigned sessions = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : SESSIONS;
    unsigned queued = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : QUEUED;
    struct mrl_bench_hubs b = {0};
    struct mrl_ledger_found found = {0};
    double took;

    mrl_bench_open(&b, argc > 3 ? argv[3] : NULL);
    fill(&b, sessions, queued);
    mrl_bench_restart(&b);
    took = load(&b, &found);
    (void)printf("%llu sessions, %llu subscriptions, %llu queued messages: %.2f s of CPU\n",
                 (unsigned long long)found.sessions, (unsigned long long)found.subscriptions,
                 (unsigned long long)found.entries, took);
    mrl_bench_close(&b);
    (void)printf("ratio %.2f (seconds to the budget of %.0f, at most 1)\n", took / budget_s,
                 budget_s);
    return found.sessions == sessions && took <= budget_s ? 0 : 1;
}
