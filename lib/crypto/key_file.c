/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys in and out. Between OpenSSL and a mrl_secret the bytes lie only in buffers OpenSSL
 * clears when it frees them (PKCS8_PRIV_KEY_INFO, memory BIO). */
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <string.h>

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

mrl_err mrl_key_to_pkcs8(const struct mrl_key *k, struct mrl_secret **out)
{
    OWNED(PKCS8_PRIV_KEY_INFO) info = NULL;
    MRL_AUTO(mrl_secret) der = NULL;
    uint8_t *to;
    int len;

    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(mrl_key_is_here(k), MRL_ERR_STATE);
    info = EVP_PKEY2PKCS8(mrl_key_native(k));
    MRL_ENSURE(info != NULL, MRL_ERR_CRYPTO);
    len = i2d_PKCS8_PRIV_KEY_INFO(info, NULL);
    MRL_ENSURE(len > 0, MRL_ERR_CRYPTO);
    der = mrl_secret_new((size_t)len);
    to = mrl_secret_data(der);
    MRL_ENSURE(i2d_PKCS8_PRIV_KEY_INFO(info, &to) == len, MRL_ERR_CRYPTO);
    *out = MRL_TAKE(der);
    return MRL_OK;
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
    OWNED(PKCS8_PRIV_KEY_INFO) info = NULL;
    OWNED(BIO) bio = NULL;
    char *text;
    long len;

    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(mrl_key_is_here(k), MRL_ERR_STATE);
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
