/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/entries.h"

#include "audit/read.h"

mrl_err mrl_audit_bounds(struct mrl_tx *tx, uint64_t *first, uint64_t *last)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_audit_last(tx, last));
    err = mrl_tx_query_one(tx, "SELECT seq FROM audit_entries ORDER BY seq LIMIT 1", MRL_NO_ARGS,
                           &rows);
    *first = err == MRL_OK ? (uint64_t)mrl_row_int(rows, 0) : 0;
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

mrl_err mrl_audit_open_row(struct mrl_tx *tx, const struct mrl_audit_row *row,
                           struct mrl_buf *plain, struct mrl_audit_openings *out,
                           struct mrl_why *why)
{
    const struct mrl_audit *a = mrl_tx_attached(tx);
    char memory[MRL_SEAL_NUMBER_MAX];
    const struct mrl_seal_place place = mrl_audit_private_place(row->seq, memory);

    MRL_ENSURE(a != NULL, MRL_ERR_STATE);
    mrl_buf_clear(plain);
    *out = (struct mrl_audit_openings){0};
    if (row->sealed.len == 0)
        return MRL_OK;
    MRL_TRY(mrl_unseal(a->sealer, &place, row->sealed, plain, why));
    if (mrl_audit_openings_read(mrl_buf_bytes(plain), out) != MRL_OK)
        return mrl_fail(why, MRL_ERR_CORRUPT, "entry %llu has openings that are none",
                        (unsigned long long)row->seq);
    return MRL_OK;
}

static mrl_err visit_row(struct mrl_tx *tx, const struct mrl_rows *rows,
                         const struct mrl_audit_range *range, struct mrl_buf *plain,
                         mrl_audit_visit *visit, void *context, struct mrl_why *why)
{
    struct mrl_audit_openings opened = {0};
    const struct mrl_audit_row row = {(uint64_t)mrl_row_int(rows, 0), mrl_row_bytes(rows, 1),
                                      &opened, mrl_row_bytes(rows, 2)};
    mrl_err err = MRL_OK;

    if (range->open != MRL_AUDIT_CLOSED)
        err = mrl_audit_open_row(tx, &row, plain, &opened, why);
    MRL_ENSURE(err == MRL_OK || range->open == MRL_AUDIT_OPENABLE, err);
    return visit(context, &row);
}

mrl_err mrl_audit_walk_entries(struct mrl_tx *tx, const struct mrl_audit_range *range,
                               mrl_audit_visit *visit, void *context, struct mrl_why *why)
{
    static const char up[] = "SELECT seq, json, private FROM audit_entries"
                             " WHERE seq >= $1 AND seq <= $2 ORDER BY seq";
    static const char down[] = "SELECT seq, json, private FROM audit_entries"
                               " WHERE seq >= $1 AND seq <= $2 ORDER BY seq DESC";
    MRL_AUTO(mrl_rows) rows = NULL;
    MRL_SCOPED(mrl_buf) plain = {0};
    mrl_err err;

    MRL_ENSURE(mrl_tx_attached(tx) != NULL, MRL_ERR_STATE);
    MRL_TRY(mrl_tx_query(tx, range->newest_first ? down : up,
                         MRL_ARGS(MRL_INT(range->from), MRL_INT(range->to)), &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK)
        MRL_TRY(visit_row(tx, rows, range, &plain, visit, context, why));
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}
