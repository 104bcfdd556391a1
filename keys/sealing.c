/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/sealing.h"

#include <stdio.h>

#include "base/random.h"
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "keys/keystore.h"
#include "keys/keystore_files.h"
#include "keys/message.h"
#include "keys/sealed.h"

enum { NAME = 32, NUMBER = 4, AAD_MAX = NUMBER + MRL_KEYS_CONTEXT_MAX };

/* The first one has the name init gives it. */
static const char *name_of(uint32_t number, char memory[static NAME])
{
    if (number == 1)
        return MRL_KEYSTORE_SEALING;
    (void)snprintf(memory, NAME, "sealing-%u.key", number);
    return memory;
}

static mrl_err load_one(const struct mrl_folder *f, const struct mrl_kek *kek, uint32_t number,
                        struct mrl_sealing_keys *to, struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) plain = NULL;
    char memory[NAME];
    const char *name = name_of(number, memory);

    if (!mrl_folder_has(f, name))
        return MRL_OK;
    MRL_TRY(mrl_sealed_read(f, name, kek, &plain, why));
    if (mrl_secret_bytes(plain).len != MRL_KEYSTORE_SEALING_SIZE ||
        to->count == MRL_SEALING_KEYS_MAX)
        return mrl_fail(why, MRL_ERR_CORRUPT,
                        "%s/%s holds no usable content: restore it from a backup", f->path, name);
    to->at[to->count++] = (struct mrl_sealing_key){number, MRL_TAKE(plain)};
    return MRL_OK;
}

mrl_err mrl_sealing_load(const struct mrl_folder *f, const struct mrl_kek *kek,
                         struct mrl_sealing_keys *out, struct mrl_why *why)
{
    MRL_SCOPED(mrl_sealing_keys) keys = {0};

    for (uint32_t number = 1; number <= MRL_SEALING_NUMBER_MAX; number++)
        MRL_TRY(load_one(f, kek, number, &keys, why));
    if (keys.count == 0)
        return mrl_fail(why, MRL_ERR_CORRUPT, "%s/%s is missing: restore it from a backup", f->path,
                        MRL_KEYSTORE_SEALING);
    *out = keys;
    keys = (struct mrl_sealing_keys){0};
    return MRL_OK;
}

void mrl_sealing_keys_done(struct mrl_sealing_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        mrl_secret_free(keys->at[i].key);
    *keys = (struct mrl_sealing_keys){0};
}

static mrl_err wrapping_key(const struct mrl_sealing_key *k, struct mrl_secret **out)
{
    return mrl_hkdf_sha256(mrl_secret_bytes(k->key), MRL_BYTES_NONE, MRL_LIT("merlon wrap v1"),
                           MRL_AEAD_KEY, out);
}

static mrl_err aad_of(uint32_t number, mrl_bytes context, uint8_t memory[static AAD_MAX],
                      mrl_bytes *out)
{
    struct mrl_writer w = mrl_writer_on(memory, AAD_MAX);

    mrl_put_u32(&w, number);
    mrl_put_bytes(&w, context);
    return mrl_writer_end(&w, out);
}

mrl_err mrl_sealing_wrap(const struct mrl_sealing_keys *keys, mrl_bytes context, mrl_bytes key,
                         struct mrl_buf *out)
{
    const struct mrl_sealing_key *newest = &keys->at[keys->count - 1];
    MRL_AUTO(mrl_secret) with = NULL;
    uint8_t memory[AAD_MAX];
    mrl_bytes aad;

    MRL_TRY(aad_of(newest->number, context, memory, &aad));
    MRL_TRY(wrapping_key(newest, &with));
    MRL_TRY(mrl_buf_append(out, mrl_bytes_sub(aad, 0, NUMBER)));
    return mrl_envelope_seal(with, aad, key, out);
}

static const struct mrl_sealing_key *find(const struct mrl_sealing_keys *keys, uint32_t number)
{
    for (size_t i = 0; i < keys->count; i++)
        if (keys->at[i].number == number)
            return &keys->at[i];
    return NULL;
}

mrl_err mrl_sealing_unwrap(const struct mrl_sealing_keys *keys, mrl_bytes context, mrl_bytes sealed,
                           struct mrl_secret **out)
{
    struct mrl_reader r = {sealed, 0};
    MRL_AUTO(mrl_secret) with = NULL;
    const struct mrl_sealing_key *k;
    uint8_t memory[AAD_MAX];
    uint32_t number;
    mrl_bytes aad;

    MRL_ENSURE(mrl_read_u32(&r, &number) == MRL_OK, MRL_ERR_CRYPTO);
    k = find(keys, number);
    MRL_ENSURE(k != NULL, MRL_ERR_CRYPTO);
    MRL_TRY(aad_of(number, context, memory, &aad));
    MRL_TRY(wrapping_key(k, &with));
    return mrl_envelope_open(with, aad, mrl_read_rest(&r), out) == MRL_OK ? MRL_OK : MRL_ERR_CRYPTO;
}

/* --- the command line --- */

/* Opens the whole keystore: a wrong passphrase must not make a file that no other opens. */
static mrl_err open_keys(const struct mrl_folder *f, const struct mrl_unlock *u,
                         struct mrl_kek *kek, struct mrl_sealing_keys *out, struct mrl_why *why)
{
    MRL_SCOPED(mrl_keystore) k = {0};

    MRL_TRY(mrl_keystore_open(f, u, &k, why));
    MRL_TRY(mrl_keystore_kek(f, u, kek, why));
    *out = k.sealing;
    k.sealing = (struct mrl_sealing_keys){0};
    return MRL_OK;
}

mrl_err mrl_sealing_make(const struct mrl_folder *f, const struct mrl_unlock *u, uint32_t *number,
                         struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) key = mrl_secret_new(MRL_KEYSTORE_SEALING_SIZE);
    MRL_SCOPED(mrl_sealing_keys) keys = {0};
    MRL_SCOPED(mrl_kek) kek = {0};
    char memory[NAME];
    uint32_t next;

    MRL_TRY(open_keys(f, u, &kek, &keys, why));
    next = keys.at[keys.count - 1].number + 1;
    if (keys.count == MRL_SEALING_KEYS_MAX || next > MRL_SEALING_NUMBER_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT,
                        "there are %zu sealing keys, the newest has number %u: drop old ones first",
                        keys.count, next - 1);
    mrl_random(mrl_secret_data(key), MRL_KEYSTORE_SEALING_SIZE);
    MRL_TRY(mrl_sealed_create(f, name_of(next, memory), &kek, mrl_secret_bytes(key), why));
    *number = next;
    return MRL_OK;
}

mrl_err mrl_sealing_drop(const struct mrl_folder *f, const struct mrl_unlock *u, uint32_t number,
                         struct mrl_why *why)
{
    MRL_SCOPED(mrl_sealing_keys) keys = {0};
    MRL_SCOPED(mrl_kek) kek = {0};
    char memory[NAME];

    MRL_TRY(open_keys(f, u, &kek, &keys, why));
    if (find(&keys, number) == NULL)
        return mrl_fail(why, MRL_ERR_NOT_FOUND, "there is no sealing key %u", number);
    if (keys.at[keys.count - 1].number == number)
        return mrl_fail(why, MRL_ERR_STATE,
                        "sealing key %u is the newest: it wraps what is made now", number);
    return mrl_folder_remove(f, name_of(number, memory), why);
}
