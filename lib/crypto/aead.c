/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/aead.h"

#include <pthread.h>
#include <string.h>

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

static mrl_err start(const struct mrl_secret *key, const uint8_t *nonce, struct aad aad, bool seal,
                     EVP_CIPHER_CTX **out)
{
    OWNED(EVP_CIPHER_CTX) ctx = NULL;

    MRL_ENSURE(mrl_secret_bytes(key).len == MRL_AEAD_KEY, MRL_ERR_INVALID);
    MRL_ENSURE(aad.second.len <= MRL_AEAD_LARGEST, MRL_ERR_LIMIT);
    (void)pthread_once(&fetched, fetch); /* cannot fail with a static control */
    ctx = EVP_CIPHER_CTX_new();
    MRL_ENSURE(gcm != NULL && ctx != NULL, MRL_ERR_CRYPTO);
    MRL_ENSURE(
        EVP_CipherInit_ex2(ctx, gcm, mrl_secret_bytes(key).data, nonce, seal, /*params=*/NULL) == 1,
        MRL_ERR_CRYPTO);
    MRL_ENSURE(add_aad(ctx, aad.first) && add_aad(ctx, aad.second), MRL_ERR_CRYPTO);
    *out = MRL_TAKE(ctx);
    return MRL_OK;
}

static mrl_err seal_with(const struct mrl_secret *key, const uint8_t *nonce, struct aad aad,
                         mrl_bytes plain, struct mrl_buf *out)
{
    OWNED(EVP_CIPHER_CTX) ctx = NULL;
    uint8_t *to;
    int n = 0;

    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(plain.len <= MRL_AEAD_LARGEST, MRL_ERR_LIMIT);
    MRL_TRY(start(key, nonce, aad, /*seal=*/true, &ctx));
    MRL_TRY(mrl_buf_reserve(out, plain.len + MRL_AEAD_TAG, &to));
    if (plain.len > 0)
        MRL_ENSURE(EVP_CipherUpdate(ctx, to, &n, plain.data, (int)plain.len) == 1, MRL_ERR_CRYPTO);
    MRL_ENSURE((size_t)n == plain.len && EVP_CipherFinal_ex(ctx, &to[plain.len], &n) == 1,
               MRL_ERR_CRYPTO);
    MRL_ENSURE(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, MRL_AEAD_TAG, &to[plain.len]) == 1,
               MRL_ERR_CRYPTO);
    mrl_buf_added(out, plain.len + MRL_AEAD_TAG);
    return MRL_OK;
}

/* Decrypts into to[sealed.len - MRL_AEAD_TAG] and checks the tag; nothing is wiped yet. */
static mrl_err decrypt(EVP_CIPHER_CTX *ctx, mrl_bytes sealed, uint8_t *to)
{
    size_t len = sealed.len - MRL_AEAD_TAG;
    mrl_bytes tag = mrl_bytes_sub(sealed, len, MRL_AEAD_TAG);
    uint8_t unused[16];
    int n = 0;

    if (len > 0)
        MRL_ENSURE(EVP_CipherUpdate(ctx, to, &n, sealed.data, (int)len) == 1, MRL_ERR_CRYPTO);
    MRL_ENSURE(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, MRL_AEAD_TAG,
                                   (void *)(uintptr_t)tag.data) == 1,
               MRL_ERR_CRYPTO);
    MRL_ENSURE((size_t)n == len && EVP_CipherFinal_ex(ctx, unused, &n) == 1, MRL_ERR_CRYPTO);
    return MRL_OK;
}

static mrl_err open_with(const struct mrl_secret *key, const uint8_t *nonce, struct aad aad,
                         mrl_bytes sealed, uint8_t *to)
{
    OWNED(EVP_CIPHER_CTX) ctx = NULL;
    mrl_err err;

    MRL_OPENSSL_SCOPE();
    MRL_TRY(start(key, nonce, aad, /*seal=*/false, &ctx));
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

static mrl_err open_to_secret(const struct mrl_secret *key, const uint8_t *nonce, struct aad aad,
                              mrl_bytes sealed, struct mrl_secret **out)
{
    MRL_AUTO(mrl_secret) plain = NULL;

    MRL_TRY(check_sealed(sealed));
    plain = mrl_secret_new(sealed.len - MRL_AEAD_TAG);
    MRL_TRY(open_with(key, nonce, aad, sealed, mrl_secret_data(plain)));
    *out = MRL_TAKE(plain);
    return MRL_OK;
}

mrl_err mrl_aead_seal(const struct mrl_secret *key, const uint8_t nonce[static MRL_AEAD_NONCE],
                      mrl_bytes aad, mrl_bytes plain, struct mrl_buf *out)
{
    return seal_with(key, nonce, (struct aad){.second = aad}, plain, out);
}

mrl_err mrl_aead_open(const struct mrl_secret *key, const uint8_t nonce[static MRL_AEAD_NONCE],
                      mrl_bytes aad, mrl_bytes sealed, struct mrl_buf *out)
{
    uint8_t *to;

    MRL_TRY(check_sealed(sealed));
    MRL_TRY(mrl_buf_reserve(out, sealed.len - MRL_AEAD_TAG, &to));
    MRL_TRY(open_with(key, nonce, (struct aad){.second = aad}, sealed, to));
    mrl_buf_added(out, sealed.len - MRL_AEAD_TAG);
    return MRL_OK;
}

mrl_err mrl_aead_open_secret(const struct mrl_secret *key,
                             const uint8_t nonce[static MRL_AEAD_NONCE], mrl_bytes aad,
                             mrl_bytes sealed, struct mrl_secret **out)
{
    return open_to_secret(key, nonce, (struct aad){.second = aad}, sealed, out);
}

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
        err = seal_with(key, nonce, both, plain, out);
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
    return open_to_secret(key, nonce.data, (struct aad){mrl_bytes_of(&envelope_format, 1), aad},
                          mrl_read_rest(&r), out);
}
