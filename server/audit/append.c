/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "audit/log.h"
#include "audit/read.h"
#include "audit/text.h"
#include "base/clock.h"

static const struct mrl_migration migrations[] = {
    {"audit", 1,
     "CREATE TABLE audit_entries (seq INTEGER PRIMARY KEY, time INTEGER NOT NULL,"
     " action TEXT NOT NULL, actor TEXT NOT NULL, target TEXT NOT NULL, outcome TEXT NOT NULL,"
     " json TEXT NOT NULL, hash BLOB NOT NULL);"
     "CREATE INDEX audit_entries_time ON audit_entries (time);"
     "CREATE INDEX audit_entries_action ON audit_entries (action, seq);"
     "CREATE INDEX audit_entries_actor ON audit_entries (actor, seq);"
     "CREATE INDEX audit_entries_target ON audit_entries (target, seq);"
     "CREATE TABLE audit_heads (size INTEGER PRIMARY KEY, hash BLOB NOT NULL,"
     " signature BLOB NOT NULL, time INTEGER NOT NULL);"},
};
const struct mrl_migration_list mrl_audit_migrations = {migrations, MRL_COUNT(migrations)};

mrl_err mrl_audit_last(struct mrl_tx *tx, struct mrl_audit_head *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    struct mrl_audit_head head = {0};
    mrl_bytes hash;
    mrl_err err = mrl_tx_query_one(
        tx, "SELECT seq, hash FROM audit_entries ORDER BY seq DESC LIMIT 1", MRL_NO_ARGS, &rows);

    if (err == MRL_OK) {
        hash = mrl_row_bytes(rows, 1);
        MRL_ENSURE(mrl_row_int(rows, 0) > 0 && hash.len == sizeof(head.hash), MRL_ERR_CORRUPT);
        head.size = (uint64_t)mrl_row_int(rows, 0);
        memcpy(head.hash, hash.data, sizeof(head.hash));
    } else if (err != MRL_ERR_NOT_FOUND) {
        return err;
    }
    *out = head;
    return MRL_OK;
}

static mrl_err insert(struct mrl_tx *tx, const struct mrl_audit_event *e,
                      const struct mrl_audit_head *h, mrl_bytes json)
{
    MRL_SCOPED(mrl_buf) actor = {0};
    MRL_SCOPED(mrl_buf) target = {0};

    MRL_TRY(mrl_buf_printf(&actor, "%s:", mrl_audit_actor_kind_name(e->actor.kind)));
    MRL_TRY(mrl_audit_put_plain_text(&actor, e->actor.id, MRL_AUDIT_ID_MAX));
    MRL_TRY(mrl_audit_put_plain_text(&target, e->target, MRL_AUDIT_TARGET_MAX));
    return mrl_tx_exec(tx,
                       "INSERT INTO audit_entries (seq, time, action, actor, target, outcome, json,"
                       " hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                       MRL_ARGS(MRL_INT(h->size), MRL_INT(e->time_ms),
                                MRL_TEXT(mrl_str(mrl_audit_action_name(e->action))),
                                MRL_TEXT(mrl_buf_bytes(&actor)), MRL_TEXT(mrl_buf_bytes(&target)),
                                MRL_TEXT(mrl_str(mrl_audit_outcome_name(e->outcome))),
                                MRL_TEXT(json), MRL_BLOB(mrl_bytes_of(h->hash, sizeof(h->hash)))),
                       NULL);
}

/* The head is read from the transaction itself and kept nowhere: a savepoint that is undone takes
 * its entries along, and the next one chains to what is really there. */
mrl_err mrl_audit_append(struct mrl_tx *tx, const struct mrl_audit_event *e, uint64_t *seq)
{
    MRL_SCOPED(mrl_buf) json = {0};
    struct mrl_audit_event stamped = *e;
    struct mrl_audit_head before, head;

    if (stamped.time_ms == 0)
        stamped.time_ms = mrl_wall_ms();
    MRL_TRY(mrl_audit_last(tx, &before));
    head.size = before.size + 1;
    MRL_TRY(mrl_audit_write_json(&stamped, head.size, &json));
    MRL_TRY(mrl_audit_chain_next(before.hash, mrl_buf_bytes(&json), head.hash));
    MRL_TRY(insert(tx, &stamped, &head, mrl_buf_bytes(&json)));
    if (seq != NULL)
        *seq = head.size;
    return MRL_OK;
}

static mrl_err found_one(void *context, const struct mrl_audit_row *row)
{
    (void)row;
    *(bool *)context = true;
    return MRL_OK;
}

mrl_err mrl_audit_append_once(struct mrl_tx *tx, const struct mrl_audit_event *e)
{
    /* No name of an action is the beginning of another: a test sees to it. */
    const struct mrl_audit_filter same = {
        .action_prefix = mrl_str(mrl_audit_action_name(e->action)), .limit = 1};
    bool found = false;

    MRL_TRY(mrl_audit_list(tx, &same, found_one, &found));
    return found ? MRL_OK : mrl_audit_append(tx, e, NULL);
}
