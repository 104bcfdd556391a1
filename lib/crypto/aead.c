/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/aead.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "base/random.h"
#include "base/reader.h"
#include "crypto/openssl.h"

/* Authenticated before the caller's aad in every envelope, so that a later format under the same
 * key cannot be passed off as this one. */
static const uint8_t envelope_format = 1;

struct aad {
    mrl_bytes first;
    mrl_bytes second;
};

static EVP_CIPHER *gcm;
static pthread_once_t fetched = PTHREAD_ONCE_INIT;

/* Once for the life of the program: looking it up costs as much as sealing a short text. */
static void fetch(void)
{
    gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
}

static bool add_aad(EVP_CIPHER_CTX *ctx, mrl_bytes aad)
{
    int n;

    return aad.len == 0 || EVP_CipherUpdate(ctx, NULL, &n, aad.data, (int)aad.len) == 1;
}

static mrl_err context_new(const struct mrl_secret *key, EVP_CIPHER_CTX **out)
{
    OWNED(EVP_CIPHER_CTX) ctx = NULL;

    MRL_ENSURE(mrl_secret_bytes(key).len == MRL_AEAD_KEY, MRL_ERR_INVALID);
    (void)pthread_once(&fetched, fetch); /* cannot fail with a static control */
    ctx = EVP_CIPHER_CTX_new();
    MRL_ENSURE(gcm != NULL && ctx != NULL, MRL_ERR_CRYPTO);
    MRL_ENSURE(EVP_CipherInit_ex2(ctx, gcm, mrl_secret_bytes(key).data, /*iv=*/NULL, /*enc=*/1,
                                  /*params=*/NULL) == 1,
               MRL_ERR_CRYPTO);
    *out = MRL_TAKE(ctx);
    return MRL_OK;
}

/* The key stays what it is. */
static mrl_err start(EVP_CIPHER_CTX *ctx, const uint8_t *nonce, struct aad aad, bool seal)
{
    MRL_ENSURE(aad.second.len <= MRL_AEAD_LARGEST, MRL_ERR_LIMIT);
    MRL_ENSURE(EVP_CipherInit_ex2(ctx, NULL, NULL, nonce, seal, /*params=*/NULL) == 1,
               MRL_ERR_CRYPTO);
    MRL_ENSURE(add_aad(ctx, aad.first) && add_aad(ctx, aad.second), MRL_ERR_CRYPTO);
    return MRL_OK;
}

static mrl_err seal_in(EVP_CIPHER_CTX *ctx, const uint8_t *nonce, struct aad aad, mrl_bytes plain,
                       struct mrl_buf *out)
{
    OSSL_PARAM params[2] = {{0}}; /* ends with an empty one */
    uint8_t *to;
    int n = 0;

    MRL_ENSURE(plain.len <= MRL_AEAD_LARGEST, MRL_ERR_LIMIT);
    MRL_TRY(start(ctx, nonce, aad, /*seal=*/true));
    MRL_TRY(mrl_buf_reserve(out, plain.len + MRL_AEAD_TAG, &to));
    if (plain.len > 0)
        MRL_ENSURE(EVP_CipherUpdate(ctx, to, &n, plain.data, (int)plain.len) == 1, MRL_ERR_CRYPTO);
    MRL_ENSURE((size_t)n == plain.len && EVP_CipherFinal_ex(ctx, &to[plain.len], &n) == 1,
               MRL_ERR_CRYPTO);
    params[0] =
        OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, &to[plain.len], MRL_AEAD_TAG);
    MRL_ENSURE(EVP_CIPHER_CTX_get_params(ctx, params) == 1, MRL_ERR_CRYPTO);
    mrl_buf_added(out, plain.len + MRL_AEAD_TAG);
    return MRL_OK;
}

/* Decrypts into to[sealed.len - MRL_AEAD_TAG] and checks the tag; nothing is wiped yet. */
static mrl_err decrypt(EVP_CIPHER_CTX *ctx, mrl_bytes sealed, uint8_t *to)
{
    size_t len = sealed.len - MRL_AEAD_TAG;
    mrl_bytes tag = mrl_bytes_sub(sealed, len, MRL_AEAD_TAG);
    OSSL_PARAM params[2] = {{0}}; /* ends with an empty one */
    uint8_t unused[16];
    int n = 0;

    if (len > 0)
        MRL_ENSURE(EVP_CipherUpdate(ctx, to, &n, sealed.data, (int)len) == 1, MRL_ERR_CRYPTO);
    params[0] = OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG,
                                                  (void *)(uintptr_t)tag.data, MRL_AEAD_TAG);
    MRL_ENSURE(EVP_CIPHER_CTX_set_params(ctx, params) == 1, MRL_ERR_CRYPTO);
    MRL_ENSURE((size_t)n == len && EVP_CipherFinal_ex(ctx, unused, &n) == 1, MRL_ERR_CRYPTO);
    return MRL_OK;
}

static mrl_err open_in(EVP_CIPHER_CTX *ctx, const uint8_t *nonce, struct aad aad, mrl_bytes sealed,
                       uint8_t *to)
{
    mrl_err err = start(ctx, nonce, aad, /*seal=*/false);

    if (err == MRL_OK)
        err = decrypt(ctx, sealed, to);
    if (err != MRL_OK)
        mrl_wipe(to, sealed.len - MRL_AEAD_TAG);
    return err;
}

static mrl_err check_sealed(mrl_bytes sealed)
{
    MRL_ENSURE(sealed.len >= MRL_AEAD_TAG, MRL_ERR_MALFORMED);
    MRL_ENSURE(sealed.len - MRL_AEAD_TAG <= MRL_AEAD_LARGEST, MRL_ERR_LIMIT);
    return MRL_OK;
}

static mrl_err open_to_secret(EVP_CIPHER_CTX *ctx, const uint8_t *nonce, struct aad aad,
                              mrl_bytes sealed, struct mrl_secret **out)
{
    MRL_AUTO(mrl_secret) plain = NULL;

    MRL_TRY(check_sealed(sealed));
    plain = mrl_secret_new(sealed.len - MRL_AEAD_TAG);
    MRL_TRY(open_in(ctx, nonce, aad, sealed, mrl_secret_data(plain)));
    *out = MRL_TAKE(plain);
    return MRL_OK;
}

static mrl_err open_to_buf(EVP_CIPHER_CTX *ctx, const uint8_t *nonce, struct aad aad,
                           mrl_bytes sealed, struct mrl_buf *out)
{
    uint8_t *to;

    MRL_TRY(check_sealed(sealed));
    MRL_TRY(mrl_buf_reserve(out, sealed.len - MRL_AEAD_TAG, &to));
    MRL_TRY(open_in(ctx, nonce, aad, sealed, to));
    mrl_buf_added(out, sealed.len - MRL_AEAD_TAG);
    return MRL_OK;
}

/* --- a key that is used once --- */

static mrl_err seal_once(const struct mrl_secret *key, const uint8_t *nonce, struct aad aad,
                         mrl_bytes plain, struct mrl_buf *out)
{
    OWNED(EVP_CIPHER_CTX) ctx = NULL;

    MRL_OPENSSL_SCOPE();
    MRL_TRY(context_new(key, &ctx));
    return seal_in(ctx, nonce, aad, plain, out);
}

static mrl_err open_secret_once(const struct mrl_secret *key, const uint8_t *nonce, struct aad aad,
                                mrl_bytes sealed, struct mrl_secret **out)
{
    OWNED(EVP_CIPHER_CTX) ctx = NULL;

    MRL_OPENSSL_SCOPE();
    MRL_TRY(context_new(key, &ctx));
    return open_to_secret(ctx, nonce, aad, sealed, out);
}

mrl_err mrl_aead_seal(const struct mrl_secret *key, const uint8_t nonce[static MRL_AEAD_NONCE],
                      mrl_bytes aad, mrl_bytes plain, struct mrl_buf *out)
{
    return seal_once(key, nonce, (struct aad){.second = aad}, plain, out);
}

mrl_err mrl_aead_open(const struct mrl_secret *key, const uint8_t nonce[static MRL_AEAD_NONCE],
                      mrl_bytes aad, mrl_bytes sealed, struct mrl_buf *out)
{
    OWNED(EVP_CIPHER_CTX) ctx = NULL;

    MRL_OPENSSL_SCOPE();
    MRL_TRY(context_new(key, &ctx));
    return open_to_buf(ctx, nonce, (struct aad){.second = aad}, sealed, out);
}

mrl_err mrl_aead_open_secret(const struct mrl_secret *key,
                             const uint8_t nonce[static MRL_AEAD_NONCE], mrl_bytes aad,
                             mrl_bytes sealed, struct mrl_secret **out)
{
    return open_secret_once(key, nonce, (struct aad){.second = aad}, sealed, out);
}

/* --- a key that is used often --- */

enum { IDLE_MAX = 8 };

/* Who works takes an idle context out of its slot, or makes one; no lock, no waiting. */
struct mrl_aead {
    struct mrl_secret *key;
    _Atomic(EVP_CIPHER_CTX *) idle[IDLE_MAX];
};

mrl_err mrl_aead_new(const struct mrl_secret *key, struct mrl_aead **out)
{
    struct mrl_aead *a;

    MRL_ENSURE(mrl_secret_bytes(key).len == MRL_AEAD_KEY, MRL_ERR_INVALID);
    a = calloc(1, sizeof(*a));
    if (a == NULL)
        abort();
    a->key = mrl_secret_copy(mrl_secret_bytes(key));
    *out = a;
    return MRL_OK;
}

void mrl_aead_free(struct mrl_aead *a)
{
    if (a == NULL)
        return;
    for (size_t i = 0; i < IDLE_MAX; i++)
        EVP_CIPHER_CTX_free(atomic_load(&a->idle[i])); /* wipes the expanded key */
    mrl_secret_free(a->key);
    free(a);
}

static mrl_err take_context(struct mrl_aead *a, EVP_CIPHER_CTX **out)
{
    for (size_t i = 0; i < IDLE_MAX; i++) {
        EVP_CIPHER_CTX *ctx = atomic_exchange_explicit(&a->idle[i], NULL, memory_order_acquire);

        if (ctx != NULL) {
            *out = ctx;
            return MRL_OK;
        }
    }
    return context_new(a->key, out);
}

static void give_back(struct mrl_aead *a, EVP_CIPHER_CTX *ctx)
{
    for (size_t i = 0; i < IDLE_MAX; i++) {
        EVP_CIPHER_CTX *none = NULL;

        if (atomic_compare_exchange_strong_explicit(&a->idle[i], &none, ctx, memory_order_release,
                                                    memory_order_relaxed))
            return;
    }
    EVP_CIPHER_CTX_free(ctx);
}

mrl_err mrl_aead_seal_with(struct mrl_aead *a, const uint8_t nonce[static MRL_AEAD_NONCE],
                           mrl_bytes aad, mrl_bytes plain, struct mrl_buf *out)
{
    EVP_CIPHER_CTX *ctx;
    mrl_err err;

    MRL_OPENSSL_SCOPE();
    MRL_TRY(take_context(a, &ctx));
    err = seal_in(ctx, nonce, (struct aad){.second = aad}, plain, out);
    give_back(a, ctx);
    return err;
}

mrl_err mrl_aead_open_with(struct mrl_aead *a, const uint8_t nonce[static MRL_AEAD_NONCE],
                           mrl_bytes aad, mrl_bytes sealed, struct mrl_buf *out)
{
    EVP_CIPHER_CTX *ctx;
    mrl_err err;

    MRL_OPENSSL_SCOPE();
    MRL_TRY(take_context(a, &ctx));
    err = open_to_buf(ctx, nonce, (struct aad){.second = aad}, sealed, out);
    give_back(a, ctx);
    return err;
}

mrl_err mrl_aead_open_secret_with(struct mrl_aead *a, const uint8_t nonce[static MRL_AEAD_NONCE],
                                  mrl_bytes aad, mrl_bytes sealed, struct mrl_secret **out)
{
    EVP_CIPHER_CTX *ctx;
    mrl_err err;

    MRL_OPENSSL_SCOPE();
    MRL_TRY(take_context(a, &ctx));
    err = open_to_secret(ctx, nonce, (struct aad){.second = aad}, sealed, out);
    give_back(a, ctx);
    return err;
}

/* --- envelopes --- */

mrl_err mrl_envelope_seal(const struct mrl_secret *key, mrl_bytes aad, mrl_bytes plain,
                          struct mrl_buf *out)
{
    struct aad both = {mrl_bytes_of(&envelope_format, 1), aad};
    uint8_t nonce[MRL_AEAD_NONCE];
    size_t before = out->len;
    mrl_err err;

    mrl_random(nonce, sizeof(nonce));
    MRL_TRY(mrl_buf_append(out, both.first));
    err = mrl_buf_append(out, mrl_bytes_of(nonce, sizeof(nonce)));
    if (err == MRL_OK)
        err = seal_once(key, nonce, both, plain, out);
    if (err != MRL_OK)
        out->len = before;
    return err;
}

mrl_err mrl_envelope_open(const struct mrl_secret *key, mrl_bytes aad, mrl_bytes sealed,
                          struct mrl_secret **out)
{
    struct mrl_reader r = {sealed, 0};
    mrl_bytes nonce;
    uint8_t format;

    MRL_TRY(mrl_read_u8(&r, &format));
    MRL_ENSURE(format == envelope_format, MRL_ERR_MALFORMED);
    MRL_TRY(mrl_read_bytes(&r, MRL_AEAD_NONCE, &nonce));
    return open_secret_once(key, nonce.data, (struct aad){mrl_bytes_of(&envelope_format, 1), aad},
                            mrl_read_rest(&r), out);
}
