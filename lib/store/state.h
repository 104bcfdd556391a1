/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the store share. Layer: store, internal. */
#ifndef MRL_STORE_STATE_H
#define MRL_STORE_STATE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "store/engine.h"
#include "store/store.h"

struct mrl_tx {
    const struct mrl_engine *engine;
    struct mrl_engine_conn *conn;
    void *attached;
    mrl_err failed; /* the first statement that failed */
    struct mrl_why why;
};

/* Connections for reading; a thread borrows one for a transaction. */
struct mrl_read_pool {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    struct mrl_engine_conn *idle[MRL_STORE_READERS_MAX];
    unsigned idle_count;
    unsigned count;
};

struct mrl_store {
    const struct mrl_engine *engine;
    struct mrl_engine_db *db;
    struct mrl_engine_conn *writer;
    unsigned group_max;
    void *attached;
    void (*group_committed)(void *attached);
    struct mrl_read_pool readers;

    pthread_t thread;
    bool running;
    uint64_t group_began_us; /* the last one, and how many jobs it had; the writer thread only */
    unsigned group_jobs;
    bool forgetting; /* old bytes are still beside the database; the writer thread only */
    sem_t wake;      /* posted when submitted goes from empty to not empty */
    _Atomic(struct mrl_write *) submitted; /* newest first */
    atomic_bool stopping;
    _Atomic uint64_t backlog;
    _Atomic uint64_t jobs;
    _Atomic uint64_t commits;
    _Atomic uint64_t failures;
    atomic_bool failing;
};

mrl_err mrl_store_migrate(const struct mrl_engine *engine, struct mrl_engine_conn *c,
                          const struct mrl_store_options *o, struct mrl_why *why);

mrl_err mrl_writer_start(struct mrl_store *s, struct mrl_why *why);
void mrl_writer_stop(struct mrl_store *s); /* runs what is queued first */

mrl_err mrl_readers_open(struct mrl_store *s, unsigned count, struct mrl_why *why);
void mrl_readers_close(struct mrl_store *s);

#endif
