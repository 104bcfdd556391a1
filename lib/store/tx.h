/* SPDX-License-Identifier: Apache-2.0 */
/* Statements inside a transaction. Layer: store. Thread: the one that runs the callback which got
 * the tx; a tx and its rows are valid only inside that callback.
 *
 * Errors of every statement: MRL_ERR_EXISTS (a unique key is taken), MRL_ERR_STATE (a foreign key
 * or CHECK does not hold, or a statement failed before in this callback), MRL_ERR_LIMIT (too many
 * or too large values), MRL_ERR_INVALID (the SQL is wrong, a text is not UTF-8, a write in a read
 * transaction), MRL_ERR_NO_SPACE, MRL_ERR_IO, MRL_ERR_CORRUPT (mrl_tx_why names the file).
 *
 * A failed statement ends the callback's work on every engine: later statements give MRL_ERR_STATE,
 * and a write job whose callback returns MRL_OK all the same is undone and fails with the first
 * error. What may happen in normal life is asked for: ON CONFLICT DO NOTHING and *changed. */
#ifndef MRL_STORE_TX_H
#define MRL_STORE_TX_H

#include "base/err.h"
#include "store/value.h"

struct mrl_tx;
struct mrl_rows;

/* Runs one statement that returns no rows. *changed (may be NULL): rows written by it. */
mrl_err mrl_tx_exec(struct mrl_tx *tx, const char *sql, const struct mrl_value *args, size_t n,
                    uint64_t *changed);
/* Starts one statement that returns rows; gives *out, positioned before the first. */
mrl_err mrl_tx_query(struct mrl_tx *tx, const char *sql, const struct mrl_value *args, size_t n,
                     struct mrl_rows **out);
/* The same, positioned on the first row: ask by a unique key. MRL_ERR_NOT_FOUND: none, *out is NULL
 * (not a failed statement: the callback may go on). */
mrl_err mrl_tx_query_one(struct mrl_tx *tx, const char *sql, const struct mrl_value *args, size_t n,
                         struct mrl_rows **out);
/* In mrl_store_read only: all that this transaction sees, as a database of its own in a new file of
 * mode 0600. The writer goes on meanwhile. MRL_ERR_IO: path exists. On failure there is no file. */
mrl_err mrl_tx_snapshot(struct mrl_tx *tx, const char *path);
/* The sentence of the first failed statement; "" without one. Borrowed from tx. */
const char *mrl_tx_why(const struct mrl_tx *tx);

/* What mrl_store_attach gave; NULL without. */
void *mrl_tx_attached(const struct mrl_tx *tx);

/* MRL_OK: on a row. MRL_ERR_NOT_FOUND: after the last one. */
mrl_err mrl_rows_next(struct mrl_rows *rows);
void mrl_rows_free(struct mrl_rows *rows); /* NULL is fine */
MRL_AUTO_DEFINE(mrl_rows);
/* Columns of the present row count from 0. A column that is NULL, of another type or does not exist
 * reads as 0 or no bytes. Bytes are borrowed until the next row or the end of rows. */
bool mrl_row_null(const struct mrl_rows *rows, unsigned column);
int64_t mrl_row_int(const struct mrl_rows *rows, unsigned column);
mrl_bytes mrl_row_bytes(const struct mrl_rows *rows, unsigned column);
unsigned mrl_row_columns(const struct mrl_rows *rows);

#endif
