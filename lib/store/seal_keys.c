/* SPDX-License-Identifier: Apache-2.0 */
#include "store/seal_keys.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/random.h"

static const struct mrl_migration migrations[] = {
    {"seal", 1,
     "CREATE TABLE seal_keys ("
     " number INTEGER PRIMARY KEY,"
     " wrapped BLOB NOT NULL,"
     " wrapped_ms INTEGER NOT NULL,"
     " created_ms INTEGER NOT NULL);"
     "CREATE TABLE seal_rotation ("
     " id INTEGER PRIMARY KEY CHECK (id = 1),"
     " data_key INTEGER NOT NULL," /* the one everything is sealed under again */
     " tbl TEXT NOT NULL,"         /* where the walk is: a column, and the last row done */
     " col TEXT NOT NULL,"
     " last TEXT,"
     " walked INTEGER NOT NULL,"
     " seen INTEGER NOT NULL,"
     " sealed INTEGER NOT NULL,"
     " failed INTEGER NOT NULL,"
     " failure TEXT NOT NULL,"
     " started_ms INTEGER NOT NULL);"},
};
const struct mrl_migration_list mrl_seal_migrations = {migrations, MRL_COUNT(migrations)};

enum { NAME_MAX_LEN = 32 };

static mrl_bytes key_name(uint32_t number, char memory[static NAME_MAX_LEN])
{
    (void)snprintf(memory, NAME_MAX_LEN, "seal_keys %u", number);
    return mrl_str(memory);
}

struct wrapped_key {
    struct mrl_seal_key_info info;
    struct mrl_buf wrapped;
};

struct wrapped_keys {
    struct wrapped_key at[MRL_SEAL_KEYS_MAX];
    size_t count;
};

static void wrapped_keys_done(struct wrapped_keys *keys)
{
    for (size_t i = 0; i < MRL_SEAL_KEYS_MAX; i++)
        mrl_buf_done(&keys->at[i].wrapped);
}

static mrl_err read_key(const struct mrl_rows *rows, struct wrapped_keys *keys)
{
    int64_t number = mrl_row_int(rows, 0);
    struct wrapped_key *k = &keys->at[keys->count];

    MRL_ENSURE(keys->count < MRL_SEAL_KEYS_MAX, MRL_ERR_CORRUPT);
    MRL_ENSURE(number > 0 && number <= UINT32_MAX, MRL_ERR_CORRUPT);
    k->info = (struct mrl_seal_key_info){.number = (uint32_t)number,
                                         .created_ms = mrl_row_int(rows, 2),
                                         .wrapped_ms = mrl_row_int(rows, 3)};
    MRL_TRY(mrl_buf_append(&k->wrapped, mrl_row_bytes(rows, 1)));
    keys->count++;
    return MRL_OK;
}

static mrl_err read_keys(struct mrl_tx *tx, void *context)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(
        tx, "SELECT number, wrapped, created_ms, wrapped_ms FROM seal_keys ORDER BY number",
        MRL_NO_ARGS, &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK)
        MRL_TRY(read_key(rows, context));
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static mrl_err read_all(struct mrl_store *store, struct wrapped_keys *keys, struct mrl_why *why)
{
    mrl_err err = mrl_store_read(store, read_keys, keys);

    return err == MRL_OK ? err
                         : mrl_fail(why, err, "the data keys cannot be read from table seal_keys");
}

static mrl_err unwrap(const struct mrl_seal_root *root, const struct wrapped_key *k,
                      struct mrl_secret **out, struct mrl_why *why)
{
    char memory[NAME_MAX_LEN];
    mrl_err err = root->unwrap(root->context, key_name(k->info.number, memory),
                               mrl_buf_bytes(&k->wrapped), out, why);

    if (err == MRL_ERR_CRYPTO)
        return mrl_fail(why, MRL_ERR_CORRUPT,
                        "table seal_keys, row %u: the data key was changed or was not wrapped by "
                        "this keystore; database and keystore of one backup belong together",
                        k->info.number);
    return err;
}

static mrl_err load(const struct mrl_seal_root *root, const struct wrapped_keys *keys,
                    struct mrl_sealer *s, struct mrl_why *why)
{
    for (size_t i = 0; i < keys->count; i++) {
        struct mrl_secret *key = NULL;
        mrl_err err;

        MRL_TRY(unwrap(root, &keys->at[i], &key, why));
        err = mrl_sealer_add(s, keys->at[i].info.number, key);
        if (err != MRL_OK)
            return mrl_fail(why, MRL_ERR_CORRUPT, "table seal_keys, row %u: no data key",
                            keys->at[i].info.number);
    }
    return MRL_OK;
}

/* --- making one --- */

struct insert {
    struct mrl_write write;
    struct mrl_sealer *sealer;
    const struct mrl_seal_also *also;
    uint32_t number;
    struct mrl_secret *key;
    mrl_bytes wrapped;
    mrl_err added;
};

static mrl_err run_also(const struct mrl_seal_also *also, struct mrl_tx *tx, uint32_t number)
{
    return also == NULL ? MRL_OK : also->run(also->context, tx, number);
}

static mrl_err count_keys(struct mrl_tx *tx, int64_t *count)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx, "SELECT COUNT(*) FROM seal_keys", MRL_NO_ARGS, &rows));
    *count = mrl_row_int(rows, 0);
    return MRL_OK;
}

/* One more than a start could load is refused here, not at that start. */
static mrl_err run_insert(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct insert *i = MRL_CONTAINER(w, struct insert, write);
    int64_t count;

    MRL_TRY(count_keys(tx, &count));
    MRL_ENSURE(count < MRL_SEAL_KEYS_MAX, MRL_ERR_LIMIT);
    MRL_TRY(mrl_tx_exec(
        tx,
        "INSERT INTO seal_keys (number, wrapped, wrapped_ms, created_ms) VALUES ($1, $2, $3, $3)",
        MRL_ARGS(MRL_INT(i->number), MRL_BLOB(i->wrapped), MRL_INT(mrl_wall_ms())), NULL));
    return run_also(i->also, tx, i->number);
}

static void inserted(struct mrl_write *w)
{
    struct insert *i = MRL_CONTAINER(w, struct insert, write);

    i->added = mrl_sealer_add(i->sealer, i->number, MRL_TAKE(i->key));
}

static mrl_err insert(struct mrl_store *store, struct insert *i, struct mrl_why *why)
{
    mrl_err err;

    i->write = (struct mrl_write){.run = run_insert, .committed = inserted, .why = why};
    err = mrl_store_write(store, &i->write);
    if (err == MRL_ERR_LIMIT)
        return mrl_fail(why, err, "there are %d data keys already", MRL_SEAL_KEYS_MAX);
    return err == MRL_OK ? i->added : err;
}

mrl_err mrl_seal_keys_make(struct mrl_store *store, const struct mrl_seal_root *root,
                           struct mrl_sealer *s, const struct mrl_seal_also *also,
                           struct mrl_why *why)
{
    struct insert i = {.sealer = s, .also = also, .number = mrl_sealer_newest(s) + 1};
    MRL_SCOPED(mrl_buf) wrapped = {0};
    char memory[NAME_MAX_LEN];
    mrl_err err;

    MRL_ENSURE(i.number > 0, MRL_ERR_LIMIT);
    i.key = mrl_secret_new(MRL_SEAL_KEY);
    mrl_random(mrl_secret_data(i.key), MRL_SEAL_KEY);
    err = root->wrap(root->context, key_name(i.number, memory), mrl_secret_bytes(i.key), &wrapped,
                     why);
    if (err == MRL_OK) {
        i.wrapped = mrl_buf_bytes(&wrapped);
        err = insert(store, &i, why);
    }
    mrl_secret_free(i.key);
    return err;
}

/* --- wrapping again --- */

struct rewrap {
    struct mrl_write write;
    const struct wrapped_keys *keys; /* wrapped is the value to come */
    const struct mrl_seal_also *also;
};

static mrl_err wrap_again(const struct mrl_seal_root *root, struct wrapped_key *k,
                          struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) key = NULL;
    char memory[NAME_MAX_LEN];

    MRL_TRY(unwrap(root, k, &key, why));
    mrl_buf_clear(&k->wrapped);
    return root->wrap(root->context, key_name(k->info.number, memory), mrl_secret_bytes(key),
                      &k->wrapped, why);
}

/* A key that was dropped meanwhile stays dropped. */
static mrl_err run_rewrap(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct rewrap *j = MRL_CONTAINER(w, struct rewrap, write);

    for (size_t i = 0; i < j->keys->count; i++)
        MRL_TRY(mrl_tx_exec(
            tx, "UPDATE seal_keys SET wrapped = $2, wrapped_ms = $3 WHERE number = $1",
            MRL_ARGS(MRL_INT(j->keys->at[i].info.number),
                     MRL_BLOB(mrl_buf_bytes(&j->keys->at[i].wrapped)), MRL_INT(mrl_wall_ms())),
            NULL));
    return run_also(j->also, tx, j->keys->at[j->keys->count - 1].info.number);
}

static mrl_err rewrap(struct mrl_store *store, const struct mrl_seal_root *root,
                      struct wrapped_keys *keys, const struct mrl_seal_also *also,
                      struct mrl_why *why)
{
    struct rewrap j = {.write = {.run = run_rewrap, .why = why}, .keys = keys, .also = also};

    MRL_TRY(read_all(store, keys, why));
    MRL_ENSURE(keys->count > 0, MRL_ERR_STATE);
    for (size_t i = 0; i < keys->count; i++)
        MRL_TRY(wrap_again(root, &keys->at[i], why));
    return mrl_store_write(store, &j.write);
}

mrl_err mrl_seal_keys_rewrap(struct mrl_store *store, const struct mrl_seal_root *root,
                             const struct mrl_seal_also *also, size_t *count, struct mrl_why *why)
{
    MRL_SCOPED(wrapped_keys) keys = {0};

    MRL_TRY(rewrap(store, root, &keys, also, why));
    if (count != NULL)
        *count = keys.count;
    return MRL_OK;
}

mrl_err mrl_seal_keys_list(struct mrl_store *store, const struct mrl_seal_root *root,
                           struct mrl_seal_key_info out[static MRL_SEAL_KEYS_MAX], size_t *count,
                           struct mrl_why *why)
{
    MRL_SCOPED(wrapped_keys) keys = {0};

    MRL_TRY(read_all(store, &keys, why));
    for (size_t i = 0; i < keys.count; i++) {
        out[i] = keys.at[i].info;
        out[i].root = root->root_of(mrl_buf_bytes(&keys.at[i].wrapped));
    }
    *count = keys.count;
    return MRL_OK;
}

mrl_err mrl_sealer_open(struct mrl_store *store, const struct mrl_seal_root *root,
                        struct mrl_sealer **out, struct mrl_why *why)
{
    MRL_AUTO(mrl_sealer) s = mrl_sealer_new(/*options=*/NULL);
    MRL_SCOPED(wrapped_keys) keys = {0};

    MRL_TRY(read_all(store, &keys, why));
    MRL_TRY(load(root, &keys, s, why));
    if (keys.count == 0)
        MRL_TRY(mrl_seal_keys_make(store, root, s, /*also=*/NULL, why));
    *out = MRL_TAKE(s);
    return MRL_OK;
}
