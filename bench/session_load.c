/* SPDX-License-Identifier: Apache-2.0 */
/* A start with many kept sessions (bench/kept.h), made through the hubs; then everything but the
 * store is made anew and loaded.
 * usage: bench_session_load [SESSIONS [QUEUED [FOLDER]]] */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "bench/kept.h"

enum { SESSIONS = 1000000, QUEUED = 1 };
static const double budget_s = 10;

/* CPU seconds of the process: others may be busy on the machine. */
static double load(struct mrl_bench_hubs *b, struct mrl_ledger_found *found)
{
    const struct mrl_ledger_places places = {.hubs = b->hubs,
                                             .hub_count = MRL_BENCH_HUBS,
                                             .home = mrl_bench_home,
                                             .retained = b->retained};
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
    mrl_bench_keep(&b, sessions, queued);
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
