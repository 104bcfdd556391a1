/* SPDX-License-Identifier: Apache-2.0 */
/* By an EC_KEY_METHOD: a provider would have to be the default of the whole program, TLS included.
 * OpenSSL 3 calls it deprecated and keeps it. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/key_outside.h"

#include <openssl/ec.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/key_internal.h"
#include "crypto/openssl.h"

OWNED_DEFINE(EC_KEY);

struct outside {
    struct mrl_key_signer signer;
    uint8_t pem[];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EC_KEY_METHOD *method; /* made once, never freed */
static int slot = -1;

static ECDSA_SIG *signature_of(mrl_bytes r, mrl_bytes s)
{
    ECDSA_SIG *signature = ECDSA_SIG_new();
    BIGNUM *first = BN_bin2bn(r.data, (int)r.len, NULL),
           *second = BN_bin2bn(s.data, (int)s.len, NULL);

    if (signature != NULL && first != NULL && second != NULL &&
        ECDSA_SIG_set0(signature, first, second) == 1)
        return signature;
    BN_free(first);
    BN_free(second);
    ECDSA_SIG_free(signature);
    return NULL;
}

static ECDSA_SIG *on_sign(const unsigned char *digest, int digest_len, const BIGNUM *kinv,
                          const BIGNUM *rp, EC_KEY *key)
{
    const struct outside *o = EC_KEY_get_ex_data(key, slot);
    uint8_t r[MRL_KEY_OUTSIDE_FIELD], s[MRL_KEY_OUTSIDE_FIELD];
    size_t len = 0;

    (void)kinv;
    (void)rp;
    if (o == NULL || digest_len < 0 ||
        o->signer.sign(o->signer.context, mrl_bytes_of(digest, (size_t)digest_len), r, s, &len) !=
            MRL_OK ||
        len > sizeof(r))
        return NULL;
    return signature_of(mrl_bytes_of(r, len), mrl_bytes_of(s, len));
}

static void outside_free(struct outside *o)
{
    o->signer.done(o->signer.context);
    free(o);
}

static void on_free(void *parent, void *data, CRYPTO_EX_DATA *all, int index, long argl, void *argp)
{
    (void)parent;
    (void)all;
    (void)index;
    (void)argl;
    (void)argp;
    if (data != NULL)
        outside_free(data);
}

static void make_method(void)
{
    int (*sign)(int, const unsigned char *, int, unsigned char *, unsigned int *, const BIGNUM *,
                const BIGNUM *, EC_KEY *);
    int (*setup)(EC_KEY *, BN_CTX *, BIGNUM **, BIGNUM **);

    slot = EC_KEY_get_ex_new_index(0, NULL, NULL, NULL, on_free);
    method = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
    if (method == NULL)
        return;
    EC_KEY_METHOD_get_sign(method, &sign, &setup, NULL);
    EC_KEY_METHOD_set_sign(method, sign, setup, on_sign);
}

/* The public half as an object of the old kind, which alone has methods. Takes o when it succeeds.
 */
static mrl_err make(mrl_bytes spki, struct outside *o, EVP_PKEY **out)
{
    const unsigned char *at = spki.data;
    OWNED(EC_KEY) key = d2i_EC_PUBKEY(NULL, &at, (long)spki.len);
    OWNED(EVP_PKEY) pkey = EVP_PKEY_new();

    (void)pthread_once(&once, make_method); /* fails only for an invalid control word */
    MRL_ENSURE(key != NULL && pkey != NULL && method != NULL && slot >= 0, MRL_ERR_CRYPTO);
    MRL_ENSURE(EC_KEY_set_method(key, method) == 1, MRL_ERR_CRYPTO);
    MRL_ENSURE(EVP_PKEY_set1_EC_KEY(pkey, key) == 1, MRL_ERR_CRYPTO);
    MRL_ENSURE(EC_KEY_set_ex_data(key, slot, o) == 1, MRL_ERR_CRYPTO);
    *out = MRL_TAKE(pkey);
    return MRL_OK;
}

static struct outside *outside_new(const struct mrl_key_signer *signer)
{
    struct outside *o = calloc(1, sizeof(*o) + signer->pem.len);

    if (o == NULL)
        abort();
    o->signer = *signer;
    if (signer->pem.len > 0)
        memcpy(o->pem, signer->pem.data, signer->pem.len);
    o->signer.pem = mrl_bytes_of(o->pem, signer->pem.len);
    return o;
}

mrl_err mrl_key_outside(mrl_bytes spki, const struct mrl_key_signer *signer, struct mrl_key **out)
{
    struct outside *o = outside_new(signer);
    MRL_AUTO(mrl_key) checked = NULL;
    EVP_PKEY *pkey = NULL;
    mrl_err err;

    MRL_OPENSSL_SCOPE();
    err = mrl_key_from_spki(spki, &checked, NULL);
    if (err == MRL_OK && mrl_key_type(checked) != MRL_KEY_P256 &&
        mrl_key_type(checked) != MRL_KEY_P384)
        err = MRL_ERR_UNSUPPORTED;
    if (err == MRL_OK)
        err = make(spki, o, &pkey);
    if (err != MRL_OK) {
        outside_free(o);
        return err;
    }
    return mrl_key_adopt(pkey, mrl_key_type(checked), /*is_private=*/true, out);
}

mrl_bytes mrl_key_outside_pem(const struct mrl_key *k)
{
    const EC_KEY *key = NULL;
    const struct outside *o = NULL;

    MRL_OPENSSL_SCOPE();
    (void)pthread_once(&once, make_method); /* as above */
    if (EVP_PKEY_get_base_id(mrl_key_native(k)) == EVP_PKEY_EC)
        key = EVP_PKEY_get0_EC_KEY(mrl_key_native(k));
    if (key != NULL && EC_KEY_get_method(key) == method)
        o = EC_KEY_get_ex_data(key, slot);
    return o == NULL ? MRL_BYTES_NONE : o->signer.pem;
}
