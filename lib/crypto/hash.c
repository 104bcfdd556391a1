/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/hash.h"

#include <openssl/core_names.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdlib.h>

#include "crypto/openssl.h"

enum {
    HKDF_LONGEST = 255 * MRL_SHA256_SIZE, /* RFC 5869 2.3 */
    SCRYPT_MEMORY = 256 << 20,
    SCRYPT_MOST_P = 16,
};

struct mrl_sha256 {
    EVP_MD_CTX *ctx;
};

static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;
static EVP_MD *fetched;

static void fetch(void)
{
    fetched = EVP_MD_fetch(NULL, "SHA256", NULL);
}

/* Fetched once: the implicit fetch of EVP_sha256() costs as much as hashing a short input. */
static const EVP_MD *sha256(void)
{
    (void)pthread_once(&fetch_once, fetch); /* fails only for an invalid control word */
    return fetched != NULL ? fetched : EVP_sha256();
}

mrl_err mrl_sha256(mrl_bytes data, uint8_t out[static MRL_SHA256_SIZE])
{
    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(EVP_Digest(data.data, data.len, out, NULL, sha256(), NULL) == 1, MRL_ERR_CRYPTO);
    return MRL_OK;
}

static pthread_once_t context_once = PTHREAD_ONCE_INIT;
static pthread_key_t context_key;
static bool context_key_made;

static void free_context(void *ctx)
{
    EVP_MD_CTX_free(ctx);
}

static void make_context_key(void)
{
    context_key_made = pthread_key_create(&context_key, free_context) == 0;
}

/* A context of this thread for SHA-256; NULL: none could be made. */
static EVP_MD_CTX *thread_context(void)
{
    EVP_MD_CTX *ctx;

    (void)pthread_once(&context_once,
                       make_context_key); /* fails only for an invalid control word */
    if (!context_key_made)
        return NULL;
    ctx = pthread_getspecific(context_key);
    if (ctx != NULL)
        return ctx;
    ctx = EVP_MD_CTX_new();
    if (ctx != NULL && EVP_DigestInit_ex(ctx, sha256(), NULL) == 1 &&
        pthread_setspecific(context_key, ctx) == 0)
        return ctx;
    EVP_MD_CTX_free(ctx);
    return NULL;
}

mrl_err mrl_sha256_parts(const mrl_bytes *parts, size_t count, uint8_t out[static MRL_SHA256_SIZE])
{
    EVP_MD_CTX *ctx;

    MRL_OPENSSL_SCOPE();
    ctx = thread_context();
    MRL_ENSURE(ctx != NULL && EVP_DigestInit_ex(ctx, NULL, NULL) == 1, MRL_ERR_CRYPTO);
    for (size_t i = 0; i < count; i++)
        MRL_ENSURE(EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) == 1, MRL_ERR_CRYPTO);
    MRL_ENSURE(EVP_DigestFinal_ex(ctx, out, NULL) == 1, MRL_ERR_CRYPTO);
    return MRL_OK;
}

mrl_err mrl_sha1_key_id(mrl_bytes data, uint8_t out[static MRL_SHA1_SIZE])
{
    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(EVP_Digest(data.data, data.len, out, NULL, EVP_sha1(), NULL) == 1, MRL_ERR_CRYPTO);
    return MRL_OK;
}

mrl_err mrl_sha256_new(struct mrl_sha256 **out)
{
    MRL_OPENSSL_SCOPE();
    MRL_AUTO(mrl_sha256) h = calloc(1, sizeof(*h));

    MRL_ENSURE(h != NULL, MRL_ERR_CRYPTO);
    h->ctx = EVP_MD_CTX_new();
    MRL_ENSURE(h->ctx != NULL && EVP_DigestInit_ex(h->ctx, sha256(), NULL) == 1, MRL_ERR_CRYPTO);
    *out = MRL_TAKE(h);
    return MRL_OK;
}

void mrl_sha256_free(struct mrl_sha256 *h)
{
    if (h == NULL)
        return;
    EVP_MD_CTX_free(h->ctx);
    free(h);
}

mrl_err mrl_sha256_add(struct mrl_sha256 *h, mrl_bytes data)
{
    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(EVP_DigestUpdate(h->ctx, data.data, data.len) == 1, MRL_ERR_CRYPTO);
    return MRL_OK;
}

mrl_err mrl_sha256_end(struct mrl_sha256 *h, uint8_t out[static MRL_SHA256_SIZE])
{
    uint8_t digest[MRL_SHA256_SIZE];

    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(EVP_DigestFinal_ex(h->ctx, digest, NULL) == 1, MRL_ERR_CRYPTO);
    MRL_ENSURE(EVP_DigestInit_ex(h->ctx, sha256(), NULL) == 1, MRL_ERR_CRYPTO);
    for (size_t i = 0; i < sizeof(digest); i++)
        out[i] = digest[i];
    return MRL_OK;
}

mrl_err mrl_hmac_sha256(mrl_bytes key, mrl_bytes data, uint8_t out[static MRL_SHA256_SIZE])
{
    static const uint8_t none; /* a NULL key would mean "the key of the last call" */
    unsigned len = 0;

    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(key.len <= INT32_MAX, MRL_ERR_CRYPTO);
    MRL_ENSURE(HMAC(sha256(), key.len > 0 ? key.data : &none, (int)key.len,
                    data.len > 0 ? data.data : &none, data.len, out, &len) != NULL,
               MRL_ERR_CRYPTO);
    return len == MRL_SHA256_SIZE ? MRL_OK : MRL_ERR_CRYPTO;
}

static OSSL_PARAM octets(const char *name, mrl_bytes b)
{
    return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)b.data, b.len);
}

mrl_err mrl_hkdf_sha256(mrl_bytes secret, mrl_bytes salt, mrl_bytes info, size_t len,
                        struct mrl_secret **out)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[5];
    size_t n = 0;

    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(len > 0 && len <= HKDF_LONGEST && secret.len > 0, MRL_ERR_INVALID);
    params[n++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
    params[n++] = octets(OSSL_KDF_PARAM_KEY, secret);
    if (salt.len > 0)
        params[n++] = octets(OSSL_KDF_PARAM_SALT, salt);
    if (info.len > 0)
        params[n++] = octets(OSSL_KDF_PARAM_INFO, info);
    params[n] = OSSL_PARAM_construct_end();

    OWNED(EVP_KDF) kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    OWNED(EVP_KDF_CTX) ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    MRL_AUTO(mrl_secret) derived = mrl_secret_new(len);
    MRL_ENSURE(ctx != NULL, MRL_ERR_CRYPTO);
    MRL_ENSURE(EVP_KDF_derive(ctx, mrl_secret_data(derived), len, params) == 1, MRL_ERR_CRYPTO);
    *out = MRL_TAKE(derived);
    return MRL_OK;
}

mrl_err mrl_scrypt(mrl_bytes passphrase, mrl_bytes salt, struct mrl_scrypt_cost cost, size_t len,
                   struct mrl_secret **out)
{
    uint64_t memory = UINT64_C(128) * cost.n * cost.r;

    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(cost.n > 1 && (cost.n & (cost.n - 1)) == 0 && cost.r > 0 && cost.p > 0,
               MRL_ERR_INVALID);
    MRL_ENSURE(len >= 16 && len <= 64, MRL_ERR_INVALID);
    MRL_ENSURE(cost.r <= 64 && cost.p <= SCRYPT_MOST_P && memory <= SCRYPT_MEMORY, MRL_ERR_LIMIT);

    MRL_AUTO(mrl_secret) derived = mrl_secret_new(len);
    MRL_ENSURE(EVP_PBE_scrypt((const char *)passphrase.data, passphrase.len, salt.data, salt.len,
                              cost.n, cost.r, cost.p, SCRYPT_MEMORY + (4 << 20),
                              mrl_secret_data(derived), len) == 1,
               MRL_ERR_CRYPTO);
    *out = MRL_TAKE(derived);
    return MRL_OK;
}

mrl_err mrl_fingerprint_of(mrl_bytes cert_der, struct mrl_fingerprint *out)
{
    return mrl_sha256(cert_der, out->bytes);
}
