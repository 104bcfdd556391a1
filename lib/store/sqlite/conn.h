/* SPDX-License-Identifier: Apache-2.0 */
/* One SQLite connection and its statements. Layer: store/sqlite, internal. Thread: one at a time.
 */
#ifndef MRL_STORE_SQLITE_CONN_H
#define MRL_STORE_SQLITE_CONN_H

#include <sqlite3.h>

#include "base/list.h"
#include "base/map.h"
#include "store/engine.h"

struct mrl_engine_db {
    char *path;
    uint64_t bytes_max;
    int lock; /* descriptor of the lock file: one process per database */
};

struct mrl_engine_conn {
    sqlite3 *handle;
    const char *path; /* borrowed from the database */
    bool writer;
    struct mrl_map statements; /* prepared, by SQL text */
    struct mrl_list recent;    /* the same, the least recently used first */
    size_t count;
    struct mrl_list open_rows;
};

/* Class and sentence (with the file's name) of the last failure rc of c. */
mrl_err mrl_sqlite_fail(struct mrl_engine_conn *c, int rc, struct mrl_why *why);

mrl_err mrl_sqlite_query(struct mrl_engine_conn *c, const char *sql, const struct mrl_value *args,
                         size_t n, struct mrl_rows **out, struct mrl_why *why);
mrl_err mrl_sqlite_next(struct mrl_rows *rows, struct mrl_why *why);
uint64_t mrl_sqlite_changed(struct mrl_rows *rows);
bool mrl_sqlite_is_null(const struct mrl_rows *rows, unsigned column);
int64_t mrl_sqlite_number(const struct mrl_rows *rows, unsigned column);
mrl_bytes mrl_sqlite_bytes(const struct mrl_rows *rows, unsigned column);
unsigned mrl_sqlite_columns(const struct mrl_rows *rows);
void mrl_sqlite_free_rows(struct mrl_rows *rows);
/* snapshot.c */
mrl_err mrl_sqlite_snapshot(struct mrl_engine_conn *c, const char *path, struct mrl_why *why);
void mrl_sqlite_end_rows(struct mrl_engine_conn *c);
void mrl_sqlite_drop_statements(struct mrl_engine_conn *c);

#endif
