/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/record_cipher.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/secret.h"
#include "crypto/openssl.h"

enum { KEPT = 32 /* a power of two; 1 to 2 KiB each: all of them fit in the second cache */ };

static const struct mrl_record_suite suites[] = {
    {0x1301, 16, MRL_LABEL_SHA256, "AES-128-GCM"},
    {0x1302, 32, MRL_LABEL_SHA384, "AES-256-GCM"},
    {0x1303, 32, MRL_LABEL_SHA256, "ChaCha20-Poly1305"},
};

const struct mrl_record_suite *mrl_record_suite_find(uint16_t id)
{
    for (size_t i = 0; i < MRL_COUNT(suites); i++)
        if (suites[i].id == id)
            return &suites[i];
    return NULL;
}

struct kept {
    EVP_CIPHER_CTX *ctx;
    const struct mrl_record_suite *suite; /* NULL: no key in it */
    uint8_t key[MRL_RECORD_KEY_MAX];
};

struct thread {
    struct kept kept[KEPT];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_CIPHER *ciphers[MRL_COUNT(suites)]; /* fetched once: looking one up costs a record */
static pthread_key_t thread_key;
static bool key_made;

static void free_thread(void *data)
{
    struct thread *t = data;

    for (size_t i = 0; i < KEPT; i++)
        EVP_CIPHER_CTX_free(t->kept[i].ctx); /* wipes */
    mrl_wipe(t, sizeof(*t));
    free(t);
}

static void prepare(void)
{
    for (size_t i = 0; i < MRL_COUNT(suites); i++)
        ciphers[i] = EVP_CIPHER_fetch(NULL, suites[i].cipher, NULL);
    key_made = pthread_key_create(&thread_key, free_thread) == 0;
}

static struct thread *this_thread(void)
{
    struct thread *t;

    (void)pthread_once(&once, prepare); /* cannot fail with a static control */
    if (!key_made)
        return NULL;
    t = pthread_getspecific(thread_key);
    if (t != NULL)
        return t;
    t = calloc(1, sizeof(*t));
    if (t != NULL && pthread_setspecific(thread_key, t) == 0)
        return t;
    free(t);
    return NULL;
}

/* Keys are random: any byte of one spreads them. */
static struct kept *place_of(struct thread *t, const uint8_t *key)
{
    return &t->kept[key[0] & (KEPT - 1)];
}

static bool holds(const struct kept *k, const struct mrl_record_suite *suite, const uint8_t *key)
{
    return k->suite == suite && CRYPTO_memcmp(k->key, key, suite->key_size) == 0;
}

/* Naming the cipher again would make OpenSSL throw its context away and build another. */
static const EVP_CIPHER *other_cipher(const struct kept *k, const struct mrl_record_suite *suite)
{
    return k->suite == suite ? NULL : ciphers[suite - suites];
}

static mrl_err load(struct kept *k, const struct mrl_record_suite *suite, const uint8_t *key,
                    const uint8_t *nonce, bool encrypt)
{
    const EVP_CIPHER *cipher = other_cipher(k, suite);

    k->suite = NULL;
    if (k->ctx == NULL)
        k->ctx = EVP_CIPHER_CTX_new();
    MRL_ENSURE(k->ctx != NULL && ciphers[suite - suites] != NULL &&
                   EVP_CipherInit_ex2(k->ctx, cipher, key, nonce, encrypt, /*params=*/NULL) == 1,
               MRL_ERR_CRYPTO);
    memcpy(k->key, key, suite->key_size);
    k->suite = suite;
    return MRL_OK;
}

static mrl_err go_on(const struct kept *k, const uint8_t *nonce, bool encrypt)
{
    return EVP_CipherInit_ex2(k->ctx, NULL, NULL, nonce, encrypt, /*params=*/NULL) == 1
               ? MRL_OK
               : MRL_ERR_CRYPTO;
}

static mrl_err start(const struct mrl_record_suite *suite, const uint8_t *key, const uint8_t *nonce,
                     bool encrypt, EVP_CIPHER_CTX **out)
{
    struct thread *t = this_thread();
    struct kept *k;

    MRL_ENSURE(t != NULL, MRL_ERR_CRYPTO);
    k = place_of(t, key);
    MRL_TRY(holds(k, suite, key) ? go_on(k, nonce, encrypt) : load(k, suite, key, nonce, encrypt));
    *out = k->ctx;
    return MRL_OK;
}

static bool run(EVP_CIPHER_CTX *ctx, mrl_bytes aad, uint8_t *data, size_t len)
{
    int n = 0;

    return EVP_CipherUpdate(ctx, NULL, &n, aad.data, (int)aad.len) == 1 &&
           (len == 0 || EVP_CipherUpdate(ctx, data, &n, data, (int)len) == 1);
}

mrl_err mrl_record_encrypt(const struct mrl_record_suite *suite, const uint8_t *key,
                           const uint8_t nonce[static MRL_RECORD_NONCE], mrl_bytes aad,
                           uint8_t *data, size_t len)
{
    EVP_CIPHER_CTX *ctx;
    int n = 0;

    MRL_OPENSSL_SCOPE();
    MRL_TRY(start(suite, key, nonce, /*encrypt=*/true, &ctx));
    MRL_ENSURE(run(ctx, aad, data, len) && EVP_CipherFinal_ex(ctx, &data[len], &n) == 1 &&
                   EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, MRL_RECORD_TAG, &data[len]) == 1,
               MRL_ERR_CRYPTO);
    return MRL_OK;
}

mrl_err mrl_record_decrypt(const struct mrl_record_suite *suite, const uint8_t *key,
                           const uint8_t nonce[static MRL_RECORD_NONCE], mrl_bytes aad,
                           uint8_t *data, size_t len)
{
    EVP_CIPHER_CTX *ctx;
    uint8_t unused[16];
    int n = 0;

    MRL_OPENSSL_SCOPE();
    MRL_TRY(start(suite, key, nonce, /*encrypt=*/false, &ctx));
    if (run(ctx, aad, data, len) &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, MRL_RECORD_TAG, &data[len]) == 1 &&
        EVP_CipherFinal_ex(ctx, unused, &n) == 1)
        return MRL_OK;
    mrl_wipe(data, len);
    return MRL_ERR_CRYPTO;
}

void mrl_record_forget(const struct mrl_record_suite *suite, const uint8_t *key)
{
    struct thread *t = this_thread();
    struct kept *k = t == NULL ? NULL : place_of(t, key);

    if (k == NULL || !holds(k, suite, key))
        return;
    EVP_CIPHER_CTX_free(k->ctx); /* wipes */
    mrl_wipe(k, sizeof(*k));
}
