/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/expand_label.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "base/secret.h"
#include "base/writer.h"
#include "crypto/openssl.h"

enum { INFO_MAX = 2 + 1 + 6 + MRL_LABEL_MAX + 1 + MRL_LABEL_HASH_MAX + 1 };

/* Contexts of one thread: making one costs as much as the four derivations of a connection. */
struct thread {
    EVP_MAC_CTX *mac[MRL_LABEL_HASH_COUNT_];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool key_made;

static void free_thread(void *data)
{
    struct thread *t = data;

    for (size_t i = 0; i < MRL_LABEL_HASH_COUNT_; i++)
        EVP_MAC_CTX_free(t->mac[i]); /* wipes what it holds of the last secret */
    free(t);
}

static void make_key(void)
{
    key_made = pthread_key_create(&key, free_thread) == 0;
}

static EVP_MAC_CTX *make_mac(enum mrl_label_hash hash)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);

    EVP_MAC_free(mac);
    if (hash == MRL_LABEL_SHA384)
        memcpy(digest, "SHA384", sizeof(digest));
    if (ctx == NULL || EVP_MAC_CTX_set_params(ctx, params) == 1)
        return ctx;
    EVP_MAC_CTX_free(ctx);
    return NULL;
}

static struct thread *this_thread(void)
{
    struct thread *t;

    (void)pthread_once(&once, make_key); /* cannot fail with a static control */
    if (!key_made)
        return NULL;
    t = pthread_getspecific(key);
    if (t != NULL)
        return t;
    t = calloc(1, sizeof(*t));
    if (t != NULL && pthread_setspecific(key, t) == 0)
        return t;
    free(t);
    return NULL;
}

static EVP_MAC_CTX *mac_of(enum mrl_label_hash hash)
{
    struct thread *t = this_thread();

    if (t == NULL)
        return NULL;
    if (t->mac[hash] == NULL)
        t->mac[hash] = make_mac(hash);
    return t->mac[hash];
}

size_t mrl_label_hash_size(enum mrl_label_hash hash)
{
    return hash == MRL_LABEL_SHA384 ? 48 : 32;
}

/* RFC 8446 7.1: struct HkdfLabel, then the counter of RFC 5869 2.3: one block is enough. */
static mrl_err write_info(struct mrl_writer *w, mrl_bytes label, mrl_bytes context, size_t len,
                          mrl_bytes *out)
{
    mrl_bytes prefix = MRL_LIT("tls13 ");

    MRL_ENSURE(label.len <= MRL_LABEL_MAX && context.len <= MRL_LABEL_HASH_MAX, MRL_ERR_INVALID);
    mrl_put_u16(w, (uint16_t)len);
    mrl_put_u8(w, (uint8_t)(prefix.len + label.len));
    mrl_put_bytes(w, prefix);
    mrl_put_bytes(w, label);
    mrl_put_u8(w, (uint8_t)context.len);
    mrl_put_bytes(w, context);
    mrl_put_u8(w, 1);
    return mrl_writer_end(w, out);
}

static mrl_err hmac(enum mrl_label_hash hash, mrl_bytes secret, mrl_bytes data,
                    uint8_t block[static MRL_LABEL_HASH_MAX])
{
    EVP_MAC_CTX *mac = mac_of(hash);
    size_t made = 0;

    MRL_ENSURE(mac != NULL && EVP_MAC_init(mac, secret.data, secret.len, NULL) == 1 &&
                   EVP_MAC_update(mac, data.data, data.len) == 1 &&
                   EVP_MAC_final(mac, block, &made, MRL_LABEL_HASH_MAX) == 1 &&
                   made == mrl_label_hash_size(hash),
               MRL_ERR_CRYPTO);
    return MRL_OK;
}

mrl_err mrl_expand_label(enum mrl_label_hash hash, mrl_bytes secret, mrl_bytes label,
                         mrl_bytes context, uint8_t *to, size_t len)
{
    uint8_t room[INFO_MAX], block[MRL_LABEL_HASH_MAX];
    struct mrl_writer w = mrl_writer_on(room, sizeof(room));
    mrl_bytes info;

    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(secret.len > 0 && len > 0 && len <= mrl_label_hash_size(hash), MRL_ERR_INVALID);
    MRL_TRY(write_info(&w, label, context, len, &info));
    MRL_TRY(hmac(hash, secret, info, block));
    memcpy(to, block, len);
    mrl_wipe(block, sizeof(block));
    return MRL_OK;
}

/* RFC 8446 7.1: of no messages. */
static mrl_bytes hash_of_nothing(enum mrl_label_hash hash)
{
    static const uint8_t sha256[] = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
                                     0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
                                     0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
                                     0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};
    static const uint8_t sha384[] = {0x38, 0xb0, 0x60, 0xa7, 0x51, 0xac, 0x96, 0x38, 0x4c, 0xd9,
                                     0x32, 0x7e, 0xb1, 0xb1, 0xe3, 0x6a, 0x21, 0xfd, 0xb7, 0x11,
                                     0x14, 0xbe, 0x07, 0x43, 0x4c, 0x0c, 0xc7, 0xbf, 0x63, 0xf6,
                                     0xe1, 0xda, 0x27, 0x4e, 0xde, 0xbf, 0xe7, 0x6f, 0x65, 0xfb,
                                     0xd5, 0x1a, 0xd2, 0xf1, 0x48, 0x98, 0xb9, 0x5b};

    return hash == MRL_LABEL_SHA384 ? mrl_bytes_of(sha384, sizeof(sha384))
                                    : mrl_bytes_of(sha256, sizeof(sha256));
}

mrl_err mrl_next_secret(enum mrl_label_hash hash, mrl_bytes before, mrl_bytes label,
                        mrl_bytes input, uint8_t *to)
{
    static const uint8_t zeros[MRL_LABEL_HASH_MAX];
    uint8_t salt[MRL_LABEL_HASH_MAX] = {0}, block[MRL_LABEL_HASH_MAX];
    size_t size = mrl_label_hash_size(hash);
    mrl_err err = MRL_OK;

    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(before.len == 0 || before.len == size, MRL_ERR_INVALID);
    if (before.len > 0)
        err = mrl_expand_label(hash, before, label, hash_of_nothing(hash), salt, size);
    if (err == MRL_OK)
        err = hmac(hash, mrl_bytes_of(salt, size),
                   input.len > 0 ? input : mrl_bytes_of(zeros, size), block);
    if (err == MRL_OK)
        memcpy(to, block, size);
    mrl_wipe(salt, sizeof(salt));
    mrl_wipe(block, sizeof(block));
    return err;
}
