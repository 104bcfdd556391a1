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

mrl_err mrl_expand_label(enum mrl_label_hash hash, mrl_bytes secret, mrl_bytes label,
                         mrl_bytes context, uint8_t *to, size_t len)
{
    uint8_t room[INFO_MAX], block[MRL_LABEL_HASH_MAX];
    struct mrl_writer w = mrl_writer_on(room, sizeof(room));
    EVP_MAC_CTX *mac;
    mrl_bytes info;
    size_t made = 0;

    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(secret.len > 0 && len > 0 && len <= mrl_label_hash_size(hash), MRL_ERR_INVALID);
    MRL_TRY(write_info(&w, label, context, len, &info));
    mac = mac_of(hash);
    MRL_ENSURE(mac != NULL && EVP_MAC_init(mac, secret.data, secret.len, NULL) == 1 &&
                   EVP_MAC_update(mac, info.data, info.len) == 1 &&
                   EVP_MAC_final(mac, block, &made, sizeof(block)) == 1 && made >= len,
               MRL_ERR_CRYPTO);
    memcpy(to, block, len);
    mrl_wipe(block, sizeof(block));
    return MRL_OK;
}
