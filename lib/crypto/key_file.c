/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys in and out. Between OpenSSL and a mrl_secret the bytes lie only in buffers OpenSSL
 * clears when it frees them (memory BIO), but for PKCS#8 of keys that come from elsewhere. */
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <string.h>

#include "crypto/der.h"
#include "crypto/key_internal.h"
#include "crypto/openssl.h"

enum {
    PEM_LARGEST = 64 << 10,
    SALT = 16,
    SCRYPT_N = 1 << 14, /* 16 MiB: OpenSSL's reader refuses 32 MiB and more unless told */
    SCRYPT_R = 8,
    SCRYPT_P = 5,
};

/* What a private key file holds is judged by its public half, by the same rules as a stranger's. */
static mrl_err adopt_private(EVP_PKEY *given, struct mrl_key **out)
{
    OWNED(EVP_PKEY) pkey = given;
    OWNED(EVP_PKEY_CTX) ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    MRL_AUTO(mrl_key) public = NULL;
    MRL_SCOPED(mrl_buf) spki = {0};
    uint8_t *to;
    int len = i2d_PUBKEY(pkey, NULL);

    MRL_ENSURE(len > 0 && ctx != NULL, MRL_ERR_MALFORMED);
    MRL_TRY(mrl_buf_reserve(&spki, (size_t)len, &to));
    MRL_ENSURE(i2d_PUBKEY(pkey, &to) == len, MRL_ERR_MALFORMED);
    mrl_buf_added(&spki, (size_t)len);
    MRL_TRY(mrl_key_from_spki(mrl_buf_bytes(&spki), &public, NULL));
    MRL_ENSURE(EVP_PKEY_pairwise_check(ctx) == 1, MRL_ERR_MALFORMED);
    return mrl_key_adopt(MRL_TAKE(pkey), mrl_key_type(public), /*is_private=*/true, out);
}

/* ---- PrivateKeyInfo, RFC 5958 2 ---- */

enum { SCALAR_MAX = 48, VERSION = 0, EC_VERSION = 1 };

static size_t scalar_size(enum mrl_key_type type)
{
    return type == MRL_KEY_P384 ? SCALAR_MAX : 32;
}

/* The private number, big-endian. */
static mrl_err get_scalar(const struct mrl_key *k, uint8_t scalar[static SCALAR_MAX])
{
    size_t len = scalar_size(mrl_key_type(k));
    OSSL_PARAM params[] = {OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, scalar, len),
                           OSSL_PARAM_construct_end()};

    if (mrl_key_type(k) == MRL_KEY_ED25519)
        return EVP_PKEY_get_raw_private_key(mrl_key_native(k), scalar, &len) == 1 ? MRL_OK
                                                                                  : MRL_ERR_CRYPTO;
    MRL_ENSURE(EVP_PKEY_get_params(mrl_key_native(k), params) == 1, MRL_ERR_CRYPTO);
    for (size_t i = 0; i < len / 2; i++) { /* it came in the order of this machine */
        uint8_t low = scalar[i];

        if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
            break;
        scalar[i] = scalar[len - 1 - i];
        scalar[len - 1 - i] = low;
    }
    return MRL_OK;
}

/* RFC 5915 3: ECPrivateKey, without parameters; RFC 8410 7: CurvePrivateKey */
static void put_private(struct mrl_der *d, enum mrl_key_type type, mrl_bytes scalar,
                        mrl_bytes point)
{
    mrl_der_begin(d, MRL_DER_OCTET_STRING);
    if (type == MRL_KEY_ED25519) {
        mrl_der_put(d, MRL_DER_OCTET_STRING, scalar);
    } else {
        mrl_der_begin(d, MRL_DER_SEQUENCE);
        mrl_der_small(d, EC_VERSION);
        mrl_der_put(d, MRL_DER_OCTET_STRING, scalar);
        mrl_der_begin(d, MRL_DER_CONTEXT_CONSTRUCTED(1));
        mrl_der_bits(d, point);
        mrl_der_end(d);
        mrl_der_end(d);
    }
    mrl_der_end(d);
}

static mrl_err put_info(struct mrl_der *d, const struct mrl_key *k, mrl_bytes scalar)
{
    MRL_SCOPED(mrl_buf) spki = {0};
    struct mrl_reader r, inside;
    mrl_bytes algorithm, point;

    MRL_TRY(mrl_key_to_spki(k, &spki));
    r = (struct mrl_reader){mrl_buf_bytes(&spki), 0};
    MRL_TRY(mrl_der_enter(&r, MRL_DER_SEQUENCE, &inside));
    MRL_TRY(mrl_der_read_any(&inside, NULL, NULL, &algorithm));
    MRL_TRY(mrl_der_read_bits(&inside, &point));
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_small(d, VERSION);
    mrl_der_raw(d, algorithm);
    put_private(d, mrl_key_type(k), scalar, point);
    mrl_der_end(d);
    return mrl_der_finish(d);
}

/* Not by OpenSSL, which frees the bytes it encoded without wiping them. */
static mrl_err write_info(const struct mrl_key *k, struct mrl_secret **out)
{
    MRL_SCOPED(mrl_buf) der = {.secret = true};
    struct mrl_der d = mrl_der_on(&der);
    uint8_t scalar[SCALAR_MAX];
    mrl_err err = get_scalar(k, scalar);

    if (err == MRL_OK)
        err = put_info(&d, k, mrl_bytes_of(scalar, scalar_size(mrl_key_type(k))));
    mrl_wipe(scalar, sizeof(scalar));
    if (err == MRL_OK)
        *out = mrl_secret_copy(mrl_buf_bytes(&der));
    return err;
}

/* RSA: only somebody else's key file has such a key, none is made here. */
static mrl_err rsa_info(const struct mrl_key *k, struct mrl_secret **out)
{
    OWNED(PKCS8_PRIV_KEY_INFO) info = EVP_PKEY2PKCS8(mrl_key_native(k));
    MRL_AUTO(mrl_secret) der = NULL;
    uint8_t *to;
    int len;

    MRL_ENSURE(info != NULL, MRL_ERR_CRYPTO);
    len = i2d_PKCS8_PRIV_KEY_INFO(info, NULL);
    MRL_ENSURE(len > 0, MRL_ERR_CRYPTO);
    der = mrl_secret_new((size_t)len);
    to = mrl_secret_data(der);
    MRL_ENSURE(i2d_PKCS8_PRIV_KEY_INFO(info, &to) == len, MRL_ERR_CRYPTO);
    *out = MRL_TAKE(der);
    return MRL_OK;
}

mrl_err mrl_key_to_pkcs8(const struct mrl_key *k, struct mrl_secret **out)
{
    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(mrl_key_is_private(k), MRL_ERR_STATE);
    return mrl_key_type(k) == MRL_KEY_RSA ? rsa_info(k, out) : write_info(k, out);
}

mrl_err mrl_key_from_pkcs8(mrl_bytes der, struct mrl_key **out)
{
    OWNED(PKCS8_PRIV_KEY_INFO) info = NULL;
    const uint8_t *at = der.data;
    EVP_PKEY *pkey;

    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(der.len > 0 && der.len <= PEM_LARGEST, MRL_ERR_MALFORMED);
    info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)der.len);
    MRL_ENSURE(info != NULL && at == &der.data[der.len], MRL_ERR_MALFORMED);
    pkey = EVP_PKCS82PKEY(info);
    MRL_ENSURE(pkey != NULL, MRL_ERR_MALFORMED);
    return adopt_private(pkey, out);
}

static mrl_err write_encrypted(BIO *bio, PKCS8_PRIV_KEY_INFO *info, mrl_bytes passphrase)
{
    OWNED(X509_ALGOR) pbe = NULL;
    OWNED(X509_SIG) encrypted = NULL;

    MRL_ENSURE(passphrase.len <= PEM_BUFSIZE, MRL_ERR_INVALID);
    pbe = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), /*salt=*/NULL, SALT, /*iv=*/NULL, SCRYPT_N,
                                SCRYPT_R, SCRYPT_P);
    MRL_ENSURE(pbe != NULL, MRL_ERR_CRYPTO);
    encrypted = PKCS8_set0_pbe((const char *)passphrase.data, (int)passphrase.len, info, pbe);
    MRL_ENSURE(encrypted != NULL, MRL_ERR_CRYPTO);
    (void)MRL_TAKE(pbe); /* belongs to encrypted now */
    MRL_ENSURE(PEM_write_bio_PKCS8(bio, encrypted) == 1, MRL_ERR_CRYPTO);
    return MRL_OK;
}

mrl_err mrl_key_to_pem(const struct mrl_key *k, mrl_bytes passphrase, struct mrl_secret **out)
{
    const mrl_bytes outside = mrl_key_outside_pem(k);
    OWNED(PKCS8_PRIV_KEY_INFO) info = NULL;
    OWNED(BIO) bio = NULL;
    char *text;
    long len;

    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(mrl_key_is_private(k), MRL_ERR_STATE);
    if (outside.len > 0) {
        *out = mrl_secret_copy(outside);
        return MRL_OK;
    }
    info = EVP_PKEY2PKCS8(mrl_key_native(k));
    bio = BIO_new(BIO_s_mem());
    MRL_ENSURE(info != NULL && bio != NULL, MRL_ERR_CRYPTO);
    if (passphrase.len > 0)
        MRL_TRY(write_encrypted(bio, info, passphrase));
    else
        MRL_ENSURE(PEM_write_bio_PKCS8_PRIV_KEY_INFO(bio, info) == 1, MRL_ERR_CRYPTO);
    len = BIO_get_mem_data(bio, &text);
    MRL_ENSURE(len > 0, MRL_ERR_CRYPTO);
    *out = mrl_secret_copy(mrl_bytes_of(text, (size_t)len));
    return MRL_OK;
}

struct question {
    mrl_bytes passphrase;
    bool asked;
};

/* Without a callback of ours OpenSSL would ask on the terminal. */
static int answer(char *to, int size, int writing, void *context)
{
    struct question *q = context;

    (void)writing;
    q->asked = true;
    if (q->passphrase.len == 0 || q->passphrase.len > (size_t)size)
        return -1;
    memcpy(to, q->passphrase.data, q->passphrase.len);
    return (int)q->passphrase.len;
}

mrl_err mrl_key_from_pem(mrl_bytes pem, mrl_bytes passphrase, struct mrl_key **out)
{
    struct question question = {passphrase, false};
    OWNED(BIO) bio = NULL;
    EVP_PKEY *pkey;

    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(pem.len > 0, MRL_ERR_MALFORMED);
    MRL_ENSURE(pem.len <= PEM_LARGEST, MRL_ERR_LIMIT);
    bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    MRL_ENSURE(bio != NULL, MRL_ERR_CRYPTO);
    pkey = PEM_read_bio_PrivateKey(bio, NULL, answer, &question);
    if (pkey == NULL)
        return question.asked ? MRL_ERR_AUTH : MRL_ERR_MALFORMED;
    return adopt_private(pkey, out);
}
