/* SPDX-License-Identifier: Apache-2.0 */
/* Finding devices in the store. */
#include "base/arena.h"
#include "devices/credential.h"
#include "devices/device.h"
#include "devices/internal.h"

#define COLUMNS "id, grp, state, resume, note, reason, created, changed, attributes"
#define PAGE "SELECT " COLUMNS " FROM devices WHERE id > $1"
#define PAGE_END " ORDER BY id LIMIT $2"

struct reading {
    struct mrl_registry *registry;
    const struct mrl_device_query *query;
    mrl_bytes id;
    mrl_device_visit *visit;
    void *context;
    struct mrl_buf note; /* of the present row */
    struct mrl_why *why;
};

/* The note is in r until the next row. */
static mrl_err open_note(struct reading *r, const struct mrl_rows *rows,
                         struct mrl_device_info *info)
{
    const struct mrl_note_of of = {MRL_PRINCIPAL_DEVICE, info->id};

    MRL_TRY(mrl_note_open(r->registry->sealer, &of, mrl_row_bytes(rows, 4), &r->note, r->why));
    info->note = mrl_buf_bytes(&r->note);
    return MRL_OK;
}

static struct mrl_device_info info_of_row(const struct mrl_rows *rows)
{
    return (struct mrl_device_info){
        .id = mrl_row_bytes(rows, 0),
        .group = mrl_row_bytes(rows, 1),
        .life = {(enum mrl_device_state)mrl_row_int(rows, 2),
                 (enum mrl_device_state)mrl_row_int(rows, 3)},
        .reason = mrl_row_bytes(rows, 5),
        .created_ms = mrl_row_int(rows, 6),
        .changed_ms = mrl_row_int(rows, 7),
        .attributes = mrl_row_bytes(rows, 8),
    };
}

/* A statement has exactly the parameters it uses: PostgreSQL gives the others no type. */
static mrl_err query_page(struct mrl_tx *tx, const struct mrl_device_query *q,
                          struct mrl_rows **out)
{
    static const char *const sql[2][2] = {
        {PAGE PAGE_END, PAGE " AND grp = $3" PAGE_END},
        {PAGE " AND state = $3" PAGE_END, PAGE " AND state = $3 AND grp = $4" PAGE_END},
    };
    struct mrl_value args[4] = {MRL_TEXT(q->after), MRL_INT(q->limit)};
    size_t n = 2;

    if (q->state != 0)
        args[n++] = MRL_INT(q->state);
    if (q->group.len > 0)
        args[n++] = MRL_TEXT(q->group);
    return mrl_tx_query(tx, sql[q->state != 0][q->group.len > 0], args, n, out);
}

static mrl_err run_list(struct mrl_tx *tx, void *context)
{
    struct reading *r = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(query_page(tx, r->query, &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        struct mrl_device_info info = info_of_row(rows);

        MRL_TRY(open_note(r, rows, &info));
        r->visit(r->context, &info);
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

mrl_err mrl_device_list(struct mrl_registry *r, const struct mrl_device_query *query,
                        mrl_device_visit *visit, void *context, struct mrl_why *why)
{
    struct reading reading = {
        .registry = r, .query = query, .visit = visit, .context = context, .why = why};
    mrl_err err;

    if (query->limit < 1 || query->limit > MRL_DEVICE_PAGE_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "a page has 1 to %d devices", MRL_DEVICE_PAGE_MAX);
    if (query->state != 0 && !mrl_device_state_known((int64_t)query->state))
        return mrl_fail(why, MRL_ERR_INVALID, "no such state");
    if (query->after.len > 0)
        MRL_TRY(mrl_name_check(query->after, "cursor", why));
    if (query->group.len > 0)
        MRL_TRY(mrl_name_check(query->group, "group", why));
    err = mrl_store_read(r->store, run_list, &reading);
    mrl_buf_done(&reading.note);
    return err;
}

static mrl_err run_show(struct mrl_tx *tx, void *context)
{
    struct reading *r = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    MRL_AUTO(mrl_rows) expected = NULL;
    struct mrl_arena arena = {0};
    struct mrl_device_info info;
    mrl_err err;

    MRL_TRY(mrl_tx_query_one(tx, "SELECT " COLUMNS " FROM devices WHERE id = $1",
                             MRL_ARGS(MRL_TEXT(r->id)), &rows));
    info = info_of_row(rows);
    MRL_TRY(open_note(r, rows, &info));
    MRL_TRY(mrl_expectation_find_tx(tx, r->id, &expected, &info.expectation));
    err = mrl_credentials_read(tx, &arena, MRL_PRINCIPAL_DEVICE, r->id, &info.credentials,
                               &info.credential_count);
    if (err == MRL_OK)
        r->visit(r->context, &info);
    mrl_arena_done(&arena);
    return err;
}

mrl_err mrl_device_show(struct mrl_registry *r, mrl_bytes id, mrl_device_visit *visit,
                        void *context, struct mrl_why *why)
{
    struct reading reading = {
        .registry = r, .id = id, .visit = visit, .context = context, .why = why};
    mrl_err err =
        mrl_name_valid(id) ? mrl_store_read(r->store, run_show, &reading) : MRL_ERR_NOT_FOUND;

    mrl_buf_done(&reading.note);
    return err == MRL_ERR_NOT_FOUND ? mrl_fail(why, err, "there is no such device") : err;
}
