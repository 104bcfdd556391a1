/* SPDX-License-Identifier: Apache-2.0 */
/* What a database engine must give; store.c and tx.c do the rest. Layer: store, internal. Thread: a
 * connection is used by one thread at a time. Failures that have a sentence put it into why (never
 * NULL here). An engine checks neither the number nor the size of values: tx.c did. */
#ifndef MRL_STORE_ENGINE_H
#define MRL_STORE_ENGINE_H

#include "base/err.h"
#include "store/value.h"

struct mrl_rows;
struct mrl_engine_db;   /* the opened database: what all its connections share */
struct mrl_engine_conn; /* one connection */

struct mrl_engine {
    /* Takes the database for this process. */
    mrl_err (*open)(const char *path, uint64_t bytes_max, struct mrl_engine_db **out,
                    struct mrl_why *why);
    void (*close)(struct mrl_engine_db *db); /* after the last connection */

    mrl_err (*connect)(struct mrl_engine_db *db, bool writer, struct mrl_engine_conn **out,
                       struct mrl_why *why);
    void (*disconnect)(struct mrl_engine_conn *c); /* NULL is fine */

    mrl_err (*begin)(struct mrl_engine_conn *c, struct mrl_why *why);
    mrl_err (*commit)(struct mrl_engine_conn *c, struct mrl_why *why);
    void (*rollback)(struct mrl_engine_conn *c); /* also when there is no transaction */
    /* false after begin: the database gave up the transaction by itself. */
    bool (*in_transaction)(struct mrl_engine_conn *c);
    mrl_err (*savepoint)(struct mrl_engine_conn *c, struct mrl_why *why);
    mrl_err (*release)(struct mrl_engine_conn *c, struct mrl_why *why);
    mrl_err (*undo)(struct mrl_engine_conn *c, struct mrl_why *why); /* and drop the savepoint */
    /* Ends rows that a callback left open. */
    void (*end_rows)(struct mrl_engine_conn *c);

    /* Several statements without values, for migrations. */
    mrl_err (*script)(struct mrl_engine_conn *c, const char *sql, struct mrl_why *why);
    mrl_err (*query)(struct mrl_engine_conn *c, const char *sql, const struct mrl_value *args,
                     size_t n, struct mrl_rows **out, struct mrl_why *why);
    mrl_err (*next)(struct mrl_rows *rows, struct mrl_why *why); /* MRL_ERR_NOT_FOUND at the end */
    uint64_t (*changed)(struct mrl_rows *rows);                  /* after the end */
    bool (*is_null)(const struct mrl_rows *rows, unsigned column);
    int64_t (*number)(const struct mrl_rows *rows, unsigned column);
    mrl_bytes (*bytes)(const struct mrl_rows *rows, unsigned column);
    unsigned (*columns)(const struct mrl_rows *rows);
    void (*free_rows)(struct mrl_rows *rows);

    /* Nothing of what commits removed or overwrote stays in files beside the database.
     * MRL_ERR_BUSY: a reader still looks at it. Never waits. */
    mrl_err (*forget)(struct mrl_engine_conn *c, struct mrl_why *why);

    /* What the transaction of c sees, as a database of its own in a new file. */
    mrl_err (*snapshot)(struct mrl_engine_conn *c, const char *path, struct mrl_why *why);
};

/* The head of every engine's rows. */
struct mrl_rows {
    struct mrl_tx *tx;
};

extern const struct mrl_engine mrl_engine_sqlite;

#endif
