/* SPDX-License-Identifier: Apache-2.0 */
/* A TPM's half of it, written once more here from part 1, 24 over software keys: it opens what
 * tpm2_makecredential made, and then what we make. */
#include "crypto/tpm2_credential.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <string.h>

#include "base/reader.h"
#include "tests/unit/crypto/tpm2_vectors.h"
#include "tests/unit/unit.h"

#define VECTOR(v) mrl_bytes_of(v, sizeof(v))

struct opened {
    bool good;
    size_t len;
    uint8_t secret[64];
};

static void rsa_seed(EVP_PKEY *key, const EVP_MD *md, mrl_bytes cipher, uint8_t *seed, size_t *len)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    uint8_t plain[512];
    size_t got = sizeof(plain);

    assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md), 1);
    assert_int_equal(EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, OPENSSL_memdup("IDENTITY", 9), 9), 1);
    assert_int_equal(EVP_PKEY_decrypt(ctx, plain, &got, cipher.data, cipher.len), 1);
    EVP_PKEY_CTX_free(ctx);
    assert_true(got <= 64);
    memcpy(seed, plain, got);
    *len = got;
}

static void ecc_seed(EVP_PKEY *key, const struct mrl_tpm2_public *ek, mrl_bytes point,
                     uint8_t *seed, size_t *len)
{
    EVP_PKEY *peer = EVP_PKEY_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    struct mrl_reader r = {point, 0};
    uint8_t plain[97] = {4}, z[48];
    size_t zlen = sizeof(z);
    mrl_bytes x, y;

    assert_ok(mrl_read_blob16(&r, &x));
    assert_ok(mrl_read_blob16(&r, &y));
    assert_ok(mrl_reader_end(&r));
    memcpy(&plain[1], x.data, x.len);
    memcpy(&plain[1 + x.len], y.data, y.len);
    assert_int_equal(EVP_PKEY_copy_parameters(peer, key), 1);
    assert_int_equal(EVP_PKEY_set1_encoded_public_key(peer, plain, 1 + x.len + y.len), 1);
    assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
    assert_int_equal(EVP_PKEY_derive_set_peer(ctx, peer), 1);
    assert_int_equal(EVP_PKEY_derive(ctx, z, &zlen), 1);
    *len = mrl_tpm2_digest_size(ek->name_alg);
    assert_ok(mrl_tpm2_kdfe(ek->name_alg, mrl_bytes_of(z, zlen), "IDENTITY", x, ek->x, *len, seed));
    EVP_PKEY_free(peer);
    EVP_PKEY_CTX_free(ctx);
}

static bool mac_holds(const struct mrl_tpm2_public *ek, mrl_bytes seed, mrl_bytes identity,
                      mrl_bytes name, mrl_bytes mac)
{
    const size_t size = mrl_tpm2_digest_size(ek->name_alg);
    uint8_t key[64], covered[256], expected[64];

    assert_ok(mrl_tpm2_kdfa(ek->name_alg, seed, "INTEGRITY", MRL_BYTES_NONE, size, key));
    memcpy(covered, identity.data, identity.len);
    memcpy(&covered[identity.len], name.data, name.len);
    assert_non_null(HMAC(EVP_get_digestbyname(mrl_tpm2_digest_name(ek->name_alg)), key, (int)size,
                         covered, identity.len + name.len, expected, NULL));
    return mrl_bytes_eq(mac, mrl_bytes_of(expected, size));
}

static struct opened activate(EVP_PKEY *key, mrl_bytes area, mrl_bytes name, mrl_bytes id_object,
                              mrl_bytes encrypted)
{
    struct mrl_reader outer = {id_object, 0}, in, secret = {encrypted, 0}, plain;
    uint8_t seed[64], sym[32], iv[16] = {0}, clear[128];
    struct opened opened = {0};
    struct mrl_tpm2_public ek;
    mrl_bytes body, mac, identity, cipher, got;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    size_t seed_len;
    int n;

    assert_ok(mrl_tpm2_public_read(area, &ek));
    assert_ok(mrl_read_blob16(&outer, &body));
    assert_ok(mrl_reader_end(&outer));
    in = (struct mrl_reader){body, 0};
    assert_ok(mrl_read_blob16(&in, &mac));
    identity = mrl_read_rest(&in);
    assert_ok(mrl_read_blob16(&secret, &cipher));
    assert_ok(mrl_reader_end(&secret));
    if (ek.type == MRL_TPM2_RSA)
        rsa_seed(key, EVP_sha256(), cipher, seed, &seed_len);
    else
        ecc_seed(key, &ek, cipher, seed, &seed_len);
    opened.good = mac_holds(&ek, mrl_bytes_of(seed, seed_len), identity, name, mac);
    assert_ok(mrl_tpm2_kdfa(ek.name_alg, mrl_bytes_of(seed, seed_len), "STORAGE", name,
                            ek.symmetric_bits / 8, sym));
    assert_int_equal(
        EVP_DecryptInit_ex(ctx,
                           ek.symmetric_bits == 128 ? EVP_aes_128_cfb128() : EVP_aes_256_cfb128(),
                           NULL, sym, iv),
        1);
    assert_int_equal(EVP_DecryptUpdate(ctx, clear, &n, identity.data, (int)identity.len), 1);
    EVP_CIPHER_CTX_free(ctx);
    plain = (struct mrl_reader){mrl_bytes_of(clear, identity.len), 0};
    if (mrl_read_blob16(&plain, &got) == MRL_OK && got.len <= sizeof(opened.secret)) {
        opened.len = got.len;
        memcpy(opened.secret, got.data, got.len);
    }
    return opened;
}

static const struct sample {
    mrl_bytes pkcs8, area, id_object, secret;
    size_t secret_len;
} samples[] = {
    {{rsa_pkcs8, sizeof(rsa_pkcs8)},
     {rsa_public, sizeof(rsa_public)},
     {rsa_id_object, sizeof(rsa_id_object)},
     {rsa_secret, sizeof(rsa_secret)},
     32},
    {{p256_pkcs8, sizeof(p256_pkcs8)},
     {p256_public, sizeof(p256_public)},
     {p256_id_object, sizeof(p256_id_object)},
     {p256_secret, sizeof(p256_secret)},
     32},
    {{p384_pkcs8, sizeof(p384_pkcs8)},
     {p384_public, sizeof(p384_public)},
     {p384_id_object, sizeof(p384_id_object)},
     {p384_secret, sizeof(p384_secret)},
     48},
};

static void is_the_secret(const struct opened *o, size_t len)
{
    assert_true(o->good);
    assert_int_equal(o->len, len);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(o->secret[i], i + 1);
}

static void what_tpm2_tools_made_is_opened(void **state)
{
    (void)state;
    for (size_t i = 0; i < MRL_COUNT(samples); i++) {
        const struct sample *s = &samples[i];
        MRL_AUTO(mrl_key) key = NULL;
        struct opened o;

        assert_ok(mrl_key_from_pkcs8(s->pkcs8, &key));
        o = activate(mrl_key_native(key), s->area, VECTOR(ak_name), s->id_object, s->secret);
        is_the_secret(&o, s->secret_len);
    }
}

static struct opened round_trip(const struct sample *s, mrl_bytes name_at_the_tpm)
{
    struct mrl_tpm2_credential made;
    MRL_AUTO(mrl_key) key = NULL;
    struct mrl_tpm2_public ek, ak;
    struct mrl_tpm2_name name;
    uint8_t secret[64];

    for (size_t i = 0; i < sizeof(secret); i++)
        secret[i] = (uint8_t)(i + 1);
    assert_ok(mrl_key_from_pkcs8(s->pkcs8, &key));
    assert_ok(mrl_tpm2_public_read(s->area, &ek));
    assert_ok(mrl_tpm2_public_read(VECTOR(ak_pub), &ak));
    assert_ok(mrl_tpm2_name_of(&ak, &name));
    assert_ok(
        mrl_tpm2_credential_make(&ek, &name, mrl_bytes_of(secret, s->secret_len), &made, NULL));
    assert_int_equal(made.id_object_len, s->id_object.len);
    assert_int_equal(made.secret_len, s->secret.len);
    return activate(mrl_key_native(key), s->area, name_at_the_tpm,
                    mrl_bytes_of(made.id_object, made.id_object_len),
                    mrl_bytes_of(made.secret, made.secret_len));
}

static void what_we_make_is_opened(void **state)
{
    (void)state;
    for (size_t i = 0; i < MRL_COUNT(samples); i++) {
        struct opened o = round_trip(&samples[i], VECTOR(ak_name));

        is_the_secret(&o, samples[i].secret_len);
    }
}

static void it_is_for_this_attestation_key_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < MRL_COUNT(samples); i++)
        assert_false(round_trip(&samples[i], VECTOR(akr_name)).good);
}

static void an_attestation_key_is_no_endorsement_key(void **state)
{
    struct mrl_tpm2_credential made;
    struct mrl_tpm2_name name;
    struct mrl_tpm2_public ak;

    (void)state;
    assert_ok(mrl_tpm2_public_read(VECTOR(ak_pub), &ak));
    assert_ok(mrl_tpm2_name_of(&ak, &name));
    assert_int_equal(mrl_tpm2_credential_make(&ak, &name, MRL_LIT("s"), &made, NULL),
                     MRL_ERR_UNSUPPORTED);
}

static void a_secret_longer_than_a_digest_is_refused(void **state)
{
    struct mrl_tpm2_credential made;
    struct mrl_tpm2_name name;
    struct mrl_tpm2_public ek;
    uint8_t secret[33] = {0};

    (void)state;
    assert_ok(mrl_tpm2_public_read(VECTOR(rsa_public), &ek));
    assert_ok(mrl_tpm2_name_of(&ek, &name));
    assert_ok(mrl_tpm2_credential_make(&ek, &name, mrl_bytes_of(secret, 32), &made, NULL));
    assert_int_equal(mrl_tpm2_credential_make(&ek, &name, VECTOR(secret), &made, NULL),
                     MRL_ERR_INVALID);
    assert_int_equal(mrl_tpm2_credential_make(&ek, &name, MRL_BYTES_NONE, &made, NULL),
                     MRL_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_tpm2_tools_made_is_opened),
        cmocka_unit_test(what_we_make_is_opened),
        cmocka_unit_test(it_is_for_this_attestation_key_only),
        cmocka_unit_test(an_attestation_key_is_no_endorsement_key),
        cmocka_unit_test(a_secret_longer_than_a_digest_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
