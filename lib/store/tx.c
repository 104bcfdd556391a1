/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tx.h"

#include <string.h>

#include "base/utf8.h"
#include "store/state.h"

static mrl_err failed(struct mrl_tx *tx, mrl_err err)
{
    if (tx->failed == MRL_OK)
        tx->failed = err;
    return err;
}

static bool is_text(mrl_bytes b)
{
    return mrl_utf8_valid(b) && mrl_bytes_find(b, 0, 0) == b.len;
}

static mrl_err check_values(struct mrl_tx *tx, const struct mrl_value *args, size_t n)
{
    if (n > MRL_STORE_ARGS_MAX)
        return mrl_fail(&tx->why, MRL_ERR_LIMIT, "%zu values, at most %d", n, MRL_STORE_ARGS_MAX);
    for (size_t i = 0; i < n; i++) {
        bool bytes = args[i].type == MRL_VALUE_TEXT || args[i].type == MRL_VALUE_BLOB;

        if (bytes && args[i].bytes.len > MRL_STORE_VALUE_MAX)
            return mrl_fail(&tx->why, MRL_ERR_LIMIT, "value $%zu has %zu bytes, at most %d", i + 1,
                            args[i].bytes.len, MRL_STORE_VALUE_MAX);
        if (args[i].type == MRL_VALUE_TEXT && !is_text(args[i].bytes))
            return mrl_fail(&tx->why, MRL_ERR_INVALID, "value $%zu is no text (UTF-8, no NUL)",
                            i + 1);
    }
    return MRL_OK;
}

/* The transaction and the connection belong to the store; what else a callback does is its own. */
static bool is_the_stores_own(mrl_bytes sql)
{
    static const char *const words[] = {"BEGIN",   "COMMIT", "END",    "ROLLBACK", "SAVEPOINT",
                                        "RELEASE", "ATTACH", "DETACH", "PRAGMA",   "VACUUM"};
    mrl_bytes text = mrl_bytes_trim(sql);

    for (size_t i = 0; i < MRL_COUNT(words); i++) {
        mrl_bytes word = mrl_str(words[i]);

        if (mrl_bytes_eq_nocase(mrl_bytes_sub(text, 0, word.len), word))
            return true;
    }
    return false;
}

static mrl_err check(struct mrl_tx *tx, const char *sql, const struct mrl_value *args, size_t n)
{
    size_t len = strlen(sql);

    if (len > MRL_STORE_SQL_MAX)
        return mrl_fail(&tx->why, MRL_ERR_LIMIT, "a statement of %zu bytes, at most %d", len,
                        MRL_STORE_SQL_MAX);
    if (is_the_stores_own(mrl_bytes_of(sql, len)))
        return mrl_fail(&tx->why, MRL_ERR_INVALID, "not for a callback: %.40s", sql);
    return check_values(tx, args, n);
}

mrl_err mrl_tx_query(struct mrl_tx *tx, const char *sql, const struct mrl_value *args, size_t n,
                     struct mrl_rows **out)
{
    struct mrl_rows *rows = NULL;
    mrl_err err;

    MRL_ENSURE(tx->failed == MRL_OK, MRL_ERR_STATE);
    err = check(tx, sql, args, n);
    if (err == MRL_OK)
        err = tx->engine->query(tx->conn, sql, args, n, &rows, &tx->why);
    if (err != MRL_OK)
        return failed(tx, err);
    rows->tx = tx;
    *out = rows;
    return MRL_OK;
}

mrl_err mrl_tx_exec(struct mrl_tx *tx, const char *sql, const struct mrl_value *args, size_t n,
                    uint64_t *changed)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err = MRL_OK;

    MRL_TRY(mrl_tx_query(tx, sql, args, n, &rows));
    while (err == MRL_OK)
        err = mrl_rows_next(rows);
    if (err != MRL_ERR_NOT_FOUND)
        return err;
    if (changed != NULL)
        *changed = tx->engine->changed(rows);
    return MRL_OK;
}

mrl_err mrl_tx_query_one(struct mrl_tx *tx, const char *sql, const struct mrl_value *args, size_t n,
                         struct mrl_rows **out)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    *out = NULL;
    MRL_TRY(mrl_tx_query(tx, sql, args, n, &rows));
    MRL_TRY(mrl_rows_next(rows));
    *out = MRL_TAKE(rows);
    return MRL_OK;
}

mrl_err mrl_tx_snapshot(struct mrl_tx *tx, const char *path)
{
    mrl_err err;

    MRL_ENSURE(tx->failed == MRL_OK, MRL_ERR_STATE);
    err = tx->engine->snapshot(tx->conn, path, &tx->why);
    return err == MRL_OK ? MRL_OK : failed(tx, err);
}

const char *mrl_tx_why(const struct mrl_tx *tx)
{
    return tx->why.text;
}

void *mrl_tx_attached(const struct mrl_tx *tx)
{
    return tx->attached;
}

mrl_err mrl_rows_next(struct mrl_rows *rows)
{
    struct mrl_tx *tx = rows->tx;
    mrl_err err;

    MRL_ENSURE(tx->failed == MRL_OK, MRL_ERR_STATE);
    err = tx->engine->next(rows, &tx->why);
    return err == MRL_OK || err == MRL_ERR_NOT_FOUND ? err : failed(tx, err);
}

void mrl_rows_free(struct mrl_rows *rows)
{
    if (rows != NULL)
        rows->tx->engine->free_rows(rows);
}

bool mrl_row_null(const struct mrl_rows *rows, unsigned column)
{
    return rows->tx->engine->is_null(rows, column);
}

int64_t mrl_row_int(const struct mrl_rows *rows, unsigned column)
{
    return rows->tx->engine->number(rows, column);
}

mrl_bytes mrl_row_bytes(const struct mrl_rows *rows, unsigned column)
{
    return rows->tx->engine->bytes(rows, column);
}

unsigned mrl_row_columns(const struct mrl_rows *rows)
{
    return rows->tx->engine->columns(rows);
}
