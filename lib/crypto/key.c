/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/key.h"

#include <openssl/core_names.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/random.h"
#include "crypto/algorithm.h"
#include "crypto/key_internal.h"
#include "crypto/openssl.h"

struct mrl_key {
    EVP_PKEY *pkey;
    enum mrl_key_type type;
    bool is_private;
    struct mrl_key_holder holder; /* of the private part; sign is NULL: pkey has it, or nobody */
};

static const struct kind {
    const char *name;  /* for people */
    const char *type;  /* for OpenSSL */
    const char *group; /* for OpenSSL; NULL: has none */
    enum mrl_sign_alg algorithm;
} kinds[] = {
    [MRL_KEY_P256] = {"P-256", "EC", "P-256", MRL_SIGN_ECDSA_SHA256},
    [MRL_KEY_P384] = {"P-384", "EC", "P-384", MRL_SIGN_ECDSA_SHA384},
    [MRL_KEY_ED25519] = {"Ed25519", "ED25519", NULL, MRL_SIGN_ED25519},
    [MRL_KEY_RSA] = {"RSA", "RSA", NULL, MRL_SIGN_RSA_SHA256},
};

static pthread_once_t random_once = PTHREAD_ONCE_INIT;
static struct mrl_why random_why;
static mrl_err random_err;

static void check_random(void)
{
    random_err = mrl_random_check(&random_why);
}

void mrl_key_free(struct mrl_key *k)
{
    if (k == NULL)
        return;
    EVP_PKEY_free(k->pkey); /* OpenSSL clears private numbers */
    free(k);
}

mrl_err mrl_key_adopt(struct evp_pkey_st *pkey, enum mrl_key_type type, bool is_private,
                      struct mrl_key **out)
{
    struct mrl_key *k = calloc(1, sizeof(*k));

    if (k == NULL) {
        EVP_PKEY_free(pkey);
        return MRL_ERR_CRYPTO;
    }
    *k = (struct mrl_key){.pkey = pkey, .type = type, .is_private = is_private};
    *out = k;
    return MRL_OK;
}

mrl_err mrl_key_generate(enum mrl_key_type type, struct mrl_key **out, struct mrl_why *why)
{
    OWNED(EVP_PKEY) pkey = NULL;

    MRL_OPENSSL_SCOPE();
    if (type == MRL_KEY_RSA)
        return mrl_fail(why, MRL_ERR_UNSUPPORTED, "RSA keys are not made here");
    (void)pthread_once(&random_once, check_random); /* fails only for an invalid control word */
    if (random_err != MRL_OK)
        return mrl_fail(why, MRL_ERR_CRYPTO, "no key is made: %s", random_why.text);
    pkey = kinds[type].group == NULL ? EVP_PKEY_Q_keygen(NULL, NULL, kinds[type].type)
                                     : EVP_EC_gen(kinds[type].group);
    if (pkey == NULL)
        return mrl_fail(why, MRL_ERR_CRYPTO, "OpenSSL could not make a %s key", kinds[type].name);
    return mrl_key_adopt(MRL_TAKE(pkey), type, /*is_private=*/true, out);
}

enum mrl_key_type mrl_key_type(const struct mrl_key *k)
{
    return k->type;
}

const char *mrl_key_type_name(enum mrl_key_type type)
{
    return kinds[type].name;
}

unsigned mrl_key_bits(const struct mrl_key *k)
{
    return k->type == MRL_KEY_ED25519 ? 256 : (unsigned)EVP_PKEY_get_bits(k->pkey);
}

bool mrl_key_is_private(const struct mrl_key *k)
{
    return k->is_private;
}

bool mrl_key_public_eq(const struct mrl_key *a, const struct mrl_key *b)
{
    MRL_OPENSSL_SCOPE();
    return a->type == b->type && EVP_PKEY_eq(a->pkey, b->pkey) == 1;
}

enum mrl_sign_alg mrl_key_algorithm(const struct mrl_key *k)
{
    return kinds[k->type].algorithm;
}

mrl_err mrl_key_held(mrl_bytes spki, const struct mrl_key_holder *holder, struct mrl_key **out,
                     struct mrl_why *why)
{
    MRL_AUTO(mrl_key) k = NULL;

    MRL_TRY(mrl_key_from_spki(spki, &k, why));
    if (k->type == MRL_KEY_RSA)
        return mrl_fail(why, MRL_ERR_UNSUPPORTED, "RSA keys in hardware are not used here");
    k->is_private = true;
    k->holder = *holder;
    *out = MRL_TAKE(k);
    return MRL_OK;
}

/* Hashed here, so that the holder need not know of algorithms. */
static mrl_err sign_by_holder(const struct mrl_key *k, mrl_bytes data, struct mrl_buf *out)
{
    const char *name = mrl_sign_alg_digest(mrl_key_algorithm(k));
    uint8_t digest[EVP_MAX_MD_SIZE];
    size_t len;

    if (name == NULL)
        return k->holder.sign(k->holder.context, data, out);
    MRL_ENSURE(EVP_Q_digest(NULL, name, NULL, data.data, data.len, digest, &len) == 1,
               MRL_ERR_CRYPTO);
    return k->holder.sign(k->holder.context, mrl_bytes_of(digest, len), out);
}

mrl_err mrl_key_sign(const struct mrl_key *k, mrl_bytes data, struct mrl_buf *out)
{
    const char *digest = mrl_sign_alg_digest(mrl_key_algorithm(k));
    OWNED(EVP_MD_CTX) ctx = NULL;
    uint8_t *to;
    size_t len;

    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(k->is_private, MRL_ERR_STATE);
    if (k->holder.sign != NULL)
        return sign_by_holder(k, data, out);
    ctx = EVP_MD_CTX_new();
    MRL_ENSURE(ctx != NULL &&
                   EVP_DigestSignInit_ex(ctx, NULL, digest, NULL, NULL, k->pkey, NULL) == 1,
               MRL_ERR_CRYPTO);
    len = (size_t)EVP_PKEY_get_size(k->pkey);
    MRL_TRY(mrl_buf_reserve(out, len, &to));
    MRL_ENSURE(EVP_DigestSign(ctx, to, &len, data.data, data.len) == 1, MRL_ERR_CRYPTO);
    mrl_buf_added(out, len);
    return MRL_OK;
}

mrl_err mrl_key_verify(const struct mrl_key *k, enum mrl_sign_alg alg, mrl_bytes data,
                       mrl_bytes signature)
{
    OWNED(EVP_MD_CTX) ctx = NULL;

    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(mrl_sign_alg_fits(alg, k->type), MRL_ERR_CRYPTO);
    ctx = EVP_MD_CTX_new();
    MRL_ENSURE(ctx != NULL && EVP_DigestVerifyInit_ex(ctx, NULL, mrl_sign_alg_digest(alg), NULL,
                                                      NULL, k->pkey, NULL) == 1,
               MRL_ERR_CRYPTO);
    MRL_ENSURE(EVP_DigestVerify(ctx, signature.data, signature.len, data.data, data.len) == 1,
               MRL_ERR_CRYPTO);
    return MRL_OK;
}

const struct mrl_key_holder *mrl_key_holder_of(const struct mrl_key *k)
{
    return k->holder.sign != NULL ? &k->holder : NULL;
}

bool mrl_key_is_here(const struct mrl_key *k)
{
    return k->is_private && k->holder.sign == NULL;
}

struct evp_pkey_st *mrl_key_native(const struct mrl_key *k)
{
    return k->pkey;
}
