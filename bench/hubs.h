/* SPDX-License-Identifier: Apache-2.0 */
/* Hubs with journals on a store of their own, for benchmarks of what is durable. */
#ifndef MRL_BENCH_HUBS_H
#define MRL_BENCH_HUBS_H

#include "messages/session.h"

enum { MRL_BENCH_HUBS = 2, MRL_BENCH_PATH = 200 };

struct mrl_bench_hubs {
    char folder[MRL_BENCH_PATH];
    bool own_folder;
    struct mrl_store *store;
    struct mrl_sealer *sealer;
    struct mrl_ledger *ledger;
    struct mrl_loop *loop; /* of all of them */
    struct mrl_mailbox *mailboxes[MRL_BENCH_HUBS];
    struct mrl_retained *retained;
    struct mrl_routes *routes;
    struct mrl_hub *hubs[MRL_BENCH_HUBS];
};

/* Ends the program when err is one. */
void mrl_bench_check(mrl_err err, const char *what);
double mrl_bench_cpu_s(void); /* of the process */

/* folder: where the store is; NULL: a new one that goes with the hubs. */
void mrl_bench_open(struct mrl_bench_hubs *b, const char *folder);
/* On a store that is open, taken with its sealer. */
void mrl_bench_open_on(struct mrl_bench_hubs *b, struct mrl_store *store,
                       struct mrl_sealer *sealer);
/* All but the store once more, as at a start. */
void mrl_bench_restart(struct mrl_bench_hubs *b);
void mrl_bench_close(struct mrl_bench_hubs *b);

/* A kept session of client id, subscribed to filter at QoS 1, and gone offline. will is taken and
 * waits for its delay; NULL: none. */
void mrl_bench_session(struct mrl_hub *h, const char *id, const char *filter,
                       struct mrl_publication *will);

#endif
