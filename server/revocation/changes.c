/* SPDX-License-Identifier: Apache-2.0 */
#include "revocation/changes.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/hash.h"
#include "revocation/revocation.h"

enum {
    PAGE = 2048,
    OVERLAP_MS = 10000, /* longest time from a write job to its commit, and steps of the clock */
};

static const struct mrl_migration migrations[] = {
    {"revocation", 1, "CREATE INDEX credentials_by_change ON credentials (changed, fingerprint);"},
};
const struct mrl_migration_list mrl_revocation_migrations = {migrations, MRL_COUNT(migrations)};

struct mrl_changes {
    struct mrl_store *store;
    const atomic_bool *stop;
    int64_t from_ms; /* changes before this were seen */
    const char *sources[MRL_CHANGES_SOURCES_MAX];
    size_t source_count;
};

struct mrl_changes *mrl_changes_new(struct mrl_store *store, const atomic_bool *stop)
{
    struct mrl_changes *c = calloc(1, sizeof(*c));

    if (c == NULL)
        abort();
    c->store = store;
    c->stop = stop;
    c->sources[c->source_count++] = MRL_CHANGES_SELECT("state", "reason", "credentials");
    return c;
}

mrl_err mrl_changes_also(struct mrl_changes *c, const char *sql)
{
    MRL_ENSURE(c->source_count < MRL_CHANGES_SOURCES_MAX, MRL_ERR_LIMIT);
    c->sources[c->source_count++] = sql;
    return MRL_OK;
}

void mrl_changes_free(struct mrl_changes *c)
{
    free(c);
}

/* One page: a short read, so that the writer's log can be taken over between two. */
struct page {
    mrl_changes_see *see;
    void *context;
    int64_t not_before;
    const char *sql;
    int64_t changed_ms; /* place of the last row */
    struct mrl_fingerprint fingerprint;
    unsigned rows;
};

static mrl_err see_row(const struct mrl_rows *rows, struct page *p)
{
    mrl_bytes fingerprint = mrl_row_bytes(rows, 1);
    const struct mrl_change_seen seen = {
        .serial = mrl_row_bytes(rows, 2),
        .state = (enum mrl_credential_state)mrl_row_int(rows, 3),
        .changed_ms = mrl_row_int(rows, 0),
        .reason = mrl_row_bytes(rows, 4),
        .not_after = mrl_row_int(rows, 5),
        .der = mrl_row_bytes(rows, 6),
    };

    MRL_ENSURE(fingerprint.len == sizeof(p->fingerprint.bytes), MRL_ERR_CORRUPT);
    memcpy(p->fingerprint.bytes, fingerprint.data, fingerprint.len);
    p->changed_ms = seen.changed_ms;
    p->rows++;
    if (seen.der.len > 0 && seen.not_after >= p->not_before) /* a pre-shared key has no DER */
        p->see(p->context, &seen);
    return MRL_OK;
}

static mrl_err read_page(struct mrl_tx *tx, void *context)
{
    struct page *p = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx, p->sql,
                         MRL_ARGS(MRL_INT(p->changed_ms),
                                  MRL_BLOB(mrl_fingerprint_bytes(&p->fingerprint)), MRL_INT(PAGE)),
                         &rows));
    p->rows = 0;
    while ((err = mrl_rows_next(rows)) == MRL_OK)
        MRL_TRY(see_row(rows, p));
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static mrl_err read_source(const struct mrl_changes *c, struct page p)
{
    do {
        MRL_ENSURE(!atomic_load(c->stop), MRL_ERR_CLOSED);
        MRL_TRY(mrl_store_read(c->store, read_page, &p));
    } while (p.rows == PAGE);
    return MRL_OK;
}

/* A clock that was set back gives later changes an earlier time: then it is looked further back. */
mrl_err mrl_changes_read(struct mrl_changes *c, int64_t not_before, mrl_changes_see *see,
                         void *context)
{
    int64_t now = mrl_wall_ms();
    struct page p = {see, context, not_before, .changed_ms = c->from_ms};

    if (now - OVERLAP_MS < p.changed_ms)
        p.changed_ms = now - OVERLAP_MS;
    for (size_t i = 0; i < c->source_count; i++) {
        p.sql = c->sources[i];
        MRL_TRY(read_source(c, p));
    }
    c->from_ms = now - OVERLAP_MS;
    return MRL_OK;
}
