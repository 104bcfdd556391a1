/* SPDX-License-Identifier: Apache-2.0 */
#include "store/seal_rotation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/writer.h"

enum { SQL_MAX = 512, PREFIX = 4, ROW_TEXT_MAX = MRL_SEAL_ROW_MAX + MRL_SEAL_NUMBER_MAX + 2 };

struct mrl_seal_rotation {
    struct mrl_seal_rotation_config config;
};

struct mrl_seal_rotation *mrl_seal_rotation_new(const struct mrl_seal_rotation_config *c)
{
    struct mrl_seal_rotation *r = calloc(1, sizeof(*r));

    if (r == NULL)
        abort();
    r->config = *c;
    if (r->config.batch_rows == 0)
        r->config.batch_rows = MRL_SEAL_BATCH_ROWS;
    return r;
}

void mrl_seal_rotation_free(struct mrl_seal_rotation *r)
{
    free(r);
}

/* --- the row that says how far it is --- */

struct state {
    struct mrl_seal_progress p;
    char last[ROW_TEXT_MAX]; /* key of the last row done; has_last: there is one */
    bool has_last;
    bool walked; /* every column is through: only the end is left */
};

/* MRL_ERR_NOT_FOUND: no rotation runs. */
static mrl_err read_state(struct mrl_tx *tx, struct state *s)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(
        tx,
        "SELECT data_key, tbl, col, last, walked, seen, sealed, failed, failure, started_ms"
        " FROM seal_rotation WHERE id = 1",
        MRL_NO_ARGS, &rows));
    s->p.running = true;
    s->p.data_key = (uint32_t)mrl_row_int(rows, 0);
    MRL_ENSURE(
        mrl_bytes_to_cstr(mrl_row_bytes(rows, 1), s->p.table, sizeof(s->p.table)) &&
            mrl_bytes_to_cstr(mrl_row_bytes(rows, 2), s->p.column, sizeof(s->p.column)) &&
            mrl_bytes_to_cstr(mrl_row_bytes(rows, 3), s->last, sizeof(s->last)) &&
            mrl_bytes_to_cstr(mrl_row_bytes(rows, 8), s->p.failure.text, sizeof(s->p.failure.text)),
        MRL_ERR_CORRUPT);
    s->has_last = !mrl_row_null(rows, 3);
    s->walked = mrl_row_int(rows, 4) != 0;
    s->p.seen = (uint64_t)mrl_row_int(rows, 5);
    s->p.sealed = (uint64_t)mrl_row_int(rows, 6);
    s->p.failed = (uint64_t)mrl_row_int(rows, 7);
    s->p.started_ms = mrl_row_int(rows, 9);
    return MRL_OK;
}

static mrl_err write_state(struct mrl_tx *tx, const struct state *s)
{
    return mrl_tx_exec(
        tx,
        "UPDATE seal_rotation SET tbl = $1, col = $2, last = $3, walked = $4, seen = $5,"
        " sealed = $6, failed = $7, failure = $8 WHERE id = 1",
        MRL_ARGS(MRL_TEXT(mrl_str(s->p.table)), MRL_TEXT(mrl_str(s->p.column)),
                 s->has_last ? MRL_TEXT(mrl_str(s->last)) : MRL_NULL, MRL_INT(s->walked),
                 MRL_INT(s->p.seen), MRL_INT(s->p.sealed), MRL_INT(s->p.failed),
                 MRL_TEXT(mrl_str(s->p.failure.text))),
        NULL);
}

/* The column the walk is at: the first one when it is new, or when another version of the program
 * knew other columns. */
static size_t column_of(const struct mrl_seal_rotation_config *c, struct state *s)
{
    for (size_t i = 0; i < c->column_count; i++) {
        if (strcmp(c->columns[i].table, s->p.table) == 0 &&
            strcmp(c->columns[i].column, s->p.column) == 0)
            return i;
    }
    s->has_last = false;
    return 0;
}

static void move_to(const struct mrl_seal_rotation_config *c, size_t column, struct state *s)
{
    s->has_last = false;
    s->last[0] = '\0';
    s->walked = column >= c->column_count;
    if (s->walked)
        return;
    (void)snprintf(s->p.table, sizeof(s->p.table), "%s", c->columns[column].table);
    (void)snprintf(s->p.column, sizeof(s->p.column), "%s", c->columns[column].column);
}

/* --- row keys --- */

struct row_key {
    int64_t number;
    struct mrl_buf text;
};

/* The key as seal.h wants it: "17", "pump-1", "3/alice". */
static mrl_err key_text(const struct mrl_seal_column *c, const struct row_key *k,
                        char out[static ROW_TEXT_MAX])
{
    struct mrl_writer w = mrl_writer_on(out, ROW_TEXT_MAX - 1);

    if (c->number_key != NULL)
        mrl_put_text(&w, "%lld", (long long)k->number);
    if (c->number_key != NULL && c->text_key != NULL)
        mrl_put_u8(&w, '/');
    if (c->text_key != NULL)
        mrl_put_bytes(&w, mrl_buf_bytes(&k->text));
    out[w.len] = '\0';
    return w.overflow ? MRL_ERR_LIMIT : MRL_OK;
}

/* The other way round, for the row the last batch ended with. */
static mrl_err key_of_text(const struct mrl_seal_column *c, const char *text, int64_t *number,
                           mrl_bytes *rest)
{
    char *end = NULL;

    *number = INT64_MIN;
    *rest = mrl_str(text);
    if (c->number_key == NULL)
        return MRL_OK;
    *number = strtoll(text, &end, 10);
    MRL_ENSURE(end != text, MRL_ERR_CORRUPT);
    MRL_ENSURE(*end == (c->text_key != NULL ? '/' : '\0'), MRL_ERR_CORRUPT);
    *rest = mrl_str(c->text_key != NULL ? end + 1 : "");
    return MRL_OK;
}

/* --- one batch --- */

struct row {
    struct row_key key;
    struct mrl_buf sealed;
};

struct batch {
    struct mrl_write write;
    const struct mrl_seal_rotation_config *config;
    struct state state;
    bool idle; /* no rotation runs */
    struct row *rows;
    size_t count;
    bool end_of_column;
    struct mrl_buf plain;
    struct mrl_buf again;
};

static void batch_clear(struct batch *b)
{
    for (size_t i = 0; i < b->config->batch_rows; i++) {
        mrl_buf_done(&b->rows[i].key.text);
        mrl_buf_done(&b->rows[i].sealed);
    }
    mrl_buf_done(&b->plain);
    mrl_buf_done(&b->again);
    free(b->rows);
}

/* Names of tables and columns are constants of this program. */
static const char *either(const char *name, const char *otherwise)
{
    return name != NULL ? name : otherwise;
}

static mrl_err query_rows(struct mrl_tx *tx, const struct batch *b, const struct mrl_seal_column *c,
                          struct mrl_rows **out)
{
    const char *after = b->state.has_last ? ">" : ">=";
    struct mrl_value args[3] = {0};
    char sql[SQL_MAX];
    int64_t number = INT64_MIN;
    mrl_bytes text = MRL_BYTES_NONE;
    size_t n = 0;

    if (b->state.has_last)
        MRL_TRY(key_of_text(c, b->state.last, &number, &text));
    if (c->number_key != NULL)
        args[n++] = MRL_INT(number);
    if (c->text_key != NULL)
        args[n++] = MRL_TEXT(text);
    args[n++] = MRL_INT(b->config->batch_rows);
    if (n == 3)
        (void)snprintf(sql, sizeof(sql),
                       "SELECT %s, %s, %s FROM %s WHERE (%s, %s) %s ($1, $2) ORDER BY %s, %s"
                       " LIMIT $3",
                       c->number_key, c->text_key, c->column, c->table, c->number_key, c->text_key,
                       after, c->number_key, c->text_key);
    else
        (void)snprintf(
            sql, sizeof(sql), "SELECT %s, %s, %s FROM %s WHERE %s %s $1 ORDER BY %s LIMIT $2",
            either(c->number_key, "0"), either(c->text_key, "''"), c->column, c->table,
            either(c->number_key, c->text_key), after, either(c->number_key, c->text_key));
    return mrl_tx_query(tx, sql, args, n, out);
}

/* All rows first, then the changes: a statement does not run over what another one changes. */
static mrl_err read_rows(struct mrl_tx *tx, struct batch *b, const struct mrl_seal_column *c)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    size_t bytes = 0;
    mrl_err err = MRL_OK;

    MRL_TRY(query_rows(tx, b, c, &rows));
    while (b->count < b->config->batch_rows && bytes < MRL_SEAL_BATCH_BYTES &&
           (err = mrl_rows_next(rows)) == MRL_OK) {
        struct row *row = &b->rows[b->count++];

        row->key.number = mrl_row_int(rows, 0);
        MRL_TRY(mrl_buf_append(&row->key.text, mrl_row_bytes(rows, 1)));
        MRL_TRY(mrl_buf_append(&row->sealed, mrl_row_bytes(rows, 2)));
        bytes += row->sealed.len;
    }
    b->end_of_column = err == MRL_ERR_NOT_FOUND;
    return b->end_of_column ? MRL_OK : err;
}

static mrl_err update_row(struct mrl_tx *tx, const struct batch *b, const struct mrl_seal_column *c,
                          const struct row *row)
{
    struct mrl_value args[3] = {MRL_BLOB(mrl_buf_bytes(&b->again))};
    char sql[SQL_MAX];
    size_t n = 1;

    if (c->number_key != NULL)
        args[n++] = MRL_INT(row->key.number);
    if (c->text_key != NULL)
        args[n++] = MRL_TEXT(mrl_buf_bytes(&row->key.text));
    if (n == 3)
        (void)snprintf(sql, sizeof(sql), "UPDATE %s SET %s = $1 WHERE %s = $2 AND %s = $3",
                       c->table, c->column, c->number_key, c->text_key);
    else
        (void)snprintf(sql, sizeof(sql), "UPDATE %s SET %s = $1 WHERE %s = $2", c->table, c->column,
                       either(c->number_key, c->text_key));
    return mrl_tx_exec(tx, sql, args, n, NULL);
}

/* What does not open is counted and left: no key could do better. */
static mrl_err note_failure(struct batch *b, const struct mrl_why *why)
{
    if (b->state.p.failed == 0)
        b->state.p.failure = *why;
    b->state.p.failed++;
    return MRL_OK;
}

static mrl_err seal_row(struct mrl_tx *tx, struct batch *b, const struct mrl_seal_column *c,
                        const struct row *row)
{
    char text[ROW_TEXT_MAX];
    struct mrl_seal_place at = {c->table, c->column, MRL_BYTES_NONE};
    struct mrl_why why = {{0}};
    uint32_t number;

    b->state.p.seen++;
    if (row->sealed.len == 0)
        return MRL_OK;
    if (mrl_seal_key_of(mrl_buf_bytes(&row->sealed), &number) == MRL_OK &&
        number == b->state.p.data_key)
        return MRL_OK;
    MRL_TRY(key_text(c, &row->key, text));
    at.row = mrl_str(text);
    mrl_buf_clear(&b->plain);
    mrl_buf_clear(&b->again);
    if (mrl_unseal(b->config->sealer, &at, mrl_buf_bytes(&row->sealed), &b->plain, &why) != MRL_OK)
        return note_failure(b, &why);
    MRL_TRY(mrl_seal(b->config->sealer, &at, mrl_buf_bytes(&b->plain), &b->again));
    b->state.p.sealed++;
    return update_row(tx, b, c, row);
}

static mrl_err walk(struct mrl_tx *tx, struct batch *b)
{
    size_t column = column_of(b->config, &b->state);
    const struct mrl_seal_column *c = &b->config->columns[column];

    MRL_TRY(read_rows(tx, b, c));
    for (size_t i = 0; i < b->count; i++)
        MRL_TRY(seal_row(tx, b, c, &b->rows[i]));
    move_to(b->config, b->end_of_column ? column + 1 : column, &b->state);
    if (!b->end_of_column) {
        MRL_TRY(key_text(c, &b->rows[b->count - 1].key, b->state.last));
        b->state.has_last = true;
    }
    return write_state(tx, &b->state);
}

static mrl_err run_batch(struct mrl_tx *tx, struct mrl_write *w)
{
    struct batch *b = MRL_CONTAINER(w, struct batch, write);
    mrl_err err = read_state(tx, &b->state);

    b->idle = err == MRL_ERR_NOT_FOUND;
    if (b->idle || (err == MRL_OK && b->state.walked))
        return MRL_OK;
    MRL_TRY(err);
    return walk(tx, b);
}

/* --- the end --- */

struct ending {
    struct mrl_write write;
    const struct mrl_seal_rotation_config *config;
    struct mrl_seal_progress p;
    uint32_t old[MRL_SEAL_KEYS_MAX];
    bool in_use[MRL_SEAL_KEYS_MAX];
    size_t count;
};

static mrl_err is_used(struct mrl_tx *tx, const struct mrl_seal_column *c, uint32_t number,
                       bool *used)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    uint8_t prefix[PREFIX];
    struct mrl_writer w = mrl_writer_on(prefix, sizeof(prefix));
    char sql[SQL_MAX];
    mrl_err err;

    mrl_put_u32(&w, number);
    (void)snprintf(sql, sizeof(sql), "SELECT 1 FROM %s WHERE substr(%s, 2, 4) = $1 LIMIT 1",
                   c->table, c->column);
    err = mrl_tx_query_one(tx, sql, MRL_ARGS(MRL_BLOB(mrl_bytes_of(prefix, w.len))), &rows);
    if (err == MRL_OK)
        *used = true;
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static mrl_err find_used(struct mrl_tx *tx, void *context)
{
    struct ending *e = context;

    for (size_t k = 0; k < e->count; k++) {
        for (size_t i = 0; i < e->config->column_count && !e->in_use[k]; i++)
            MRL_TRY(is_used(tx, &e->config->columns[i], e->old[k], &e->in_use[k]));
    }
    return MRL_OK;
}

static mrl_err run_end(struct mrl_tx *tx, struct mrl_write *w)
{
    struct ending *e = MRL_CONTAINER(w, struct ending, write);

    for (size_t k = 0; k < e->count; k++) {
        if (e->in_use[k])
            e->p.kept++;
        else
            e->p.dropped++;
        if (!e->in_use[k])
            MRL_TRY(mrl_tx_exec(tx, "DELETE FROM seal_keys WHERE number = $1",
                                MRL_ARGS(MRL_INT(e->old[k])), NULL));
    }
    MRL_TRY(mrl_tx_exec(tx, "DELETE FROM seal_rotation WHERE id = 1", MRL_NO_ARGS, NULL));
    return e->config->ended == NULL ? MRL_OK : e->config->ended(e->config->context, tx, &e->p);
}

static void ended(struct mrl_write *w)
{
    const struct ending *e = MRL_CONTAINER(w, struct ending, write);

    for (size_t k = 0; k < e->count; k++) {
        if (!e->in_use[k])
            (void)mrl_sealer_drop(e->config->sealer, e->old[k]); /* known and not the newest */
    }
}

/* No envelope can come under an old key any more: whoever stores one seals it in its write job. So
 * what a read finds unused stays unused. */
static mrl_err end(const struct mrl_seal_rotation_config *c, const struct mrl_seal_progress *p,
                   struct mrl_why *why)
{
    struct ending e = {
        .write = {.run = run_end, .committed = ended, .why = why}, .config = c, .p = *p};
    struct mrl_seal_key_info keys[MRL_SEAL_KEYS_MAX];
    size_t count;

    MRL_TRY(mrl_seal_keys_list(c->store, &c->root, keys, &count, why));
    for (size_t i = 0; i < count; i++) {
        if (keys[i].number < p->data_key)
            e.old[e.count++] = keys[i].number;
    }
    MRL_TRY(mrl_store_read(c->store, find_used, &e));
    return mrl_store_write(c->store, &e.write);
}

mrl_err mrl_seal_rotation_step(struct mrl_seal_rotation *r, bool *more, struct mrl_why *why)
{
    struct batch b = {
        .write = {.run = run_batch, .why = why}, .config = &r->config, .plain = {.secret = true}};
    mrl_err err;

    b.rows = calloc(r->config.batch_rows, sizeof(*b.rows));
    if (b.rows == NULL)
        abort();
    *more = false;
    err = mrl_store_write(r->config.store, &b.write);
    if (err == MRL_OK && !b.idle && b.state.walked)
        err = end(&r->config, &b.state.p, why);
    else if (err == MRL_OK)
        *more = !b.idle;
    batch_clear(&b);
    return err;
}

/* --- begin and progress --- */

static mrl_err insert_state(void *context, struct mrl_tx *tx, uint32_t data_key)
{
    const struct mrl_seal_also *also = context;
    uint64_t added;

    MRL_TRY(mrl_tx_exec(tx,
                        "INSERT INTO seal_rotation (id, data_key, tbl, col, walked, seen, sealed,"
                        " failed, failure, started_ms) VALUES (1, $1, '', '', 0, 0, 0, 0, '', $2)"
                        " ON CONFLICT DO NOTHING",
                        MRL_ARGS(MRL_INT(data_key), MRL_INT(mrl_wall_ms())), &added));
    MRL_ENSURE(added == 1, MRL_ERR_STATE);
    return also == NULL ? MRL_OK : also->run(also->context, tx, data_key);
}

mrl_err mrl_seal_rotation_begin(struct mrl_seal_rotation *r, const struct mrl_seal_also *also,
                                struct mrl_why *why)
{
    const struct mrl_seal_rotation_config *c = &r->config;
    const struct mrl_seal_also state = {insert_state, (void *)(uintptr_t)also};
    mrl_err err = mrl_seal_keys_make(c->store, &c->root, c->sealer, &state, why);

    if (err == MRL_ERR_STATE || err == MRL_ERR_EXISTS) /* the same number at the same moment */
        return mrl_fail(why, MRL_ERR_STATE, "a rotation is running already");
    return err;
}

static mrl_err run_progress(struct mrl_tx *tx, void *context)
{
    mrl_err err = read_state(tx, context);

    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

mrl_err mrl_seal_rotation_progress(struct mrl_seal_rotation *r, struct mrl_seal_progress *out,
                                   struct mrl_why *why)
{
    struct state s = {0};
    mrl_err err = mrl_store_read(r->config.store, run_progress, &s);

    if (err != MRL_OK)
        return mrl_fail(why, err, "the progress cannot be read from table seal_rotation");
    *out = s.p;
    return MRL_OK;
}
