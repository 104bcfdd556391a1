/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/clock.h"
#include "store/state.h"

static const char version_table[] = "CREATE TABLE IF NOT EXISTS schema_migrations ("
                                    "component TEXT NOT NULL, number INTEGER NOT NULL, "
                                    "applied_ms INTEGER NOT NULL, PRIMARY KEY (component, number))";

/* The highest number of a component in the program's lists, 0 when it knows none. */
static unsigned newest_known(const struct mrl_store_options *o, mrl_bytes component)
{
    unsigned newest = 0;

    for (size_t l = 0; l < o->migrations_count; l++) {
        for (size_t i = 0; i < o->migrations[l].count; i++) {
            const struct mrl_migration *m = &o->migrations[l].items[i];

            if (mrl_bytes_eq(mrl_str(m->component), component) && m->number > newest)
                newest = m->number;
        }
    }
    return newest;
}

static mrl_err refuse_newer(struct mrl_tx *tx, const struct mrl_store_options *o,
                            struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx,
                         "SELECT component, MAX(number) FROM schema_migrations GROUP BY component",
                         MRL_NO_ARGS, &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        mrl_bytes component = mrl_row_bytes(rows, 0);
        int64_t number = mrl_row_int(rows, 1);
        unsigned known = newest_known(o, component);

        if (number > (int64_t)known)
            return mrl_fail(why, MRL_ERR_UNSUPPORTED,
                            "%s was made by a newer program: %.*s has version %lld, this program "
                            "knows %u; install the newer program or restore an older backup",
                            o->path, MRL_FMT(component), (long long)number, known);
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static mrl_err applied(struct mrl_tx *tx, const char *component, int64_t *newest)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(
        tx, "SELECT MAX(number), COUNT(*) FROM schema_migrations WHERE component = $1",
        MRL_ARGS(MRL_TEXT(mrl_str(component))), &rows));
    *newest = mrl_row_int(rows, 0);
    return *newest == mrl_row_int(rows, 1) ? MRL_OK : MRL_ERR_CORRUPT;
}

static mrl_err apply_in(struct mrl_tx *tx, const struct mrl_migration *m)
{
    MRL_ENSURE(strlen(m->sql) <= MRL_STORE_SQL_MAX, MRL_ERR_LIMIT);
    MRL_TRY(tx->engine->script(tx->conn, m->sql, &tx->why));
    if (!tx->engine->in_transaction(tx->conn))
        return mrl_fail(&tx->why, MRL_ERR_INVALID, "it ends the transaction");
    MRL_TRY(mrl_tx_exec(
        tx, "INSERT INTO schema_migrations VALUES ($1, $2, $3)",
        MRL_ARGS(MRL_TEXT(mrl_str(m->component)), MRL_INT(m->number), MRL_INT(mrl_wall_ms())),
        NULL));
    return tx->engine->commit(tx->conn, &tx->why);
}

static mrl_err apply(struct mrl_tx *tx, const struct mrl_migration *m, struct mrl_why *why)
{
    mrl_err err = tx->engine->begin(tx->conn, &tx->why);

    if (err == MRL_OK)
        err = apply_in(tx, m);
    if (err == MRL_OK)
        return MRL_OK;
    tx->engine->rollback(tx->conn);
    return mrl_fail(why, err, "migration %s %u: %.180s", m->component, m->number, tx->why.text);
}

static mrl_err apply_missing(struct mrl_tx *tx, const struct mrl_migration *m, struct mrl_why *why)
{
    int64_t newest = 0;
    mrl_err err = applied(tx, m->component, &newest);

    if (err != MRL_OK)
        return mrl_fail(why, err, "versions of %s: %.180s", m->component, tx->why.text);
    if ((int64_t)m->number <= newest)
        return MRL_OK;
    if ((int64_t)m->number != newest + 1)
        return mrl_fail(why, MRL_ERR_INVALID, "migration %s %u: number %lld is missing",
                        m->component, m->number, (long long)newest + 1);
    return apply(tx, m, why);
}

static mrl_err prepare(struct mrl_tx *tx, const struct mrl_store_options *o, struct mrl_why *why)
{
    mrl_err err = mrl_tx_exec(tx, version_table, MRL_NO_ARGS, NULL);

    if (err == MRL_OK)
        err = refuse_newer(tx, o, why);
    if (err != MRL_OK && tx->failed != MRL_OK)
        return mrl_fail(why, err, "%.240s", tx->why.text);
    return err;
}

mrl_err mrl_store_migrate(const struct mrl_engine *engine, struct mrl_engine_conn *c,
                          const struct mrl_store_options *o, struct mrl_why *why)
{
    struct mrl_tx tx = {.engine = engine, .conn = c};

    MRL_TRY(prepare(&tx, o, why));
    for (size_t l = 0; l < o->migrations_count; l++) {
        for (size_t i = 0; i < o->migrations[l].count; i++)
            MRL_TRY(apply_missing(&tx, &o->migrations[l].items[i], why));
    }
    return MRL_OK;
}
