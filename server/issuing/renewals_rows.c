/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/clock.h"
#include "devices/snapshot.h"
#include "issuing/renewals_internal.h"

/* Of one device in one order. Stored: a value never changes its meaning. */
enum turn_state { TURN_TOLD = 1, TURN_UNREACHABLE = 2, TURN_RENEWED = 3 };

static const struct mrl_migration migrations[] = {
    {"renewals", 1,
     "CREATE TABLE renewals ("
     " id INTEGER NOT NULL PRIMARY KEY,"
     " grp TEXT NOT NULL,"
     " per_hour INTEGER NOT NULL,"
     " state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 4),"
     " started INTEGER NOT NULL,"
     " ended INTEGER NOT NULL,"
     " last TEXT NOT NULL," /* all devices up to this id were told */
     " walked INTEGER NOT NULL,"
     " total INTEGER NOT NULL);"
     "CREATE TABLE renewal_turns ("
     " renewal INTEGER NOT NULL,"
     " device TEXT NOT NULL,"
     " state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 3),"
     " PRIMARY KEY (renewal, device));"
     "CREATE INDEX renewal_turns_by_state ON renewal_turns (renewal, state);"
     "CREATE INDEX renewal_turns_open ON renewal_turns (device) WHERE state < 3;"},
};
const struct mrl_migration_list mrl_renewals_migrations = {migrations, MRL_COUNT(migrations)};

#define ORDER_COLUMNS "id, grp, per_hour, state, started, last, total"

static mrl_err read_order(const struct mrl_rows *rows, struct mrl_renewal_order *out)
{
    mrl_bytes group = mrl_row_bytes(rows, 1), last = mrl_row_bytes(rows, 5);

    *out = (struct mrl_renewal_order){
        .id = mrl_row_int(rows, 0),
        .per_hour = (uint64_t)mrl_row_int(rows, 2),
        .state = (enum mrl_renewal_state)mrl_row_int(rows, 3),
        .started_ms = mrl_row_int(rows, 4),
        .total = (uint64_t)mrl_row_int(rows, 6),
    };
    MRL_ENSURE(group.len == 0 || mrl_name_set(&out->group, group), MRL_ERR_CORRUPT);
    MRL_ENSURE(last.len == 0 || mrl_name_set(&out->last, last), MRL_ERR_CORRUPT);
    return MRL_OK;
}

mrl_err mrl_renewal_rows_load(struct mrl_tx *tx, struct mrl_renewals *r)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    size_t count = 0;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx, "SELECT " ORDER_COLUMNS " FROM renewals WHERE state < $1 ORDER BY id",
                         MRL_ARGS(MRL_INT(MRL_RENEWAL_DONE)), &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        MRL_ENSURE(count < MRL_COUNT(r->orders), MRL_ERR_CORRUPT);
        MRL_TRY(read_order(rows, &r->orders[count++]));
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

mrl_err mrl_renewal_rows_get(struct mrl_tx *tx, int64_t id, struct mrl_renewal_order *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx, "SELECT " ORDER_COLUMNS " FROM renewals WHERE id = $1",
                             MRL_ARGS(MRL_INT(id)), &rows));
    return read_order(rows, out);
}

static mrl_err query_number(struct mrl_tx *tx, const char *sql, const struct mrl_value *args,
                            size_t n, int64_t *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx, sql, args, n, &rows));
    *out = mrl_row_int(rows, 0);
    return MRL_OK;
}

mrl_err mrl_renewal_rows_room(struct mrl_tx *tx, struct mrl_why *why)
{
    int64_t open;

    MRL_TRY(query_number(tx, "SELECT COUNT(*) FROM renewals WHERE state < $1",
                         MRL_ARGS(MRL_INT(MRL_RENEWAL_DONE)), &open));
    if (open >= MRL_RENEWALS_OPEN_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "%d orders to renew are open already: cancel one",
                        MRL_RENEWALS_OPEN_MAX);
    return MRL_OK;
}

static mrl_err count_devices(struct mrl_tx *tx, struct mrl_renewal_order *o)
{
    mrl_bytes group = mrl_name_bytes(&o->group);
    int64_t total;

    if (group.len == 0)
        MRL_TRY(query_number(tx, "SELECT COUNT(*) FROM devices WHERE state IN ($1, $2)",
                             MRL_ARGS(MRL_INT(MRL_DEVICE_ACTIVE), MRL_INT(MRL_DEVICE_QUARANTINED)),
                             &total));
    else
        MRL_TRY(query_number(
            tx, "SELECT COUNT(*) FROM devices WHERE grp = $3 AND state IN ($1, $2)",
            MRL_ARGS(MRL_INT(MRL_DEVICE_ACTIVE), MRL_INT(MRL_DEVICE_QUARANTINED), MRL_TEXT(group)),
            &total));
    o->total = (uint64_t)total;
    return MRL_OK;
}

mrl_err mrl_renewal_rows_add(struct mrl_tx *tx, struct mrl_renewal_order *o, struct mrl_why *why)
{
    MRL_TRY(mrl_renewal_rows_room(tx, why));
    MRL_TRY(count_devices(tx, o));
    if (o->total == 0)
        return mrl_fail(why, MRL_ERR_NOT_FOUND, "no device there has a certificate to renew");
    MRL_TRY(query_number(tx, "SELECT COALESCE(MAX(id), 0) + 1 FROM renewals", MRL_NO_ARGS, &o->id));
    return mrl_tx_exec(
        tx,
        "INSERT INTO renewals (id, grp, per_hour, state, started, ended, last, walked, total)"
        " VALUES ($1, $2, $3, $4, $5, 0, '', 0, $6)",
        MRL_ARGS(MRL_INT(o->id), MRL_TEXT(mrl_name_bytes(&o->group)), MRL_INT(o->per_hour),
                 MRL_INT(o->state), MRL_INT(o->started_ms), MRL_INT(o->total)),
        NULL);
}

mrl_err mrl_renewal_rows_set_state(struct mrl_tx *tx, const struct mrl_renewal_order *o)
{
    bool ended = o->state >= MRL_RENEWAL_DONE;

    return mrl_tx_exec(
        tx, "UPDATE renewals SET state = $2, ended = $3 WHERE id = $1",
        MRL_ARGS(MRL_INT(o->id), MRL_INT(o->state), MRL_INT(ended ? mrl_wall_ms() : 0)), NULL);
}

/* --- whose turn it is --- */

/* When the newest certificate of a device that is in use was made; 0: it has none. */
#define NEWEST                                                                                 \
    "(SELECT COALESCE(MAX(c.created), 0) FROM credentials c WHERE c.kind = $1 AND c.principal" \
    " = d.id AND c.state = $2)"

static mrl_err query_next(struct mrl_tx *tx, const struct mrl_renewal_order *o, size_t most,
                          struct mrl_rows **out)
{
    static const char all[] = "SELECT d.id, " NEWEST " FROM devices d WHERE d.id > $3"
                              " AND d.state IN ($4, $5) ORDER BY d.id LIMIT $6";
    static const char of_group[] = "SELECT d.id, " NEWEST " FROM devices d WHERE d.grp = $7"
                                   " AND d.id > $3 AND d.state IN ($4, $5) ORDER BY d.id LIMIT $6";
    mrl_bytes group = mrl_name_bytes(&o->group);
    const struct mrl_value args[] = {MRL_INT(MRL_PRINCIPAL_DEVICE),
                                     MRL_INT(MRL_CREDENTIAL_ACTIVE),
                                     MRL_TEXT(mrl_name_bytes(&o->last)),
                                     MRL_INT(MRL_DEVICE_ACTIVE),
                                     MRL_INT(MRL_DEVICE_QUARANTINED),
                                     MRL_INT(most),
                                     MRL_TEXT(group)};

    return mrl_tx_query(tx, group.len > 0 ? of_group : all, args,
                        MRL_COUNT(args) - (group.len == 0), out);
}

struct next {
    struct mrl_name device;
    int64_t newest_ms;
};

static mrl_err read_next(struct mrl_tx *tx, const struct mrl_renewal_order *o, size_t most,
                         struct next *found, size_t *count)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    *count = 0;
    MRL_TRY(query_next(tx, o, most, &rows));
    while (*count < most && (err = mrl_rows_next(rows)) == MRL_OK) {
        MRL_ENSURE(mrl_name_set(&found[*count].device, mrl_row_bytes(rows, 0)), MRL_ERR_CORRUPT);
        found[*count].newest_ms = mrl_row_int(rows, 1);
        ++*count;
    }
    return *count == most || err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

/* Unreachable until a worker says that it was reached. */
static mrl_err take_turn(struct mrl_tx *tx, const struct mrl_renewal_order *o, const struct next *n,
                         struct mrl_renewal_batch *batch)
{
    bool renewed = n->newest_ms >= o->started_ms;

    if (n->newest_ms == 0)
        return MRL_OK;
    if (!renewed)
        batch->turns[batch->count++] = (struct mrl_renewal_turn){.device = n->device};
    return mrl_tx_exec(tx, "INSERT INTO renewal_turns (renewal, device, state) VALUES ($1, $2, $3)",
                       MRL_ARGS(MRL_INT(o->id), MRL_TEXT(mrl_name_bytes(&n->device)),
                                MRL_INT(renewed ? TURN_RENEWED : TURN_UNREACHABLE)),
                       NULL);
}

static mrl_err move_on(struct mrl_tx *tx, const struct mrl_renewal_order *o, size_t walked)
{
    return mrl_tx_exec(
        tx, "UPDATE renewals SET last = $2, state = $3, walked = walked + $4 WHERE id = $1",
        MRL_ARGS(MRL_INT(o->id), MRL_TEXT(mrl_name_bytes(&o->last)), MRL_INT(o->state),
                 MRL_INT(walked)),
        NULL);
}

static mrl_err take_turns(struct mrl_tx *tx, struct mrl_renewal_order *o, size_t most,
                          struct next *found, struct mrl_renewal_batch *batch)
{
    size_t count;

    MRL_TRY(read_next(tx, o, most, found, &count));
    for (size_t i = 0; i < count; i++)
        MRL_TRY(take_turn(tx, o, &found[i], batch));
    if (count > 0)
        o->last = found[count - 1].device;
    if (count < most)
        o->state = MRL_RENEWAL_WAITING;
    return move_on(tx, o, count);
}

mrl_err mrl_renewal_rows_next(struct mrl_tx *tx, struct mrl_renewal_order *o, size_t most,
                              struct mrl_renewal_batch *batch)
{
    struct next *found = calloc(most, sizeof(*found));
    mrl_err err;

    if (found == NULL)
        abort();
    err = take_turns(tx, o, most, found, batch);
    free(found);
    return err;
}

mrl_err mrl_renewal_rows_told(struct mrl_tx *tx, const struct mrl_renewal_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        if (batch->turns[i].reached)
            MRL_TRY(mrl_tx_exec(
                tx,
                "UPDATE renewal_turns SET state = $3 WHERE renewal = $1 AND device = $2 AND state ="
                " $4",
                MRL_ARGS(MRL_INT(batch->order), MRL_TEXT(mrl_name_bytes(&batch->turns[i].device)),
                         MRL_INT(TURN_TOLD), MRL_INT(TURN_UNREACHABLE)),
                NULL));
    return MRL_OK;
}

mrl_err mrl_renewals_renewed_tx(struct mrl_tx *tx, mrl_bytes device)
{
    return mrl_tx_exec(tx, "UPDATE renewal_turns SET state = 3 WHERE device = $1 AND state < 3",
                       MRL_ARGS(MRL_TEXT(device)), NULL);
}

mrl_err mrl_renewal_rows_all_renewed(struct mrl_tx *tx, int64_t id, bool *out)
{
    int64_t open;

    MRL_TRY(query_number(
        tx, "SELECT EXISTS (SELECT 1 FROM renewal_turns WHERE renewal = $1 AND state IN ($2, $3))",
        MRL_ARGS(MRL_INT(id), MRL_INT(TURN_TOLD), MRL_INT(TURN_UNREACHABLE)), &open));
    *out = open == 0;
    return MRL_OK;
}

/* --- how far they are --- */

static mrl_err count_turns(struct mrl_tx *tx, struct mrl_renewal_info *info)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx,
                         "SELECT state, COUNT(*) FROM renewal_turns WHERE renewal = $1"
                         " GROUP BY state",
                         MRL_ARGS(MRL_INT(info->id)), &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        uint64_t count = (uint64_t)mrl_row_int(rows, 1);

        if (mrl_row_int(rows, 0) == TURN_TOLD)
            info->told = count;
        else if (mrl_row_int(rows, 0) == TURN_UNREACHABLE)
            info->unreachable = count;
        else
            info->renewed = count;
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static mrl_err show_one(struct mrl_tx *tx, const struct mrl_rows *rows, mrl_renewal_visit *visit,
                        void *context)
{
    uint64_t walked = (uint64_t)mrl_row_int(rows, 6);
    struct mrl_renewal_info info = {
        .id = mrl_row_int(rows, 0),
        .group = mrl_row_bytes(rows, 1),
        .per_hour = (uint64_t)mrl_row_int(rows, 2),
        .state = (enum mrl_renewal_state)mrl_row_int(rows, 3),
        .started_ms = mrl_row_int(rows, 4),
        .ended_ms = mrl_row_int(rows, 5),
        .total = (uint64_t)mrl_row_int(rows, 7),
    };

    info.left = info.state != MRL_RENEWAL_WAITING && info.total > walked ? info.total - walked : 0;
    MRL_TRY(count_turns(tx, &info));
    visit(context, &info);
    return MRL_OK;
}

mrl_err mrl_renewal_rows_list(struct mrl_tx *tx, int64_t before, size_t limit,
                              mrl_renewal_visit *visit, void *context)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx,
                         "SELECT id, grp, per_hour, state, started, ended, walked, total"
                         " FROM renewals WHERE id < $1 ORDER BY id DESC LIMIT $2",
                         MRL_ARGS(MRL_INT(before > 0 ? before : INT64_MAX), MRL_INT(limit)),
                         &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK)
        MRL_TRY(show_one(tx, rows, visit, context));
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}
