/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "store/sqlite/conn.h"

enum { STATEMENTS_MAX = 128 }; /* prepared and kept per connection */

struct statement {
    struct mrl_map_node node; /* the key is sql */
    struct mrl_list recent;
    sqlite3_stmt *handle;
    bool cached;
    bool busy; /* rows of it are open */
    char sql[];
};

struct sqlite_rows {
    struct mrl_rows head; /* first: rows are handed out as this */
    struct mrl_engine_conn *conn;
    struct statement *statement;
    struct mrl_list link;
    uint64_t changed;
    bool on_row;
};

static const struct sqlite_rows *const_rows_of(const struct mrl_rows *rows)
{
    return (const struct sqlite_rows *)rows;
}

static struct sqlite_rows *rows_of(struct mrl_rows *rows)
{
    return (struct sqlite_rows *)rows;
}

static void drop(struct mrl_engine_conn *c, struct statement *s)
{
    if (s->cached) {
        mrl_map_remove(&c->statements, &s->node);
        mrl_list_remove(&s->recent);
        c->count--;
    }
    sqlite3_finalize(s->handle);
    free(s);
}

void mrl_sqlite_drop_statements(struct mrl_engine_conn *c)
{
    MRL_LIST_EACH(s, &c->recent, struct statement, recent)
    drop(c, s);
    mrl_map_done(&c->statements);
}

static void make_room(struct mrl_engine_conn *c)
{
    if (c->count < STATEMENTS_MAX)
        return;
    MRL_LIST_EACH(s, &c->recent, struct statement, recent)
    {
        if (!s->busy) {
            drop(c, s);
            return;
        }
    }
}

static void keep(struct mrl_engine_conn *c, struct statement *s)
{
    make_room(c);
    s->cached = true;
    mrl_map_insert(&c->statements, &s->node);
    mrl_list_add(&c->recent, &s->recent);
    c->count++;
}

/* Exactly one statement: what follows it would silently not run. */
static mrl_err prepare(struct mrl_engine_conn *c, mrl_bytes sql, struct statement **out,
                       struct mrl_why *why)
{
    struct statement *s = calloc(1, sizeof(*s) + sql.len + 1);
    const char *rest = NULL;
    int rc;

    if (s == NULL)
        abort();
    memcpy(s->sql, sql.data, sql.len);
    mrl_list_init(&s->recent);
    s->node.key = mrl_bytes_of(s->sql, sql.len);
    rc = sqlite3_prepare_v3(c->handle, s->sql, (int)sql.len + 1, SQLITE_PREPARE_PERSISTENT,
                            &s->handle, &rest);
    if (rc == SQLITE_OK && s->handle != NULL && mrl_bytes_trim(mrl_str(rest)).len == 0) {
        *out = s;
        return MRL_OK;
    }
    sqlite3_finalize(s->handle);
    free(s);
    if (rc != SQLITE_OK)
        return mrl_sqlite_fail(c, rc, why);
    return mrl_fail(why, MRL_ERR_INVALID, "not one statement: %.*s", MRL_FMT(sql));
}

/* A prepared statement nobody uses at present: the cached one, or else a fresh one. */
static mrl_err take(struct mrl_engine_conn *c, mrl_bytes sql, struct statement **out,
                    struct mrl_why *why)
{
    struct mrl_map_node *node = mrl_map_find(&c->statements, sql);
    struct statement *s = node == NULL ? NULL : MRL_CONTAINER(node, struct statement, node);

    if (s == NULL || s->busy) {
        MRL_TRY(prepare(c, sql, &s, why));
        if (node == NULL)
            keep(c, s);
    } else {
        mrl_list_remove(&s->recent);
        mrl_list_add(&c->recent, &s->recent);
    }
    s->busy = true;
    *out = s;
    return MRL_OK;
}

static void give_back(struct mrl_engine_conn *c, struct statement *s)
{
    (void)sqlite3_reset(s->handle); /* repeats the error of the last step, which was reported */
    (void)sqlite3_clear_bindings(s->handle);
    s->busy = false;
    if (!s->cached)
        drop(c, s);
}

static int bind_one(sqlite3_stmt *s, int at, const struct mrl_value *v)
{
    const void *data = v->bytes.data == NULL ? "" : (const void *)v->bytes.data;

    switch (v->type) {
    case MRL_VALUE_INT:
        return sqlite3_bind_int64(s, at, v->number);
    case MRL_VALUE_TEXT:
        return sqlite3_bind_text(s, at, data, (int)v->bytes.len, SQLITE_STATIC);
    case MRL_VALUE_BLOB:
        return sqlite3_bind_blob(s, at, data, (int)v->bytes.len, SQLITE_STATIC);
    case MRL_VALUE_NULL:
        break;
    }
    return sqlite3_bind_null(s, at);
}

/* SQLite numbers named parameters in the order in which they appear, so $2 may stand before $1. */
static mrl_err bind(struct mrl_engine_conn *c, sqlite3_stmt *s, const struct mrl_value *args,
                    size_t n, struct mrl_why *why)
{
    int count = sqlite3_bind_parameter_count(s);

    for (int at = 1; at <= count; at++) {
        const char *name = sqlite3_bind_parameter_name(s, at);
        mrl_bytes text = mrl_str(name);
        uint64_t number = 0;
        int rc;

        if (!mrl_bytes_starts(text, MRL_LIT("$")) ||
            !mrl_bytes_to_u64(mrl_bytes_sub(text, 1, text.len), n, &number) || number == 0)
            return mrl_fail(why, MRL_ERR_INVALID, "parameter %s of %zu: %s",
                            name == NULL ? "?" : name, n, sqlite3_sql(s));
        rc = bind_one(s, at, &args[number - 1]);
        if (rc != SQLITE_OK)
            return mrl_sqlite_fail(c, rc, why);
    }
    MRL_ENSURE((size_t)count <= n, MRL_ERR_INVALID);
    return MRL_OK;
}

mrl_err mrl_sqlite_query(struct mrl_engine_conn *c, const char *sql, const struct mrl_value *args,
                         size_t n, struct mrl_rows **out, struct mrl_why *why)
{
    struct statement *s = NULL;
    struct sqlite_rows *rows;
    mrl_err err;

    MRL_TRY(take(c, mrl_str(sql), &s, why));
    err = bind(c, s->handle, args, n, why);
    if (err != MRL_OK) {
        give_back(c, s);
        return err;
    }
    rows = calloc(1, sizeof(*rows));
    if (rows == NULL)
        abort();
    rows->conn = c;
    rows->statement = s;
    mrl_list_add(&c->open_rows, &rows->link);
    *out = &rows->head;
    return MRL_OK;
}

mrl_err mrl_sqlite_next(struct mrl_rows *rows, struct mrl_why *why)
{
    struct sqlite_rows *r = rows_of(rows);
    sqlite3_int64 before = sqlite3_total_changes64(r->conn->handle);
    int rc = sqlite3_step(r->statement->handle);

    r->on_row = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW)
        return MRL_OK;
    if (rc != SQLITE_DONE)
        return mrl_sqlite_fail(r->conn, rc, why);
    /* Without this SQLite counts again what the last writing statement changed. */
    r->changed = sqlite3_total_changes64(r->conn->handle) == before
                     ? 0
                     : (uint64_t)sqlite3_changes64(r->conn->handle);
    return MRL_ERR_NOT_FOUND;
}

uint64_t mrl_sqlite_changed(struct mrl_rows *rows)
{
    return rows_of(rows)->changed;
}

static bool has_type(const struct sqlite_rows *r, unsigned column, int type)
{
    return r->on_row && column < (unsigned)sqlite3_column_count(r->statement->handle) &&
           sqlite3_column_type(r->statement->handle, (int)column) == type;
}

bool mrl_sqlite_is_null(const struct mrl_rows *rows, unsigned column)
{
    return has_type(const_rows_of(rows), column, SQLITE_NULL);
}

int64_t mrl_sqlite_number(const struct mrl_rows *rows, unsigned column)
{
    const struct sqlite_rows *r = const_rows_of(rows);

    if (!has_type(r, column, SQLITE_INTEGER))
        return 0;
    return sqlite3_column_int64(r->statement->handle, (int)column);
}

mrl_bytes mrl_sqlite_bytes(const struct mrl_rows *rows, unsigned column)
{
    const struct sqlite_rows *r = const_rows_of(rows);
    sqlite3_stmt *s = r->statement->handle;
    const void *data = NULL;

    if (has_type(r, column, SQLITE_TEXT))
        data = sqlite3_column_text(s, (int)column);
    else if (has_type(r, column, SQLITE_BLOB))
        data = sqlite3_column_blob(s, (int)column);
    if (data == NULL)
        return MRL_BYTES_NONE;
    return mrl_bytes_of(data, (size_t)sqlite3_column_bytes(s, (int)column));
}

unsigned mrl_sqlite_columns(const struct mrl_rows *rows)
{
    return (unsigned)sqlite3_column_count(const_rows_of(rows)->statement->handle);
}

void mrl_sqlite_free_rows(struct mrl_rows *rows)
{
    struct sqlite_rows *r = rows_of(rows);

    mrl_list_remove(&r->link);
    give_back(r->conn, r->statement);
    free(r);
}

void mrl_sqlite_end_rows(struct mrl_engine_conn *c)
{
    MRL_LIST_EACH(r, &c->open_rows, struct sqlite_rows, link)
    mrl_sqlite_free_rows(&r->head);
}
