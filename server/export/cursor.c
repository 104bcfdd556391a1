/* SPDX-License-Identifier: Apache-2.0 */
#include "export/cursor.h"

#include "audit/read.h"
#include "base/clock.h"
#include "export/export.h"

static const struct mrl_migration migrations[] = {
    {"export", 1,
     "CREATE TABLE export_cursors (sink TEXT NOT NULL PRIMARY KEY, seq INTEGER NOT NULL,"
     " changed INTEGER NOT NULL);"},
};
const struct mrl_migration_list mrl_export_migrations = {migrations, MRL_COUNT(migrations)};

static mrl_err keep_seq(void *context, const struct mrl_audit_row *row)
{
    *(uint64_t *)context = row->seq;
    return MRL_OK;
}

static mrl_err read_newest(struct mrl_tx *tx, void *context)
{
    const struct mrl_audit_filter newest = {.newest_first = true, .limit = 1};

    *(uint64_t *)context = 0;
    return mrl_audit_list(tx, &newest, keep_seq, context);
}

mrl_err mrl_export_newest(struct mrl_store *store, uint64_t *seq)
{
    return mrl_store_read(store, read_newest, seq);
}

struct place {
    mrl_bytes name;
    bool found;
    uint64_t cursor, newest;
};

static mrl_err read_place(struct mrl_tx *tx, void *context)
{
    struct place *p = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(read_newest(tx, &p->newest));
    err = mrl_tx_query_one(tx, "SELECT seq FROM export_cursors WHERE sink = $1",
                           MRL_ARGS(MRL_TEXT(p->name)), &rows);
    if (err == MRL_ERR_NOT_FOUND)
        return MRL_OK;
    MRL_TRY(err);
    p->found = true;
    p->cursor = (uint64_t)mrl_row_int(rows, 0);
    return MRL_OK;
}

mrl_err mrl_export_cursor_load(struct mrl_store *store, mrl_bytes name, bool from_now,
                               uint64_t *seq)
{
    struct place p = {.name = name};

    MRL_TRY(mrl_store_read(store, read_place, &p));
    if ((!p.found && from_now) || p.cursor > p.newest) {
        MRL_TRY(mrl_export_cursor_save(store, name, p.newest));
        p.cursor = p.newest;
    }
    *seq = p.cursor;
    return MRL_OK;
}

struct saving {
    struct mrl_write write;
    mrl_bytes name;
    uint64_t seq;
};

static mrl_err run_save(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct saving *s = MRL_CONTAINER(w, struct saving, write);

    return mrl_tx_exec(
        tx,
        "INSERT INTO export_cursors (sink, seq, changed) VALUES ($1, $2, $3)"
        " ON CONFLICT (sink) DO UPDATE SET seq = excluded.seq, changed = excluded.changed",
        MRL_ARGS(MRL_TEXT(s->name), MRL_INT(s->seq), MRL_INT(mrl_wall_ms())), NULL);
}

mrl_err mrl_export_cursor_save(struct mrl_store *store, mrl_bytes name, uint64_t seq)
{
    struct saving s = {.write.run = run_save, .name = name, .seq = seq};

    return mrl_store_write(store, &s.write);
}
