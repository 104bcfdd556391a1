/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <time.h>

#include "store/state.h"

mrl_err mrl_readers_open(struct mrl_store *s, unsigned count, struct mrl_why *why)
{
    struct mrl_read_pool *p = &s->readers;
    pthread_condattr_t monotonic;

    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&p->freed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    for (; p->count < count; p->count++) {
        MRL_TRY(s->engine->connect(s->db, /*writer=*/false, &p->idle[p->idle_count], why));
        p->idle_count++;
    }
    return MRL_OK;
}

void mrl_readers_close(struct mrl_store *s)
{
    struct mrl_read_pool *p = &s->readers;

    while (p->idle_count > 0)
        s->engine->disconnect(p->idle[--p->idle_count]);
    (void)pthread_cond_destroy(&p->freed);
    (void)pthread_mutex_destroy(&p->lock);
}

static mrl_err borrow(struct mrl_read_pool *p, struct mrl_engine_conn **out)
{
    struct timespec until;
    mrl_err err = MRL_OK;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += MRL_STORE_BUSY_MS / 1000;
    (void)pthread_mutex_lock(&p->lock);
    while (p->idle_count == 0 && err == MRL_OK) {
        if (pthread_cond_timedwait(&p->freed, &p->lock, &until) == ETIMEDOUT)
            err = MRL_ERR_BUSY;
    }
    if (p->idle_count > 0) {
        *out = p->idle[--p->idle_count];
        err = MRL_OK;
    }
    (void)pthread_mutex_unlock(&p->lock);
    return err;
}

static void give_back(struct mrl_read_pool *p, struct mrl_engine_conn *c)
{
    (void)pthread_mutex_lock(&p->lock);
    p->idle[p->idle_count++] = c;
    (void)pthread_cond_signal(&p->freed);
    (void)pthread_mutex_unlock(&p->lock);
}

mrl_err mrl_store_read(struct mrl_store *s, mrl_err (*run)(struct mrl_tx *tx, void *context),
                       void *context)
{
    struct mrl_tx tx = {.engine = s->engine, .attached = s->attached};
    mrl_err err;

    MRL_TRY(borrow(&s->readers, &tx.conn));
    err = s->engine->begin(tx.conn, &tx.why);
    if (err == MRL_OK)
        err = run(&tx, context);
    if (err == MRL_OK)
        err = tx.failed;          /* the callback did not look */
    s->engine->rollback(tx.conn); /* nothing was written: this only ends the view */
    give_back(&s->readers, tx.conn);
    return err;
}
