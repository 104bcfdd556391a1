/* SPDX-License-Identifier: Apache-2.0 */
/* QoS 1 to an offline persistent session: messages a second whose acknowledgement may leave, with
 * fsync, through a hub with its journal and a real store. Publishers send the next message when one
 * is acknowledged. usage: bench_durable_queue [SECONDS [PUBLISHERS [IN_FLIGHT [FOLDER]]]] */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "bench/hubs.h"

enum { PAYLOAD = 200, SECONDS = 5, PUBLISHERS = 100, IN_FLIGHT = 1 };
static const double budget = 20000;

struct bench {
    struct mrl_bench_hubs at;
    uint8_t payload[PAYLOAD];
    uint64_t acknowledged;
    uint64_t refused;
    uint64_t end_ms;
    unsigned under_way;
};

static void publish_one(struct bench *b);

static void on_durable(void *context, mrl_err result)
{
    struct bench *b = context;

    b->under_way--;
    if (result == MRL_OK)
        b->acknowledged++;
    else
        b->refused++;
    if (mrl_monotonic_ms() < b->end_ms)
        publish_one(b);
}

static void publish_one(struct bench *b)
{
    const struct mrl_publication message = {
        .topic = MRL_LIT("bench/0"), .payload = mrl_bytes_of(b->payload, PAYLOAD), .qos = 1};
    struct mrl_publication *p = mrl_publication_new(&message);

    b->under_way++;
    mrl_hub_watch(b->at.hubs[0]);
    mrl_bench_check(mrl_hub_publish(b->at.hubs[0], p, NULL), "publish");
    mrl_receipt_then(mrl_hub_watched(b->at.hubs[0]), on_durable, b);
    mrl_publication_unref(p);
}

static double run(struct bench *b, unsigned seconds, unsigned messages)
{
    uint64_t start = mrl_monotonic_ms();
    double cpu = mrl_bench_cpu_s(), took;
    struct mrl_store_stats stats;

    b->end_ms = start + seconds * 1000ULL;
    for (unsigned i = 0; i < messages; i++)
        publish_one(b);
    while (b->under_way > 0)
        mrl_bench_check(mrl_loop_turn(b->at.loop, -1), "turn");
    took = (double)(mrl_monotonic_ms() - start) / 1000;
    cpu = mrl_bench_cpu_s() - cpu;
    mrl_store_stats(b->at.store, &stats);
    (void)printf("%.0f acknowledged/s, %llu refused, %.1f us CPU each, %.0f a commit\n",
                 (double)b->acknowledged / took, (unsigned long long)b->refused,
                 cpu * 1e6 / (double)b->acknowledged,
                 (double)b->acknowledged / (double)stats.commits);
    return (double)b->acknowledged / took;
}

static unsigned argument(int argc, char **argv, int at, unsigned otherwise)
{
    return argc > at ? (unsigned)strtoul(argv[at], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    unsigned seconds = argument(argc, argv, 1, SECONDS);
    unsigned publishers = argument(argc, argv, 2, PUBLISHERS);
    unsigned in_flight = argument(argc, argv, 3, IN_FLIGHT);
    struct bench b = {0};
    double rate;

    mrl_random(b.payload, sizeof(b.payload));
    mrl_bench_open(&b.at, argc > 4 ? argv[4] : NULL);
    mrl_bench_session(b.at.hubs[0], "collector", "bench/0", /*will=*/NULL);
    (void)printf("%u publishers, %u in flight each, %d bytes of payload\n", publishers, in_flight,
                 PAYLOAD);
    rate = run(&b, seconds, publishers * in_flight);
    mrl_bench_close(&b.at);
    (void)printf("ratio %.2f (to %.0f a second, at least 1)\n", rate / budget, budget);
    return rate >= budget ? 0 : 1;
}
