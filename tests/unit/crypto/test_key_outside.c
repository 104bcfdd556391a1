/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/key_outside.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "tests/unit/crypto/fixtures.h"

/* A chip that is a key of OpenSSL. */
struct chip {
    struct mrl_key *key;
    unsigned signatures;
    unsigned ended;
    bool broken;
};

static mrl_err chip_sign(void *context, mrl_bytes digest, uint8_t r[static MRL_KEY_OUTSIDE_FIELD],
                         uint8_t s[static MRL_KEY_OUTSIDE_FIELD], size_t *len)
{
    struct chip *c = context;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(mrl_key_native(c->key), NULL);
    const uint8_t *at;
    uint8_t der[160];
    size_t size = sizeof(der);
    ECDSA_SIG *signature;

    if (c->broken) {
        EVP_PKEY_CTX_free(ctx);
        return MRL_ERR_IO;
    }
    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    assert_int_equal(EVP_PKEY_sign(ctx, der, &size, digest.data, digest.len), 1);
    EVP_PKEY_CTX_free(ctx);
    at = der;
    signature = d2i_ECDSA_SIG(NULL, &at, (long)size);
    *len = (mrl_key_bits(c->key) + 7) / 8;
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(signature), r, (int)*len), *len);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(signature), s, (int)*len), *len);
    ECDSA_SIG_free(signature);
    c->signatures++;
    return MRL_OK;
}

static void chip_done(void *context)
{
    ((struct chip *)context)->ended++;
}

static struct mrl_key *key_in(struct chip *c, enum mrl_key_type type)
{
    const struct mrl_key_signer signer = {chip_sign, chip_done, c, MRL_LIT_INIT("a chip\n")};
    MRL_SCOPED(mrl_buf) spki = {0};
    struct mrl_key *k = NULL;

    *c = (struct chip){.key = make_key(type)};
    assert_ok(mrl_key_to_spki(c->key, &spki));
    assert_ok(mrl_key_outside(mrl_buf_bytes(&spki), &signer, &k));
    return k;
}

static void signs(enum mrl_key_type type)
{
    MRL_SCOPED(mrl_buf) signature = {0};
    struct chip c;
    struct mrl_key *k = key_in(&c, type);

    assert_int_equal(mrl_key_type(k), type);
    assert_true(mrl_key_is_private(k));
    assert_true(mrl_key_public_eq(k, c.key));
    assert_ok(mrl_key_sign(k, MRL_LIT("data"), &signature));
    assert_int_equal(c.signatures, 1);
    assert_ok(
        mrl_key_verify(c.key, mrl_key_algorithm(k), MRL_LIT("data"), mrl_buf_bytes(&signature)));
    assert_int_equal(c.ended, 0);
    mrl_key_free(k);
    assert_int_equal(c.ended, 1);
    mrl_key_free(c.key);
}

static void the_chip_signs(void **state)
{
    (void)state;
    signs(MRL_KEY_P256);
    signs(MRL_KEY_P384);
}

static void a_request_is_written_with_it(void **state)
{
    const struct mrl_csr_request request = {.cn = MRL_LIT_INIT("d1")};
    struct chip c;
    MRL_AUTO(mrl_key) k = key_in(&c, MRL_KEY_P256);
    MRL_AUTO(mrl_key) key = NULL;
    MRL_AUTO(mrl_csr) csr = NULL;
    MRL_SCOPED(mrl_buf) der = {0};
    enum mrl_csr_reason reason;

    (void)state;
    assert_ok(mrl_csr_write(&request, k, &der));
    assert_ok(mrl_csr_from_der(mrl_buf_bytes(&der), &csr, &reason));
    assert_ok(mrl_csr_check(csr, &key, &reason));
    assert_true(mrl_key_public_eq(key, c.key));
    mrl_key_free(c.key);
}

static void a_chip_that_fails_is_an_error(void **state)
{
    MRL_SCOPED(mrl_buf) signature = {0};
    struct chip c;
    MRL_AUTO(mrl_key) k = key_in(&c, MRL_KEY_P256);

    (void)state;
    c.broken = true;
    assert_int_equal(mrl_key_sign(k, MRL_LIT("data"), &signature), MRL_ERR_CRYPTO);
    mrl_key_free(c.key);
}

static void its_pem_is_what_was_given(void **state)
{
    struct chip c;
    MRL_AUTO(mrl_key) k = key_in(&c, MRL_KEY_P256);
    MRL_AUTO(mrl_secret) pem = NULL;

    (void)state;
    assert_ok(mrl_key_to_pem(k, MRL_BYTES_NONE, &pem));
    assert_bytes_equal(mrl_secret_bytes(pem), MRL_LIT("a chip\n"));
    mrl_key_free(c.key);
}

static void other_keys_are_refused(void **state)
{
    MRL_AUTO(mrl_key) ed = make_key(MRL_KEY_ED25519);
    struct chip c = {0};
    const struct mrl_key_signer signer = {chip_sign, chip_done, &c, {0}};
    MRL_SCOPED(mrl_buf) spki = {0};
    struct mrl_key *k = NULL;

    (void)state;
    assert_ok(mrl_key_to_spki(ed, &spki));
    assert_int_equal(mrl_key_outside(mrl_buf_bytes(&spki), &signer, &k), MRL_ERR_UNSUPPORTED);
    assert_int_equal(mrl_key_outside(MRL_LIT("no key"), &signer, &k), MRL_ERR_MALFORMED);
    assert_int_equal(c.ended, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_chip_signs),
        cmocka_unit_test(a_request_is_written_with_it),
        cmocka_unit_test(a_chip_that_fails_is_an_error),
        cmocka_unit_test(its_pem_is_what_was_given),
        cmocka_unit_test(other_keys_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
