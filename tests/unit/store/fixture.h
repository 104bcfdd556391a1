/* SPDX-License-Identifier: Apache-2.0 */
/* A store in a folder of its own, and write jobs of one statement. For tests of what stands on it.
 */
#ifndef MRL_TESTS_STORE_FIXTURE_H
#define MRL_TESTS_STORE_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/store.h"
#include "tests/unit/unit.h"

struct place {
    char folder[64];
    char path[96];
};

static inline void place_make(struct place *p)
{
    (void)snprintf(p->folder, sizeof(p->folder), "/tmp/merlon-store-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    (void)snprintf(p->path, sizeof(p->path), "%s/merlon.db", p->folder);
}

static inline void place_remove(const struct place *p)
{
    static const char *const ends[] = {"", "-wal", "-shm", ".lock", ".link"};
    char name[128];

    for (size_t i = 0; i < MRL_COUNT(ends); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", p->path, ends[i]);
        (void)unlink(name);
    }
    assert_int_equal(rmdir(p->folder), 0);
}

/* The folder of a test that died is left behind for looking at. */
static inline struct mrl_store *
store_at(const struct place *p, const struct mrl_migration_list *list, struct mrl_store_options o)
{
    struct mrl_store *s = NULL;
    struct mrl_why why = {{0}};

    o.path = p->path;
    o.migrations = list;
    o.migrations_count = 1;
    if (mrl_store_open(&o, &s, &why) != MRL_OK)
        fail_msg("%s", why.text);
    return s;
}

/* One statement as a write job that waits. */
struct statement_job {
    struct mrl_write write;
    const char *sql;
    const struct mrl_value *args;
    size_t count;
    uint64_t changed;
};

static inline mrl_err statement_run(struct mrl_tx *tx, struct mrl_write *w)
{
    struct statement_job *j = MRL_CONTAINER(w, struct statement_job, write);

    return mrl_tx_exec(tx, j->sql, j->args, j->count, &j->changed);
}

static inline mrl_err store_exec(struct mrl_store *s, const char *sql, const struct mrl_value *args,
                                 size_t count)
{
    struct statement_job j = {.write.run = statement_run, .sql = sql, .args = args, .count = count};

    return mrl_store_write(s, &j.write);
}

struct number_query {
    const char *sql;
    int64_t number;
};

static inline mrl_err number_run(struct mrl_tx *tx, void *context)
{
    struct number_query *q = context;
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx, q->sql, MRL_NO_ARGS, &rows));
    q->number = mrl_row_int(rows, 0);
    return MRL_OK;
}

static inline int64_t store_number(struct mrl_store *s, const char *sql)
{
    struct number_query q = {.sql = sql};

    assert_ok(mrl_store_read(s, number_run, &q));
    return q.number;
}

#endif
