/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/approval.h"

#include <string.h>

#include "audit/audit.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/random.h"
#include "base/utf8.h"
#include "store/tx.h"

static const struct mrl_migration migrations[] = {
    {"approvals", 1,
     "CREATE TABLE approvals ("
     " id TEXT NOT NULL PRIMARY KEY,"
     " device TEXT NOT NULL,"
     " introducer TEXT NOT NULL,"
     " door TEXT NOT NULL,"
     " state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 4),"
     " created INTEGER NOT NULL,"
     " decided INTEGER NOT NULL,"
     " expires INTEGER NOT NULL," /* seconds; of REFUSED and USED it means nothing */
     " reason TEXT NOT NULL,"
     " UNIQUE (device, introducer));"
     "CREATE INDEX approvals_by_state ON approvals (state, expires);"},
};
const struct mrl_migration_list mrl_approval_migrations = {migrations, MRL_COUNT(migrations)};

static const char *const state_names[] = {
    [MRL_APPROVAL_PENDING] = "pending",
    [MRL_APPROVAL_APPROVED] = "approved",
    [MRL_APPROVAL_REFUSED] = "refused",
    [MRL_APPROVAL_USED] = "used",
};

const char *mrl_approval_state_name(enum mrl_approval_state s)
{
    return s >= 1 && (size_t)s < MRL_COUNT(state_names) ? state_names[s] : "none";
}

bool mrl_approval_state_parse(mrl_bytes name, enum mrl_approval_state *out)
{
    for (size_t i = 1; i < MRL_COUNT(state_names); i++) {
        if (!mrl_bytes_eq(name, mrl_str(state_names[i])))
            continue;
        *out = (enum mrl_approval_state)i;
        return true;
    }
    return false;
}

static enum mrl_approval_state state_at(int64_t state, int64_t expires, int64_t now)
{
    if (state == MRL_APPROVAL_REFUSED)
        return MRL_APPROVAL_REFUSED;
    if (state == MRL_APPROVAL_USED || expires <= now)
        return MRL_APPROVAL_NONE;
    return (enum mrl_approval_state)state;
}

mrl_err mrl_approval_look(struct mrl_tx *tx, const struct mrl_approval_request *request,
                          int64_t now, enum mrl_approval_state *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err = mrl_tx_query_one(
        tx, "SELECT state, expires FROM approvals WHERE device = $1 AND introducer = $2",
        MRL_ARGS(MRL_TEXT(request->device), MRL_TEXT(request->introducer)), &rows);

    *out = MRL_APPROVAL_NONE;
    if (err == MRL_ERR_NOT_FOUND)
        return MRL_OK;
    MRL_TRY(err);
    *out = state_at(mrl_row_int(rows, 0), mrl_row_int(rows, 1), now);
    return MRL_OK;
}

/* --- asking --- */

static mrl_err check_room(struct mrl_tx *tx, int64_t now, struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx, "SELECT COUNT(*) FROM approvals WHERE state = $1 AND expires > $2",
                             MRL_ARGS(MRL_INT(MRL_APPROVAL_PENDING), MRL_INT(now)), &rows));
    return mrl_row_int(rows, 0) < MRL_APPROVALS_WAITING_MAX
               ? MRL_OK
               : mrl_fail(why, MRL_ERR_LIMIT, "%d devices wait for approval already",
                          MRL_APPROVALS_WAITING_MAX);
}

mrl_err mrl_approval_open(struct mrl_tx *tx, mrl_bytes introducer, int64_t now, int64_t *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(
        mrl_tx_query_one(tx,
                         "SELECT COUNT(*) FROM approvals WHERE introducer = $1 AND expires > $2"
                         " AND state IN ($3, $4)",
                         MRL_ARGS(MRL_TEXT(introducer), MRL_INT(now), MRL_INT(MRL_APPROVAL_PENDING),
                                  MRL_INT(MRL_APPROVAL_APPROVED)),
                         &rows));
    *out = mrl_row_int(rows, 0);
    return MRL_OK;
}

/* A request that is over makes room for the new one, which has an id of its own: who approves an
 * old one approves nothing. */
static mrl_err write_request(struct mrl_tx *tx, const struct mrl_approval_request *r, mrl_bytes id,
                             int64_t now)
{
    return mrl_tx_exec(
        tx,
        "INSERT INTO approvals (id, device, introducer, door, state, created, decided, expires,"
        " reason) VALUES ($1, $2, $3, $4, $5, $6, 0, $7, '')"
        " ON CONFLICT (device, introducer) DO UPDATE SET id = $1, door = $4, state = $5,"
        " created = $6, decided = 0, expires = $7, reason = ''",
        MRL_ARGS(MRL_TEXT(id), MRL_TEXT(r->device), MRL_TEXT(r->introducer), MRL_TEXT(r->door),
                 MRL_INT(MRL_APPROVAL_PENDING), MRL_INT(mrl_wall_ms()),
                 MRL_INT(now + MRL_APPROVAL_LIFE_S)),
        NULL);
}

static mrl_err record_request(struct mrl_tx *tx, const struct mrl_actor *actor,
                              const struct mrl_approval_request *r, mrl_bytes id)
{
    const struct mrl_audit_detail details[] = {
        MRL_AUDIT_TEXT("approval", id),
        MRL_AUDIT_TEXT("door", r->door),
        MRL_AUDIT_TEXT("introducer", r->introducer),
    };
    struct mrl_audit_event e = mrl_actor_event(actor, MRL_AUDIT_APPROVAL_REQUESTED, r->device);

    e.details = details;
    e.details_count = MRL_COUNT(details);
    return mrl_audit_append(tx, &e, NULL);
}

mrl_err mrl_approval_ask_tx(struct mrl_tx *tx, const struct mrl_actor *actor,
                            const struct mrl_approval_request *request, int64_t now,
                            enum mrl_approval_state *out, struct mrl_why *why)
{
    char id[MRL_APPROVAL_ID_TEXT + 1];
    uint8_t random[MRL_APPROVAL_ID_TEXT / 2];

    MRL_TRY(mrl_approval_look(tx, request, now, out));
    if (*out != MRL_APPROVAL_NONE)
        return MRL_OK;
    MRL_TRY(check_room(tx, now, why));
    mrl_random(random, sizeof(random));
    mrl_hex(mrl_bytes_of(random, sizeof(random)), id);
    MRL_TRY(write_request(tx, request, mrl_str(id), now));
    *out = MRL_APPROVAL_PENDING;
    return record_request(tx, actor, request, mrl_str(id));
}

mrl_err mrl_approval_use_tx(struct mrl_tx *tx, const struct mrl_approval_request *request,
                            int64_t now)
{
    uint64_t used;

    MRL_TRY(mrl_tx_exec(
        tx,
        "UPDATE approvals SET state = $3 WHERE device = $1 AND introducer = $2 AND state = $4"
        " AND expires > $5",
        MRL_ARGS(MRL_TEXT(request->device), MRL_TEXT(request->introducer),
                 MRL_INT(MRL_APPROVAL_USED), MRL_INT(MRL_APPROVAL_APPROVED), MRL_INT(now)),
        &used));
    return used > 0 ? MRL_OK : MRL_ERR_STATE;
}

mrl_err mrl_approval_drop_tx(struct mrl_tx *tx, mrl_bytes device)
{
    return mrl_tx_exec(
        tx, "UPDATE approvals SET state = $2 WHERE device = $1 AND state <> $3",
        MRL_ARGS(MRL_TEXT(device), MRL_INT(MRL_APPROVAL_USED), MRL_INT(MRL_APPROVAL_REFUSED)),
        NULL);
}

/* --- deciding --- */

struct decide {
    struct mrl_write write;
    const struct mrl_actor *actor;
    const struct mrl_approval_decision *decision;
    struct mrl_why *why;
};

static mrl_err check_reason(mrl_bytes reason, struct mrl_why *why)
{
    bool clean = reason.len <= MRL_APPROVAL_REASON_MAX && mrl_utf8_valid(reason);

    for (size_t i = 0; clean && i < reason.len; i++)
        clean = reason.data[i] >= 0x20 && reason.data[i] != 0x7f;
    return clean ? MRL_OK
                 : mrl_fail(why, MRL_ERR_INVALID, "reason: up to %d bytes of text in one line",
                            MRL_APPROVAL_REASON_MAX);
}

static mrl_err digest(struct mrl_tx *tx, mrl_bytes id, struct mrl_audit_digest *out)
{
    return mrl_audit_digest(tx,
                            "SELECT id, device, introducer, door, state, created, decided, expires,"
                            " reason FROM approvals WHERE id = $1",
                            MRL_ARGS(MRL_TEXT(id)), out);
}

static mrl_err write_decision(struct mrl_tx *tx, const struct mrl_approval_decision *d)
{
    return mrl_tx_exec(
        tx,
        "UPDATE approvals SET state = $2, decided = $3, expires = $4, reason = $5 WHERE id = $1",
        MRL_ARGS(MRL_TEXT(d->id),
                 MRL_INT(d->approve ? MRL_APPROVAL_APPROVED : MRL_APPROVAL_REFUSED),
                 MRL_INT(mrl_wall_ms()), MRL_INT(mrl_wall_s() + MRL_APPROVAL_LIFE_S),
                 MRL_TEXT(d->reason)),
        NULL);
}

static mrl_err check_step(const struct mrl_approval_decision *d, enum mrl_approval_state state,
                          struct mrl_why *why)
{
    if (state == MRL_APPROVAL_NONE)
        return mrl_fail(why, MRL_ERR_STATE, "approval %.*s is over or used", MRL_FMT(d->id));
    if (state == (d->approve ? MRL_APPROVAL_APPROVED : MRL_APPROVAL_REFUSED))
        return mrl_fail(why, MRL_ERR_STATE, "approval %.*s is %s already", MRL_FMT(d->id),
                        mrl_approval_state_name(state));
    return MRL_OK;
}

static mrl_err run_decide(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct decide *c = MRL_CONTAINER(w, struct decide, write);
    const struct mrl_approval_decision *d = c->decision;
    const struct mrl_audit_detail detail = MRL_AUDIT_TEXT("approval", d->id);
    MRL_AUTO(mrl_rows) rows = NULL;
    struct mrl_audit_event e;
    mrl_err err = mrl_tx_query_one(tx, "SELECT state, expires, device FROM approvals WHERE id = $1",
                                   MRL_ARGS(MRL_TEXT(d->id)), &rows);

    if (err == MRL_ERR_NOT_FOUND)
        return mrl_fail(c->why, err, "there is no approval %.*s", MRL_FMT(d->id));
    MRL_TRY(err);
    MRL_TRY(
        check_step(d, state_at(mrl_row_int(rows, 0), mrl_row_int(rows, 1), mrl_wall_s()), c->why));
    e = mrl_actor_event(c->actor,
                        d->approve ? MRL_AUDIT_APPROVAL_APPROVED : MRL_AUDIT_APPROVAL_REFUSED,
                        mrl_row_bytes(rows, 2));
    e.reason = d->reason;
    e.details = &detail;
    e.details_count = 1;
    MRL_TRY(digest(tx, d->id, &e.before));
    MRL_TRY(write_decision(tx, d));
    MRL_TRY(digest(tx, d->id, &e.after));
    return mrl_audit_append(tx, &e, NULL);
}

mrl_err mrl_approval_decide(struct mrl_store *s, const struct mrl_actor *actor,
                            const struct mrl_approval_decision *decision, struct mrl_why *why)
{
    struct decide c = {
        .write = {.run = run_decide, .why = why}, .actor = actor, .decision = decision, .why = why};

    MRL_TRY(check_reason(decision->reason, why));
    return mrl_store_write(s, &c.write);
}

/* --- finding --- */

struct listing {
    mrl_bytes after;
    size_t limit;
    enum mrl_approval_state state;
    mrl_approval_visit *visit;
    void *context;
};

#define PAGE                                                                                       \
    "SELECT id, device, introducer, door, state, created, decided, expires, reason FROM approvals" \
    " WHERE id > $1"
#define PAGE_END " ORDER BY id LIMIT $2"

static mrl_err query_page(struct mrl_tx *tx, const struct listing *l, struct mrl_rows **out)
{
    if (l->state == MRL_APPROVAL_NONE)
        return mrl_tx_query(tx, PAGE PAGE_END, MRL_ARGS(MRL_TEXT(l->after), MRL_INT(l->limit)),
                            out);
    if (l->state == MRL_APPROVAL_PENDING)
        return mrl_tx_query(tx, PAGE " AND state = $3 AND expires > $4" PAGE_END,
                            MRL_ARGS(MRL_TEXT(l->after), MRL_INT(l->limit), MRL_INT(l->state),
                                     MRL_INT(mrl_wall_s())),
                            out);
    return mrl_tx_query(tx, PAGE " AND state = $3" PAGE_END,
                        MRL_ARGS(MRL_TEXT(l->after), MRL_INT(l->limit), MRL_INT(l->state)), out);
}

static struct mrl_approval_info info_of_row(const struct mrl_rows *rows)
{
    enum mrl_approval_state state = (enum mrl_approval_state)mrl_row_int(rows, 4);

    return (struct mrl_approval_info){
        .id = mrl_row_bytes(rows, 0),
        .device = mrl_row_bytes(rows, 1),
        .introducer = mrl_row_bytes(rows, 2),
        .door = mrl_row_bytes(rows, 3),
        .state = state,
        .created_ms = mrl_row_int(rows, 5),
        .decided_ms = mrl_row_int(rows, 6),
        .expires = state == MRL_APPROVAL_PENDING || state == MRL_APPROVAL_APPROVED
                       ? mrl_row_int(rows, 7)
                       : 0,
        .reason = mrl_row_bytes(rows, 8),
    };
}

static mrl_err run_list(struct mrl_tx *tx, void *context)
{
    const struct listing *l = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(query_page(tx, l, &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        const struct mrl_approval_info info = info_of_row(rows);

        l->visit(l->context, &info);
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

mrl_err mrl_approval_list(struct mrl_store *s, mrl_bytes after, size_t limit,
                          enum mrl_approval_state state, mrl_approval_visit *visit, void *context)
{
    struct listing l = {after, limit, state, visit, context};

    MRL_ENSURE(limit >= 1 && limit <= MRL_APPROVAL_PAGE_MAX, MRL_ERR_INVALID);
    return mrl_store_read(s, run_list, &l);
}
