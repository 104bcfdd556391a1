/* SPDX-License-Identifier: Apache-2.0 */
/* Kept sessions of many devices, made through hubs as connections would make them, for benchmarks
 * of a start. */
#ifndef MRL_BENCH_KEPT_H
#define MRL_BENCH_KEPT_H

#include "bench/hubs.h"

enum {
    MRL_BENCH_QUEUED_EVERY = 10,
    MRL_BENCH_RETAINED_EVERY = 100,
    MRL_BENCH_WILL_EVERY = 1000,
};

/* Of device-000000 and so on, each subscribed to devices/ID/#; every tenth has `queued` messages on
 * devices/ID/set, every hundredth a retained one on state/ID, every thousandth a will that waits a
 * day for state/ID/gone. Returns when all of it is in the store. */
void mrl_bench_keep(struct mrl_bench_hubs *b, unsigned count, unsigned queued);

/* Which hub has the sessions of a device: for mrl_ledger_places. */
unsigned mrl_bench_home(const struct mrl_session_key *k, unsigned hub_count);

#endif
