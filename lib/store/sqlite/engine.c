/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/sqlite/conn.h"
#include "store/sqlite/file.h"

enum { BUSY_MS = 10000, PAGE = 4096 };

/* WAL with synchronous=FULL syncs the log at each commit: acknowledged means on disk. */
static const char settings[] = "PRAGMA page_size=4096;"
                               "PRAGMA journal_mode=WAL;"
                               "PRAGMA synchronous=FULL;"
                               "PRAGMA foreign_keys=ON;"
                               "PRAGMA temp_store=MEMORY;"
                               "PRAGMA secure_delete=ON;"
                               "PRAGMA trusted_schema=OFF;"
                               "PRAGMA cell_size_check=ON;"
                               "PRAGMA mmap_size=0;"
                               "PRAGMA cache_size=-8192;"
                               "PRAGMA wal_autocheckpoint=1000;"
                               "PRAGMA journal_size_limit=67108864;";

static const struct {
    int id;
    int most;
} limits[] = {
    {SQLITE_LIMIT_LENGTH,
     MRL_STORE_VALUE_MAX + 65536}, /* a row holds more than its largest value */
    {SQLITE_LIMIT_SQL_LENGTH, MRL_STORE_SQL_MAX},
    {SQLITE_LIMIT_VARIABLE_NUMBER, MRL_STORE_ARGS_MAX},
    {SQLITE_LIMIT_ATTACHED, 0},
    {SQLITE_LIMIT_WORKER_THREADS, 0},
    {SQLITE_LIMIT_TRIGGER_DEPTH, 16},
};

static mrl_err open_db(const char *path, uint64_t bytes_max, struct mrl_engine_db **out,
                       struct mrl_why *why)
{
    struct mrl_engine_db *db;
    int lock = -1;

    MRL_ENSURE(sqlite3_threadsafe() != 0, MRL_ERR_UNSUPPORTED);
    MRL_TRY(mrl_sqlite_file_take(path, &lock, why));
    db = calloc(1, sizeof(*db));
    if (db == NULL)
        abort();
    db->path = mrl_bytes_dup_cstr(mrl_str(path));
    db->bytes_max = bytes_max;
    db->lock = lock;
    *out = db;
    return MRL_OK;
}

static void close_db(struct mrl_engine_db *db)
{
    (void)close(db->lock); /* the lock file stays: removing it would race with the next one */
    free(db->path);
    free(db);
}

static mrl_err script(struct mrl_engine_conn *c, const char *sql, struct mrl_why *why)
{
    int rc = sqlite3_exec(c->handle, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? MRL_OK : mrl_sqlite_fail(c, rc, why);
}

static mrl_err restrict_use(struct mrl_engine_conn *c)
{
    static const struct {
        int option;
        int value;
    } options[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_DQS_DML, 0},
        {SQLITE_DBCONFIG_DQS_DDL, 0},
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
    };

    for (size_t i = 0; i < MRL_COUNT(options); i++) {
        if (sqlite3_db_config(c->handle, options[i].option, options[i].value, NULL) != SQLITE_OK)
            return MRL_ERR_UNSUPPORTED;
    }
    for (size_t i = 0; i < MRL_COUNT(limits); i++)
        (void)sqlite3_limit(c->handle, limits[i].id, limits[i].most); /* gives the old value */
    return MRL_OK;
}

/* Some file systems cannot do WAL, and SQLite then silently stays with the old journal. */
static mrl_err check_wal(struct mrl_engine_conn *c, struct mrl_why *why)
{
    struct mrl_rows *rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_sqlite_query(c, "PRAGMA journal_mode", NULL, 0, &rows, why));
    err = mrl_sqlite_next(rows, why);
    if (err == MRL_OK && !mrl_bytes_eq(mrl_sqlite_bytes(rows, 0), MRL_LIT("wal")))
        err = mrl_fail(why, MRL_ERR_UNSUPPORTED, "%s: the file system cannot do WAL", c->path);
    mrl_sqlite_free_rows(rows);
    return err;
}

static mrl_err configure(struct mrl_engine_conn *c, const struct mrl_engine_db *db, bool writer,
                         struct mrl_why *why)
{
    char text[96];

    (void)sqlite3_extended_result_codes(c->handle, 1);
    (void)sqlite3_busy_timeout(c->handle, BUSY_MS);
    MRL_TRY(restrict_use(c));
    MRL_TRY(script(c, settings, why));
    MRL_TRY(check_wal(c, why));
    if (writer && db->bytes_max > 0) {
        (void)snprintf(text, sizeof(text), "PRAGMA max_page_count=%llu;",
                       (unsigned long long)db->bytes_max / PAGE + 1);
        MRL_TRY(script(c, text, why));
    }
    return writer ? MRL_OK : script(c, "PRAGMA query_only=ON;", why);
}

static void disconnect(struct mrl_engine_conn *c)
{
    if (c == NULL)
        return;
    mrl_sqlite_end_rows(c);
    mrl_sqlite_drop_statements(c);
    (void)sqlite3_close(c->handle); /* OK: no statement is left */
    free(c);
}

static mrl_err connect_db(struct mrl_engine_db *db, bool writer, struct mrl_engine_conn **out,
                          struct mrl_why *why)
{
    struct mrl_engine_conn *c = calloc(1, sizeof(*c));
    mrl_err err = MRL_OK;
    int rc;

    if (c == NULL)
        abort();
    c->path = db->path;
    c->writer = writer;
    mrl_list_init(&c->recent);
    mrl_list_init(&c->open_rows);
    rc = sqlite3_open_v2(db->path, &c->handle,
                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
                         NULL);
    err = rc == SQLITE_OK ? configure(c, db, writer, why) : mrl_sqlite_fail(c, rc, why);
    if (err != MRL_OK) {
        disconnect(c);
        return err;
    }
    *out = c;
    return MRL_OK;
}

/* The few statements of every transaction go through the cache like all others. */
static mrl_err plain(struct mrl_engine_conn *c, const char *sql, struct mrl_why *why)
{
    struct mrl_rows *rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_sqlite_query(c, sql, NULL, 0, &rows, why));
    err = mrl_sqlite_next(rows, why);
    mrl_sqlite_free_rows(rows);
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static bool in_transaction(struct mrl_engine_conn *c)
{
    return sqlite3_get_autocommit(c->handle) == 0;
}

static mrl_err begin(struct mrl_engine_conn *c, struct mrl_why *why)
{
    return plain(c, c->writer ? "BEGIN IMMEDIATE" : "BEGIN", why);
}

static mrl_err commit(struct mrl_engine_conn *c, struct mrl_why *why)
{
    return plain(c, "COMMIT", why);
}

static void rollback(struct mrl_engine_conn *c)
{
    struct mrl_why why;

    mrl_sqlite_end_rows(c);
    if (in_transaction(c))
        (void)plain(c, "ROLLBACK",
                    &why); /* the transaction is gone even when this reports an error */
}

static mrl_err savepoint(struct mrl_engine_conn *c, struct mrl_why *why)
{
    return plain(c, "SAVEPOINT job", why);
}

static mrl_err release(struct mrl_engine_conn *c, struct mrl_why *why)
{
    return plain(c, "RELEASE job", why);
}

static mrl_err undo(struct mrl_engine_conn *c, struct mrl_why *why)
{
    MRL_TRY(plain(c, "ROLLBACK TO job", why));
    return release(c, why);
}

/* The log of commits goes into the file and is cut to nothing. */
static mrl_err forget(struct mrl_engine_conn *c, struct mrl_why *why)
{
    int rc;

    (void)sqlite3_busy_timeout(c->handle, 0);
    rc = sqlite3_wal_checkpoint_v2(c->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    (void)sqlite3_busy_timeout(c->handle, BUSY_MS);
    return rc == SQLITE_OK ? MRL_OK : mrl_sqlite_fail(c, rc, why);
}

const struct mrl_engine mrl_engine_sqlite = {
    .open = open_db,
    .close = close_db,
    .connect = connect_db,
    .disconnect = disconnect,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .in_transaction = in_transaction,
    .savepoint = savepoint,
    .release = release,
    .undo = undo,
    .end_rows = mrl_sqlite_end_rows,
    .script = script,
    .query = mrl_sqlite_query,
    .next = mrl_sqlite_next,
    .changed = mrl_sqlite_changed,
    .is_null = mrl_sqlite_is_null,
    .number = mrl_sqlite_number,
    .bytes = mrl_sqlite_bytes,
    .columns = mrl_sqlite_columns,
    .free_rows = mrl_sqlite_free_rows,
    .forget = forget,
    .snapshot = mrl_sqlite_snapshot,
};
