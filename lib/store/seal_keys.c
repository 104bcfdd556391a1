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
     " created_ms INTEGER NOT NULL);"},
};
const struct mrl_migration_list mrl_seal_migrations = {migrations, MRL_COUNT(migrations)};

enum { NAME_MAX_LEN = 32 };

static mrl_bytes key_name(uint32_t number, char memory[static NAME_MAX_LEN])
{
    (void)snprintf(memory, NAME_MAX_LEN, "seal_keys %u", number);
    return mrl_str(memory);
}

struct wrapped_key {
    uint32_t number;
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

static mrl_err read_keys(struct mrl_tx *tx, void *context)
{
    struct wrapped_keys *keys = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx, "SELECT number, wrapped FROM seal_keys ORDER BY number", MRL_NO_ARGS,
                         &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        int64_t number = mrl_row_int(rows, 0);
        struct wrapped_key *k = &keys->at[keys->count];

        MRL_ENSURE(keys->count < MRL_SEAL_KEYS_MAX, MRL_ERR_CORRUPT);
        MRL_ENSURE(number > 0 && number <= UINT32_MAX, MRL_ERR_CORRUPT);
        k->number = (uint32_t)number;
        MRL_TRY(mrl_buf_append(&k->wrapped, mrl_row_bytes(rows, 1)));
        keys->count++;
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static mrl_err unwrap(const struct mrl_seal_root *root, const struct wrapped_key *k,
                      struct mrl_sealer *s, struct mrl_why *why)
{
    struct mrl_secret *key = NULL;
    char memory[NAME_MAX_LEN];
    mrl_err err;

    err = root->unwrap(root->context, key_name(k->number, memory), mrl_buf_bytes(&k->wrapped), &key,
                       why);
    if (err == MRL_OK)
        err = mrl_sealer_add(s, k->number, key);
    if (err == MRL_ERR_CRYPTO || err == MRL_ERR_INVALID)
        return mrl_fail(why, MRL_ERR_CORRUPT,
                        "table seal_keys, row %u: the data key was changed or was not wrapped by "
                        "this keystore; database and keystore of one backup belong together",
                        k->number);
    return err;
}

static mrl_err load(struct mrl_store *store, const struct mrl_seal_root *root, struct mrl_sealer *s,
                    struct mrl_why *why)
{
    struct wrapped_keys keys = {0};
    mrl_err err = mrl_store_read(store, read_keys, &keys);

    if (err != MRL_OK)
        (void)mrl_fail(why, err, "the data keys cannot be read from table seal_keys");
    for (size_t i = 0; i < keys.count && err == MRL_OK; i++)
        err = unwrap(root, &keys.at[i], s, why);
    wrapped_keys_done(&keys);
    return err;
}

struct insert {
    struct mrl_write write;
    struct mrl_sealer *sealer;
    uint32_t number;
    struct mrl_secret *key;
    mrl_bytes wrapped;
    mrl_err added;
};

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
    return mrl_tx_exec(
        tx, "INSERT INTO seal_keys (number, wrapped, created_ms) VALUES ($1, $2, $3)",
        MRL_ARGS(MRL_INT(i->number), MRL_BLOB(i->wrapped), MRL_INT(mrl_wall_ms())), NULL);
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
    return err == MRL_OK ? i->added : err;
}

mrl_err mrl_seal_keys_make(struct mrl_store *store, const struct mrl_seal_root *root,
                           struct mrl_sealer *s, uint32_t *number, struct mrl_why *why)
{
    struct insert i = {.sealer = s, .number = mrl_sealer_newest(s) + 1};
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
    if (err == MRL_OK && number != NULL)
        *number = i.number;
    return err;
}

mrl_err mrl_sealer_open(struct mrl_store *store, const struct mrl_seal_root *root,
                        struct mrl_sealer **out, struct mrl_why *why)
{
    MRL_AUTO(mrl_sealer) s = mrl_sealer_new(/*options=*/NULL);

    MRL_TRY(load(store, root, s, why));
    if (mrl_sealer_newest(s) == 0)
        MRL_TRY(mrl_seal_keys_make(store, root, s, /*number=*/NULL, why));
    *out = MRL_TAKE(s);
    return MRL_OK;
}
