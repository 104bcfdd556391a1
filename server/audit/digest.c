/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/digest.h"

#include "base/writer.h"

static mrl_err add_head(struct mrl_sha256 *h, bool is_null, int64_t number, size_t len)
{
    uint8_t bytes[1 + 8 + 4];
    struct mrl_writer w = mrl_writer_on(bytes, sizeof(bytes));

    mrl_put_u8(&w, is_null ? 1 : 0);
    mrl_put_u64(&w, (uint64_t)number);
    mrl_put_u32(&w, (uint32_t)len);
    return mrl_sha256_add(h, mrl_bytes_of(bytes, sizeof(bytes)));
}

static mrl_err add_row(struct mrl_sha256 *h, const struct mrl_rows *rows)
{
    unsigned columns = mrl_row_columns(rows);
    uint8_t count[4];
    struct mrl_writer w = mrl_writer_on(count, sizeof(count));

    mrl_put_u32(&w, columns);
    MRL_TRY(mrl_sha256_add(h, mrl_bytes_of(count, sizeof(count))));
    for (unsigned i = 0; i < columns; i++) {
        mrl_bytes bytes = mrl_row_bytes(rows, i);

        MRL_TRY(add_head(h, mrl_row_null(rows, i), mrl_row_int(rows, i), bytes.len));
        MRL_TRY(mrl_sha256_add(h, bytes));
    }
    return MRL_OK;
}

mrl_err mrl_audit_digest(struct mrl_tx *tx, const char *sql, const struct mrl_value *args, size_t n,
                         struct mrl_audit_digest *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    MRL_AUTO(mrl_sha256) h = NULL;
    struct mrl_audit_digest d = {0};
    mrl_err err;

    MRL_TRY(mrl_sha256_new(&h));
    MRL_TRY(mrl_tx_query(tx, sql, args, n, &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        MRL_TRY(add_row(h, rows));
        d.known = true;
    }
    MRL_ENSURE(err == MRL_ERR_NOT_FOUND, err);
    MRL_TRY(mrl_sha256_end(h, d.bytes));
    *out = d;
    return MRL_OK;
}
