/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/tpm2_credential.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <string.h>

#include "base/random.h"
#include "base/writer.h"
#include "crypto/openssl.h"

enum { FIELD_MAX = 48, POINT_MAX = 1 + 2 * FIELD_MAX, KDF_INPUT_MAX = 256 };

/* ---- key derivation ---- */

static void put_label(struct mrl_writer *w, const char *label)
{
    mrl_put_bytes(w, mrl_bytes_of(label, strlen(label) + 1)); /* the NUL belongs to it */
}

static mrl_err hmac(uint16_t hash, mrl_bytes key, mrl_bytes data, uint8_t *out)
{
    const char *name = mrl_tpm2_digest_name(hash);

    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(name != NULL, MRL_ERR_UNSUPPORTED);
    MRL_ENSURE(HMAC(EVP_get_digestbyname(name), key.data, (int)key.len, data.data, data.len, out,
                    NULL) != NULL,
               MRL_ERR_CRYPTO);
    return MRL_OK;
}

static mrl_err kdfa_block(uint16_t hash, mrl_bytes key, const char *label, mrl_bytes context,
                          uint32_t counter, size_t len, uint8_t *out)
{
    uint8_t memory[KDF_INPUT_MAX];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    mrl_bytes input;

    mrl_put_u32(&w, counter);
    put_label(&w, label);
    mrl_put_bytes(&w, context);
    mrl_put_u32(&w, (uint32_t)len * 8);
    MRL_TRY(mrl_writer_end(&w, &input));
    return hmac(hash, key, input, out);
}

mrl_err mrl_tpm2_kdfa(uint16_t hash, mrl_bytes key, const char *label, mrl_bytes context,
                      size_t len, uint8_t *out)
{
    const size_t size = mrl_tpm2_digest_size(hash);
    uint8_t block[MRL_TPM2_DIGEST_MAX];
    mrl_err err = MRL_OK;
    uint32_t counter = 1;

    MRL_ENSURE(size > 0, MRL_ERR_UNSUPPORTED);
    MRL_ENSURE(len <= MRL_TPM2_DIGEST_MAX, MRL_ERR_INVALID);
    for (size_t done = 0; done < len && err == MRL_OK; done += size) {
        err = kdfa_block(hash, key, label, context, counter++, len, block);
        if (err == MRL_OK)
            memcpy(&out[done], block, len - done < size ? len - done : size);
    }
    mrl_wipe(block, sizeof(block));
    return err;
}

mrl_err mrl_tpm2_kdfe(uint16_t hash, mrl_bytes z, const char *label, mrl_bytes party_u,
                      mrl_bytes party_v, size_t len, uint8_t *out)
{
    const size_t size = mrl_tpm2_digest_size(hash);
    uint8_t memory[KDF_INPUT_MAX], digest[MRL_TPM2_DIGEST_MAX];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    bool good;

    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(size > 0, MRL_ERR_UNSUPPORTED);
    MRL_ENSURE(len <= size, MRL_ERR_INVALID);
    mrl_put_u32(&w, 1);
    mrl_put_bytes(&w, z);
    put_label(&w, label);
    mrl_put_bytes(&w, party_u);
    mrl_put_bytes(&w, party_v);
    good = !w.overflow && EVP_Digest(memory, w.len, digest, NULL,
                                     EVP_get_digestbyname(mrl_tpm2_digest_name(hash)), NULL) == 1;
    if (good)
        memcpy(out, digest, len);
    mrl_wipe(memory, sizeof(memory));
    mrl_wipe(digest, sizeof(digest));
    return good ? MRL_OK : MRL_ERR_CRYPTO;
}

/* ---- the seed for an RSA key: OAEP. Part 1, B.10.3 ---- */

static const char seed_label[] = "IDENTITY"; /* its NUL is part of the label */

static bool set_oaep(EVP_PKEY_CTX *ctx, const char *digest)
{
    void *label = OPENSSL_memdup(seed_label, sizeof(seed_label));
    const EVP_MD *md = EVP_get_digestbyname(digest);

    if (label == NULL || EVP_PKEY_encrypt_init(ctx) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) != 1 ||
        EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) != 1 || EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) != 1 ||
        EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, label, sizeof(seed_label)) != 1) {
        OPENSSL_free(label);
        return false;
    }
    return true;
}

static mrl_err rsa_seed(const struct mrl_tpm2_public *ek, const struct mrl_key *key, uint8_t *seed,
                        struct mrl_writer *out)
{
    const size_t size = mrl_tpm2_digest_size(ek->name_alg);
    uint8_t cipher[MRL_RSA_MOST_BITS / 8];
    OWNED(EVP_PKEY_CTX) ctx = NULL;
    size_t len = sizeof(cipher);

    MRL_OPENSSL_SCOPE();
    mrl_random(seed, size);
    ctx = EVP_PKEY_CTX_new(mrl_key_native(key), NULL);
    MRL_ENSURE(ctx != NULL && set_oaep(ctx, mrl_tpm2_digest_name(ek->name_alg)) &&
                   EVP_PKEY_encrypt(ctx, cipher, &len, seed, size) == 1,
               MRL_ERR_CRYPTO);
    mrl_put_blob16(out, mrl_bytes_of(cipher, len));
    return MRL_OK;
}

/* ---- the seed for an ECC key: one-pass ECDH. Part 1, C.6.4 ---- */

static mrl_err agree(const struct mrl_key *ours, const struct mrl_key *theirs, uint8_t *z,
                     size_t *len)
{
    OWNED(EVP_PKEY_CTX) ctx = EVP_PKEY_CTX_new(mrl_key_native(ours), NULL);

    MRL_ENSURE(ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
                   EVP_PKEY_derive_set_peer(ctx, mrl_key_native(theirs)) == 1 &&
                   EVP_PKEY_derive(ctx, z, len) == 1,
               MRL_ERR_CRYPTO);
    return MRL_OK;
}

static mrl_err point_of(const struct mrl_key *key, uint8_t to[static POINT_MAX], size_t *field)
{
    size_t len = 0;

    MRL_ENSURE(EVP_PKEY_get_octet_string_param(mrl_key_native(key), OSSL_PKEY_PARAM_PUB_KEY, to,
                                               POINT_MAX, &len) == 1 &&
                   len % 2 == 1,
               MRL_ERR_CRYPTO);
    *field = len / 2;
    return MRL_OK;
}

static mrl_err ecc_seed(const struct mrl_tpm2_public *ek, const struct mrl_key *key, uint8_t *seed,
                        struct mrl_writer *out)
{
    uint8_t ours[POINT_MAX], theirs[POINT_MAX], z[FIELD_MAX];
    MRL_AUTO(mrl_key) ephemeral = NULL;
    size_t field = 0, len = sizeof(z);
    mrl_err err;

    MRL_OPENSSL_SCOPE();
    MRL_TRY(mrl_key_generate(mrl_key_type(key), &ephemeral, NULL));
    MRL_TRY(point_of(key, theirs, &field));
    MRL_TRY(point_of(ephemeral, ours, &field));
    err = agree(ephemeral, key, z, &len);
    if (err == MRL_OK)
        err = mrl_tpm2_kdfe(ek->name_alg, mrl_bytes_of(z, len), seed_label,
                            mrl_bytes_of(&ours[1], field), mrl_bytes_of(&theirs[1], field),
                            mrl_tpm2_digest_size(ek->name_alg), seed);
    mrl_wipe(z, sizeof(z));
    MRL_TRY(err);
    mrl_put_u16(out, (uint16_t)(2 * (2 + field))); /* TPMS_ECC_POINT */
    mrl_put_blob16(out, mrl_bytes_of(&ours[1], field));
    mrl_put_blob16(out, mrl_bytes_of(&ours[1 + field], field));
    return MRL_OK;
}

/* ---- the secret under the seed. Part 1, 24.4 and 24.5 ---- */

static mrl_err encrypt(const struct mrl_tpm2_public *ek, mrl_bytes seed,
                       const struct mrl_tpm2_name *ak, uint8_t *data, size_t len)
{
    static const uint8_t zero_iv[16];
    uint8_t key[MRL_TPM2_DIGEST_MAX];
    const char *cipher = ek->symmetric_bits == 128   ? "AES-128-CFB"
                         : ek->symmetric_bits == 192 ? "AES-192-CFB"
                                                     : "AES-256-CFB";
    OWNED(EVP_CIPHER_CTX) ctx = EVP_CIPHER_CTX_new();
    mrl_err err = mrl_tpm2_kdfa(ek->name_alg, seed, "STORAGE", mrl_tpm2_name_bytes(ak),
                                ek->symmetric_bits / 8, key);
    int n;

    if (err == MRL_OK && (ctx == NULL ||
                          EVP_EncryptInit_ex2(ctx, EVP_get_cipherbyname(cipher), key, zero_iv,
                                              /*params=*/NULL) != 1 ||
                          EVP_EncryptUpdate(ctx, data, &n, data, (int)len) != 1))
        err = MRL_ERR_CRYPTO;
    mrl_wipe(key, sizeof(key));
    return err;
}

static mrl_err authenticate(const struct mrl_tpm2_public *ek, mrl_bytes seed, mrl_bytes identity,
                            const struct mrl_tpm2_name *ak, uint8_t *out)
{
    uint8_t key[MRL_TPM2_DIGEST_MAX], covered[2 + MRL_TPM2_DIGEST_MAX + MRL_TPM2_NAME_MAX];
    const size_t size = mrl_tpm2_digest_size(ek->name_alg);
    struct mrl_writer w = mrl_writer_on(covered, sizeof(covered));
    mrl_err err;

    mrl_put_bytes(&w, identity);
    mrl_put_bytes(&w, mrl_tpm2_name_bytes(ak));
    err = mrl_tpm2_kdfa(ek->name_alg, seed, "INTEGRITY", MRL_BYTES_NONE, size, key);
    if (err == MRL_OK)
        err = hmac(ek->name_alg, mrl_bytes_of(key, size), mrl_bytes_of(covered, w.len), out);
    mrl_wipe(key, sizeof(key));
    return err;
}

static mrl_err wrap(const struct mrl_tpm2_public *ek, mrl_bytes seed,
                    const struct mrl_tpm2_name *ak, mrl_bytes secret, struct mrl_writer *out)
{
    uint8_t identity[2 + MRL_TPM2_DIGEST_MAX], mac[MRL_TPM2_DIGEST_MAX];
    const size_t size = mrl_tpm2_digest_size(ek->name_alg);
    struct mrl_writer w = mrl_writer_on(identity, sizeof(identity));

    MRL_OPENSSL_SCOPE();
    mrl_put_blob16(&w, secret);
    MRL_TRY(encrypt(ek, seed, ak, identity, w.len));
    MRL_TRY(authenticate(ek, seed, mrl_bytes_of(identity, w.len), ak, mac));
    mrl_put_u16(out, (uint16_t)(2 + size + w.len));
    mrl_put_blob16(out, mrl_bytes_of(mac, size));
    mrl_put_bytes(out, mrl_bytes_of(identity, w.len));
    return MRL_OK;
}

static mrl_err check(const struct mrl_tpm2_public *ek, mrl_bytes secret, struct mrl_why *why)
{
    if (mrl_tpm2_digest_size(ek->name_alg) == 0 || ek->symmetric != MRL_TPM2_AES ||
        ek->symmetric_mode != MRL_TPM2_CFB)
        return mrl_fail(why, MRL_ERR_UNSUPPORTED,
                        "the endorsement key is no storage key with AES in CFB mode and a Name by "
                        "SHA-256, SHA-384 or SHA-512");
    MRL_ENSURE(secret.len > 0 && secret.len <= mrl_tpm2_digest_size(ek->name_alg), MRL_ERR_INVALID);
    return MRL_OK;
}

mrl_err mrl_tpm2_credential_make(const struct mrl_tpm2_public *ek, const struct mrl_tpm2_name *ak,
                                 mrl_bytes secret, struct mrl_tpm2_credential *out,
                                 struct mrl_why *why)
{
    struct mrl_writer first = mrl_writer_on(out->id_object, sizeof(out->id_object)),
                      second = mrl_writer_on(out->secret, sizeof(out->secret));
    uint8_t seed[MRL_TPM2_DIGEST_MAX];
    MRL_AUTO(mrl_key) key = NULL;
    mrl_err err;

    MRL_TRY(check(ek, secret, why));
    MRL_TRY(mrl_tpm2_public_key(ek, &key, why));
    err = ek->type == MRL_TPM2_RSA ? rsa_seed(ek, key, seed, &second)
                                   : ecc_seed(ek, key, seed, &second);
    if (err == MRL_OK)
        err = wrap(ek, mrl_bytes_of(seed, mrl_tpm2_digest_size(ek->name_alg)), ak, secret, &first);
    mrl_wipe(seed, sizeof(seed));
    MRL_TRY(err);
    MRL_ENSURE(!first.overflow && !second.overflow, MRL_ERR_CRYPTO);
    out->id_object_len = first.len;
    out->secret_len = second.len;
    return MRL_OK;
}
