/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/key.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "tests/unit/crypto/fixtures.h"

static const enum mrl_key_type own_types[] = {MRL_KEY_P256, MRL_KEY_P384, MRL_KEY_ED25519};

static void what_a_key_signs_only_it_verifies(void **state)
{
    (void)state;
    for (size_t i = 0; i < MRL_COUNT(own_types); i++) {
        MRL_AUTO(mrl_key) k = make_key(own_types[i]);
        MRL_AUTO(mrl_key) other = make_key(own_types[i]);
        MRL_SCOPED(mrl_buf) signature = {0};
        MRL_SCOPED(mrl_buf) bad = {0};
        enum mrl_sign_alg alg = mrl_key_algorithm(k);

        assert_ok(mrl_key_sign(k, MRL_LIT("text"), &signature));
        assert_ok(mrl_key_verify(k, alg, MRL_LIT("text"), mrl_buf_bytes(&signature)));
        assert_int_equal(mrl_key_verify(other, alg, MRL_LIT("text"), mrl_buf_bytes(&signature)),
                         MRL_ERR_CRYPTO);
        assert_int_equal(mrl_key_verify(k, alg, MRL_LIT("texT"), mrl_buf_bytes(&signature)),
                         MRL_ERR_CRYPTO);
        assert_int_equal(mrl_key_verify(k, alg, MRL_LIT("text"), MRL_BYTES_NONE), MRL_ERR_CRYPTO);
        assert_int_equal(
            mrl_key_verify(k, MRL_SIGN_RSA_SHA256, MRL_LIT("text"), mrl_buf_bytes(&signature)),
            MRL_ERR_CRYPTO);
        flipped(mrl_buf_bytes(&signature), signature.len - 1, &bad);
        assert_int_equal(mrl_key_verify(k, alg, MRL_LIT("text"), mrl_buf_bytes(&bad)),
                         MRL_ERR_CRYPTO);
        assert_int_equal(ERR_peek_error(), 0);
    }
}

static void a_public_key_survives_spki_and_cannot_sign(void **state)
{
    static const unsigned bits[] = {256, 384, 256};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(own_types); i++) {
        MRL_AUTO(mrl_key) k = make_key(own_types[i]);
        MRL_AUTO(mrl_key) other = make_key(own_types[i]);
        MRL_AUTO(mrl_key) public = NULL;
        MRL_AUTO(mrl_secret) none = NULL;
        MRL_SCOPED(mrl_buf) spki = {0};
        MRL_SCOPED(mrl_buf) again = {0};

        assert_ok(mrl_key_to_spki(k, &spki));
        assert_ok(mrl_key_from_spki(mrl_buf_bytes(&spki), &public, NULL));
        assert_ok(mrl_key_to_spki(public, &again));
        assert_bytes_equal(mrl_buf_bytes(&spki), mrl_buf_bytes(&again));
        assert_true(mrl_key_public_eq(k, public));
        assert_false(mrl_key_public_eq(other, public));
        assert_true(mrl_key_is_private(k));
        assert_false(mrl_key_is_private(public));
        assert_int_equal(mrl_key_type(public), own_types[i]);
        assert_int_equal(mrl_key_bits(public), bits[i]);
        assert_int_equal(mrl_key_sign(public, MRL_LIT("x"), &again), MRL_ERR_STATE);
        assert_int_equal(mrl_key_to_pkcs8(public, &none), MRL_ERR_STATE);
        assert_int_equal(mrl_key_to_pem(public, MRL_BYTES_NONE, &none), MRL_ERR_STATE);
    }
}

static void a_private_key_survives_pkcs8(void **state)
{
    (void)state;
    for (size_t i = 0; i < MRL_COUNT(own_types); i++) {
        MRL_AUTO(mrl_key) k = make_key(own_types[i]);
        MRL_AUTO(mrl_key) again = NULL;
        MRL_AUTO(mrl_key) none = NULL;
        MRL_AUTO(mrl_secret) der = NULL;
        MRL_SCOPED(mrl_buf) longer = {0};
        MRL_SCOPED(mrl_buf) signature = {0};

        assert_ok(mrl_key_to_pkcs8(k, &der));
        assert_ok(mrl_key_from_pkcs8(mrl_secret_bytes(der), &again));
        assert_int_equal(mrl_key_type(again), own_types[i]);
        assert_ok(mrl_key_sign(again, MRL_LIT("x"), &signature));
        assert_ok(mrl_key_verify(k, mrl_key_algorithm(k), MRL_LIT("x"), mrl_buf_bytes(&signature)));
        assert_ok(mrl_buf_append(&longer, mrl_secret_bytes(der)));
        assert_int_equal(
            mrl_key_from_pkcs8(mrl_bytes_sub(mrl_buf_bytes(&longer), 0, longer.len - 1), &none),
            MRL_ERR_MALFORMED);
        assert_ok(mrl_buf_append(&longer, MRL_LIT("\0")));
        assert_int_equal(mrl_key_from_pkcs8(mrl_buf_bytes(&longer), &none), MRL_ERR_MALFORMED);
    }
}

static void a_private_key_with_a_foreign_public_half_is_refused(void **state)
{
    MRL_AUTO(mrl_key) a = make_key(MRL_KEY_P256);
    MRL_AUTO(mrl_key) b = make_key(MRL_KEY_P256);
    MRL_AUTO(mrl_key) none = NULL;
    MRL_AUTO(mrl_secret) a_der = NULL;
    MRL_AUTO(mrl_secret) b_der = NULL;

    (void)state;
    assert_ok(mrl_key_to_pkcs8(a, &a_der));
    assert_ok(mrl_key_to_pkcs8(b, &b_der));
    assert_int_equal(mrl_secret_bytes(a_der).len, 138); /* the point is the last 65 bytes */
    for (size_t i = 138 - 65; i < 138; i++)
        mrl_secret_data(a_der)[i] = mrl_secret_bytes(b_der).data[i];
    assert_int_equal(mrl_key_from_pkcs8(mrl_secret_bytes(a_der), &none), MRL_ERR_MALFORMED);
    assert_int_equal(ERR_peek_error(), 0);
}

static void an_encrypted_file_opens_with_its_passphrase_only(void **state)
{
    MRL_AUTO(mrl_key) k = make_key(MRL_KEY_P384);
    MRL_AUTO(mrl_key) again = NULL;
    MRL_AUTO(mrl_key) none = NULL;
    MRL_AUTO(mrl_secret) pem = NULL;

    (void)state;
    assert_ok(mrl_key_to_pem(k, MRL_LIT("correct horse"), &pem));
    assert_true(mrl_bytes_starts(mrl_secret_bytes(pem),
                                 MRL_LIT("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")));
    assert_int_equal(mrl_key_from_pem(mrl_secret_bytes(pem), MRL_LIT("correct horsE"), &none),
                     MRL_ERR_AUTH);
    assert_int_equal(mrl_key_from_pem(mrl_secret_bytes(pem), MRL_BYTES_NONE, &none), MRL_ERR_AUTH);
    assert_ok(mrl_key_from_pem(mrl_secret_bytes(pem), MRL_LIT("correct horse"), &again));
    assert_true(mrl_key_public_eq(k, again));
    assert_int_equal(ERR_peek_error(), 0);
}

static void a_plain_file_is_pkcs8_and_garbage_is_refused(void **state)
{
    MRL_AUTO(mrl_key) k = make_key(MRL_KEY_ED25519);
    MRL_AUTO(mrl_key) again = NULL;
    MRL_AUTO(mrl_key) none = NULL;
    MRL_AUTO(mrl_secret) pem = NULL;

    (void)state;
    assert_ok(mrl_key_to_pem(k, MRL_BYTES_NONE, &pem));
    assert_true(mrl_bytes_starts(mrl_secret_bytes(pem), MRL_LIT("-----BEGIN PRIVATE KEY-----\n")));
    assert_ok(mrl_key_from_pem(mrl_secret_bytes(pem), MRL_BYTES_NONE, &again));
    assert_true(mrl_key_public_eq(k, again));
    assert_int_equal(mrl_key_from_pem(MRL_BYTES_NONE, MRL_BYTES_NONE, &none), MRL_ERR_MALFORMED);
    assert_int_equal(mrl_key_from_pem(MRL_LIT("no key"), MRL_BYTES_NONE, &none), MRL_ERR_MALFORMED);
}

static void a_weak_private_key_in_a_file_is_refused(void **state)
{
    EVP_PKEY *weak = foreign_rsa(1024, 65537);
    BIO *bio = BIO_new(BIO_s_mem());
    MRL_AUTO(mrl_key) none = NULL;
    char *text;
    long len;

    (void)state;
    assert_int_equal(PEM_write_bio_PrivateKey(bio, weak, NULL, NULL, 0, NULL, NULL), 1);
    len = BIO_get_mem_data(bio, &text);
    assert_int_equal(mrl_key_from_pem(mrl_bytes_of(text, (size_t)len), MRL_BYTES_NONE, &none),
                     MRL_ERR_UNSUPPORTED);
    BIO_free(bio);
    EVP_PKEY_free(weak);
}

static void rsa_is_not_generated(void **state)
{
    MRL_AUTO(mrl_key) none = NULL;
    struct mrl_why why;

    (void)state;
    assert_int_equal(mrl_key_generate(MRL_KEY_RSA, &none, &why), MRL_ERR_UNSUPPORTED);
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_key_signs_only_it_verifies),
        cmocka_unit_test(a_public_key_survives_spki_and_cannot_sign),
        cmocka_unit_test(a_private_key_survives_pkcs8),
        cmocka_unit_test(a_private_key_with_a_foreign_public_half_is_refused),
        cmocka_unit_test(an_encrypted_file_opens_with_its_passphrase_only),
        cmocka_unit_test(a_plain_file_is_pkcs8_and_garbage_is_refused),
        cmocka_unit_test(a_weak_private_key_in_a_file_is_refused),
        cmocka_unit_test(rsa_is_not_generated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
