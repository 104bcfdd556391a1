/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/log.h"
#include "audit/read.h"
#include "base/clock.h"

struct heads {
    struct mrl_audit_head log;
    uint64_t signed_size;
};

static mrl_err read_heads(struct mrl_tx *tx, void *context)
{
    struct heads *h = context;
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_audit_last(tx, &h->log));
    MRL_TRY(mrl_tx_query_one(tx, "SELECT MAX(size) FROM audit_heads", MRL_NO_ARGS, &rows));
    h->signed_size = (uint64_t)mrl_row_int(rows, 0);
    return MRL_OK;
}

struct head_job {
    struct mrl_write write;
    const struct mrl_audit_head *head;
    mrl_bytes signature;
};

static mrl_err insert_head(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct head_job *j = MRL_CONTAINER(w, struct head_job, write);

    return mrl_tx_exec(
        tx, "INSERT INTO audit_heads (size, hash, signature, time) VALUES ($1, $2, $3, $4)",
        MRL_ARGS(MRL_INT(j->head->size),
                 MRL_BLOB(mrl_bytes_of(j->head->hash, sizeof(j->head->hash))),
                 MRL_BLOB(j->signature), MRL_INT(mrl_wall_ms())),
        NULL);
}

/* A log shorter than its newest signed head was cut: signing it would make that the truth. */
mrl_err mrl_audit_sign_head(struct mrl_audit *a, mrl_audit_sign sign, void *context)
{
    MRL_SCOPED(mrl_buf) signature = {.limit = 1024};
    struct heads h = {0};
    struct head_job j = {.write.run = insert_head, .head = &h.log};

    MRL_TRY(mrl_store_read(a->store, read_heads, &h)); /* only what is committed is signed */
    MRL_ENSURE(h.log.size >= h.signed_size, MRL_ERR_CORRUPT);
    if (h.log.size == h.signed_size)
        return MRL_OK;
    MRL_TRY(sign(context, &h.log, &signature));
    j.signature = mrl_buf_bytes(&signature);
    return mrl_store_write(a->store, &j.write);
}

mrl_err mrl_audit_heads(struct mrl_tx *tx, uint64_t after, unsigned limit,
                        mrl_err (*each)(void *context, const struct mrl_audit_signed_head *head,
                                        int64_t time_ms),
                        void *context)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_ENSURE(limit >= 1 && limit <= MRL_AUDIT_HEADS_MAX, MRL_ERR_LIMIT);
    MRL_TRY(mrl_tx_query(tx,
                         "SELECT size, hash, signature, time FROM audit_heads WHERE size > $1"
                         " ORDER BY size LIMIT $2",
                         MRL_ARGS(MRL_INT(after), MRL_INT(limit)), &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        const struct mrl_audit_signed_head head = {(uint64_t)mrl_row_int(rows, 0),
                                                   mrl_row_bytes(rows, 1), mrl_row_bytes(rows, 2)};

        MRL_TRY(each(context, &head, mrl_row_int(rows, 3)));
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}
