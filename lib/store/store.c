/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <stdlib.h>

#include "store/state.h"

static mrl_err start(struct mrl_store *s, const struct mrl_store_options *o, struct mrl_why *why)
{
    unsigned readers = o->readers == 0 ? MRL_STORE_READERS : o->readers;

    MRL_TRY(s->engine->connect(s->db, /*writer=*/true, &s->writer, why));
    MRL_TRY(mrl_store_migrate(s->engine, s->writer, o, why));
    MRL_TRY(mrl_readers_open(s, readers, why));
    return mrl_writer_start(s, why);
}

mrl_err mrl_store_open(const struct mrl_store_options *o, struct mrl_store **out,
                       struct mrl_why *why)
{
    struct mrl_store *s;
    struct mrl_why ignored;
    mrl_err err;

    if (why == NULL)
        why = &ignored;
    if (o->readers > MRL_STORE_READERS_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "at most %d readers", MRL_STORE_READERS_MAX);
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        abort();
    s->engine = &mrl_engine_sqlite;
    s->group_max = o->group_max == 0 ? MRL_STORE_GROUP : o->group_max;
    err = s->engine->open(o->path, o->bytes_max, &s->db, why);
    if (err == MRL_OK)
        err = start(s, o, why);
    if (err != MRL_OK) {
        mrl_store_close(s);
        return err;
    }
    *out = s;
    return MRL_OK;
}

void mrl_store_close(struct mrl_store *s)
{
    if (s == NULL)
        return;
    mrl_writer_stop(s);
    mrl_readers_close(s);
    s->engine->disconnect(s->writer); /* last: it folds the write-ahead log into the file */
    if (s->db != NULL)
        s->engine->close(s->db);
    free(s);
}

void mrl_store_attach(struct mrl_store *s, void *context, void (*committed)(void *context))
{
    s->attached = context;
    s->group_committed = committed;
}

uint64_t mrl_store_backlog(const struct mrl_store *s)
{
    return atomic_load(&s->backlog);
}

bool mrl_store_failing(const struct mrl_store *s)
{
    return atomic_load(&s->failing);
}

void mrl_store_stats(const struct mrl_store *s, struct mrl_store_stats *out)
{
    out->jobs = atomic_load(&s->jobs);
    out->commits = atomic_load(&s->commits);
    out->failures = atomic_load(&s->failures);
}
