/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/enveloped.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include "base/random.h"
#include "crypto/der.h"
#include "crypto/key_internal.h"
#include "crypto/oid.h"
#include "crypto/openssl.h"

enum { BLOCK = 16, KEY_MAX = 32, WRAP_KEY = 32, WRAP_MORE = 8 };

static const struct cipher {
    mrl_bytes oid;
    const EVP_CIPHER *(*evp)(void);
    size_t key;
} ciphers[] = {
    {MRL_LIT_INIT(MRL_OID_AES256_CBC), EVP_aes_256_cbc, 32},
    {MRL_LIT_INIT(MRL_OID_AES128_CBC), EVP_aes_128_cbc, 16},
};

static bool names(mrl_bytes capabilities, mrl_bytes wanted)
{
    struct mrl_reader r = {capabilities, 0}, list, one;
    mrl_bytes oid;

    if (mrl_der_enter(&r, MRL_DER_SEQUENCE, &list) != MRL_OK)
        return false;
    while (mrl_reader_left(&list) > 0) {
        if (mrl_der_enter(&list, MRL_DER_SEQUENCE, &one) != MRL_OK ||
            mrl_der_read(&one, MRL_DER_OID, &oid) != MRL_OK)
            return false;
        if (mrl_bytes_eq(oid, wanted))
            return true;
    }
    return false;
}

/* NULL: the recipient knows none of ours. */
static const struct cipher *choose(const struct mrl_recipient *to)
{
    if (to->capabilities.len == 0)
        return &ciphers[0];
    for (size_t i = 0; i < MRL_COUNT(ciphers); i++)
        if (names(to->capabilities, ciphers[i].oid))
            return &ciphers[i];
    return NULL;
}

mrl_err mrl_enveloped_check(const struct mrl_recipient *to, struct mrl_why *why)
{
    if (mrl_key_type(to->key) == MRL_KEY_ED25519)
        return mrl_fail(why, MRL_ERR_UNSUPPORTED, "nothing can be encrypted to an Ed25519 key");
    if (choose(to) == NULL)
        return mrl_fail(why, MRL_ERR_UNSUPPORTED,
                        "SMIMECapabilities names neither AES-256-CBC nor AES-128-CBC");
    return MRL_OK;
}

/* ---- the content ---- */

struct content {
    const struct cipher *cipher;
    uint8_t key[KEY_MAX];
    uint8_t iv[BLOCK];
};

static mrl_bytes key_of(const struct content *c)
{
    return mrl_bytes_of(c->key, c->cipher->key);
}

static mrl_err encrypt(const struct content *c, mrl_bytes plain, struct mrl_buf *out)
{
    OWNED(EVP_CIPHER_CTX) ctx = EVP_CIPHER_CTX_new();
    uint8_t *to;
    int some = 0, rest = 0;

    MRL_ENSURE(plain.len < INT_MAX - BLOCK, MRL_ERR_LIMIT);
    MRL_TRY(mrl_buf_reserve(out, plain.len + BLOCK, &to));
    MRL_ENSURE(ctx != NULL && EVP_EncryptInit_ex(ctx, c->cipher->evp(), NULL, c->key, c->iv) == 1 &&
                   EVP_EncryptUpdate(ctx, to, &some, plain.data, (int)plain.len) == 1 &&
                   EVP_EncryptFinal_ex(ctx, to + some, &rest) == 1,
               MRL_ERR_CRYPTO);
    mrl_buf_added(out, (size_t)some + (size_t)rest);
    return MRL_OK;
}

/* RFC 5652 6.1: EncryptedContentInfo */
static void put_content(struct mrl_der *d, mrl_bytes type, const struct content *c,
                        mrl_bytes encrypted)
{
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_put(d, MRL_DER_OID, type);
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_put(d, MRL_DER_OID, c->cipher->oid);
    mrl_der_put(d, MRL_DER_OCTET_STRING, mrl_bytes_of(c->iv, sizeof(c->iv)));
    mrl_der_end(d);
    mrl_der_put(d, MRL_DER_CONTEXT(0), encrypted);
    mrl_der_end(d);
}

/* ---- RSA: KeyTransRecipientInfo, RFC 5652 6.2.1 ---- */

/* PKCS#1 v1.5 unless the recipient says that it knows better: it is what every client reads. */
static mrl_err transport(const struct mrl_recipient *to, bool oaep, mrl_bytes key,
                         struct mrl_buf *out)
{
    OWNED(EVP_PKEY_CTX) ctx = EVP_PKEY_CTX_new_from_pkey(NULL, mrl_key_native(to->key), NULL);
    size_t len = MRL_RSA_MOST_BITS / 8;
    uint8_t *space;

    MRL_TRY(mrl_buf_reserve(out, len, &space));
    MRL_ENSURE(ctx != NULL && EVP_PKEY_encrypt_init(ctx) == 1 &&
                   EVP_PKEY_CTX_set_rsa_padding(ctx, oaep ? RSA_PKCS1_OAEP_PADDING
                                                          : RSA_PKCS1_PADDING) == 1 &&
                   EVP_PKEY_encrypt(ctx, space, &len, key.data, key.len) == 1,
               MRL_ERR_CRYPTO);
    mrl_buf_added(out, len);
    return MRL_OK;
}

static mrl_err put_transport(struct mrl_der *d, const struct mrl_recipient *to,
                             const struct content *c)
{
    bool oaep = names(to->capabilities, MRL_LIT(MRL_OID_RSA_OAEP));
    MRL_SCOPED(mrl_buf) encrypted = {0};

    MRL_TRY(transport(to, oaep, key_of(c), &encrypted));
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_small(d, 2); /* by key identifier */
    mrl_der_put(d, MRL_DER_CONTEXT(0), to->id);
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_put(d, MRL_DER_OID, oaep ? MRL_LIT(MRL_OID_RSA_OAEP) : MRL_LIT(MRL_OID_RSA));
    if (oaep) /* the default parameters, RFC 8017 A.2.1 */
        mrl_der_put(d, MRL_DER_SEQUENCE, MRL_BYTES_NONE);
    else
        mrl_der_put(d, MRL_DER_NULL, MRL_BYTES_NONE);
    mrl_der_end(d);
    mrl_der_put(d, MRL_DER_OCTET_STRING, mrl_buf_bytes(&encrypted));
    mrl_der_end(d);
    return MRL_OK;
}

/* ---- elliptic curves: KeyAgreeRecipientInfo, RFC 5652 6.2.2, RFC 5753 ---- */

static void put_wrap_algorithm(struct mrl_der *d)
{
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_put(d, MRL_DER_OID, MRL_LIT(MRL_OID_AES256_WRAP));
    mrl_der_end(d);
}

/* RFC 5753 7.2: ECC-CMS-SharedInfo, without ukm */
static mrl_err shared_info(struct mrl_buf *out)
{
    struct mrl_der d = mrl_der_on(out);

    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    put_wrap_algorithm(&d);
    mrl_der_begin(&d, MRL_DER_CONTEXT_CONSTRUCTED(2));
    mrl_der_put(&d, MRL_DER_OCTET_STRING, MRL_LIT("\x00\x00\x01\x00")); /* bits of WRAP_KEY */
    mrl_der_end(&d);
    mrl_der_end(&d);
    return mrl_der_finish(&d);
}

static mrl_err agree(const struct mrl_key *own, const struct mrl_key *peer, struct mrl_secret **out)
{
    OWNED(EVP_PKEY_CTX) ctx = EVP_PKEY_CTX_new_from_pkey(NULL, mrl_key_native(own), NULL);
    MRL_AUTO(mrl_secret) z = NULL;
    size_t len = 0;

    MRL_ENSURE(ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
                   EVP_PKEY_derive_set_peer(ctx, mrl_key_native(peer)) == 1 &&
                   EVP_PKEY_derive(ctx, NULL, &len) == 1,
               MRL_ERR_CRYPTO);
    z = mrl_secret_new(len);
    MRL_ENSURE(EVP_PKEY_derive(ctx, mrl_secret_data(z), &len) == 1 &&
                   len == mrl_secret_bytes(z).len,
               MRL_ERR_CRYPTO);
    *out = MRL_TAKE(z);
    return MRL_OK;
}

/* ANSI X9.63 with SHA-256 */
static mrl_err derive(mrl_bytes z, mrl_bytes info, struct mrl_secret *to)
{
    OWNED(EVP_KDF) kdf = EVP_KDF_fetch(NULL, "X963KDF", NULL);
    OWNED(EVP_KDF_CTX) ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)z.data, z.len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info.data,
                                          info.len),
        OSSL_PARAM_construct_end(),
    };

    MRL_ENSURE(ctx != NULL &&
                   EVP_KDF_derive(ctx, mrl_secret_data(to), mrl_secret_bytes(to).len, params) == 1,
               MRL_ERR_CRYPTO);
    return MRL_OK;
}

/* RFC 3394 */
static mrl_err wrap(mrl_bytes with, mrl_bytes key, uint8_t out[static KEY_MAX + WRAP_MORE])
{
    OWNED(EVP_CIPHER_CTX) ctx = EVP_CIPHER_CTX_new();
    int len = 0;

    MRL_ENSURE(ctx != NULL, MRL_ERR_CRYPTO);
    EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    MRL_ENSURE(EVP_EncryptInit_ex(ctx, EVP_aes_256_wrap(), NULL, with.data, NULL) == 1 &&
                   EVP_EncryptUpdate(ctx, out, &len, key.data, (int)key.len) == 1 &&
                   (size_t)len == key.len + WRAP_MORE,
               MRL_ERR_CRYPTO);
    return MRL_OK;
}

static mrl_err wrap_for(const struct mrl_recipient *to, const struct mrl_key *own, mrl_bytes key,
                        uint8_t out[static KEY_MAX + WRAP_MORE])
{
    MRL_AUTO(mrl_secret) z = NULL;
    MRL_AUTO(mrl_secret) with = mrl_secret_new(WRAP_KEY);
    MRL_SCOPED(mrl_buf) info = {0};

    MRL_TRY(agree(own, to->key, &z));
    MRL_TRY(shared_info(&info));
    MRL_TRY(derive(mrl_secret_bytes(z), mrl_buf_bytes(&info), with));
    return wrap(mrl_secret_bytes(with), key, out);
}

/* RFC 5753 3.1.1: the originator's key as [1], which has the form of a SubjectPublicKeyInfo. */
static mrl_err put_originator(struct mrl_der *d, const struct mrl_key *own)
{
    MRL_SCOPED(mrl_buf) spki = {0};
    struct mrl_reader r;
    mrl_bytes content;

    MRL_TRY(mrl_key_to_spki(own, &spki));
    r = (struct mrl_reader){mrl_buf_bytes(&spki), 0};
    MRL_TRY(mrl_der_read(&r, MRL_DER_SEQUENCE, &content));
    mrl_der_begin(d, MRL_DER_CONTEXT_CONSTRUCTED(0));
    mrl_der_put(d, MRL_DER_CONTEXT_CONSTRUCTED(1), content);
    mrl_der_end(d);
    return MRL_OK;
}

static void put_encrypted_keys(struct mrl_der *d, mrl_bytes id, mrl_bytes wrapped)
{
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_begin(d, MRL_DER_CONTEXT_CONSTRUCTED(0)); /* RecipientKeyIdentifier */
    mrl_der_put(d, MRL_DER_OCTET_STRING, id);
    mrl_der_end(d);
    mrl_der_put(d, MRL_DER_OCTET_STRING, wrapped);
    mrl_der_end(d);
    mrl_der_end(d);
}

static mrl_err put_agreement(struct mrl_der *d, const struct mrl_recipient *to,
                             const struct content *c)
{
    MRL_AUTO(mrl_key) own = NULL;
    uint8_t wrapped[KEY_MAX + WRAP_MORE];

    MRL_TRY(mrl_key_generate(mrl_key_type(to->key), &own, NULL));
    MRL_TRY(wrap_for(to, own, key_of(c), wrapped));
    mrl_der_begin(d, MRL_DER_CONTEXT_CONSTRUCTED(1));
    mrl_der_small(d, 3);
    MRL_TRY(put_originator(d, own));
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_put(d, MRL_DER_OID, MRL_LIT(MRL_OID_ECDH_SHA256_KDF));
    put_wrap_algorithm(d);
    mrl_der_end(d);
    put_encrypted_keys(d, to->id, mrl_bytes_of(wrapped, c->cipher->key + WRAP_MORE));
    mrl_der_end(d);
    return MRL_OK;
}

/* ---- all of it ---- */

static mrl_err put_enveloped(struct mrl_der *d, mrl_bytes type, const struct content *c,
                             mrl_bytes encrypted, const struct mrl_recipient *to)
{
    mrl_der_begin(d, MRL_DER_SEQUENCE); /* ContentInfo, RFC 5652 3 */
    mrl_der_put(d, MRL_DER_OID, MRL_LIT(MRL_OID_CMS_ENVELOPED_DATA));
    mrl_der_begin(d, MRL_DER_CONTEXT_CONSTRUCTED(0));
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_small(d, 2); /* RFC 5652 6.1: a recipient that is not version 0 */
    mrl_der_begin(d, MRL_DER_SET);
    MRL_TRY(mrl_key_type(to->key) == MRL_KEY_RSA ? put_transport(d, to, c)
                                                 : put_agreement(d, to, c));
    mrl_der_end(d);
    put_content(d, type, c, encrypted);
    mrl_der_end(d);
    mrl_der_end(d);
    mrl_der_end(d);
    return mrl_der_finish(d);
}

static mrl_err write_with(struct content *c, mrl_bytes type, mrl_bytes content,
                          const struct mrl_recipient *to, struct mrl_buf *out)
{
    MRL_SCOPED(mrl_buf) encrypted = {0};
    MRL_SCOPED(mrl_buf) message = {0};
    struct mrl_der d = mrl_der_on(&message);

    mrl_random(c->key, c->cipher->key);
    mrl_random(c->iv, sizeof(c->iv));
    MRL_TRY(encrypt(c, content, &encrypted));
    MRL_TRY(put_enveloped(&d, type, c, mrl_buf_bytes(&encrypted), to));
    return mrl_buf_append(out, mrl_buf_bytes(&message));
}

mrl_err mrl_enveloped_write(mrl_bytes type, mrl_bytes content, const struct mrl_recipient *to,
                            struct mrl_buf *out, struct mrl_why *why)
{
    struct content c = {.cipher = choose(to)};
    mrl_err err;

    MRL_OPENSSL_SCOPE();
    MRL_TRY(mrl_enveloped_check(to, why));
    err = write_with(&c, type, content, to, out);
    mrl_wipe(c.key, sizeof(c.key));
    return err;
}
