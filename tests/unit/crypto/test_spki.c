/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "tests/unit/crypto/fixtures.h"

/* Takes pkey. */
static void spki_of(EVP_PKEY *pkey, struct mrl_buf *out)
{
    int len = i2d_PUBKEY(pkey, NULL);
    uint8_t *to;

    assert_ok(mrl_buf_reserve(out, (size_t)len, &to));
    assert_int_equal(i2d_PUBKEY(pkey, &to), len);
    mrl_buf_added(out, (size_t)len);
    EVP_PKEY_free(pkey);
}

static mrl_err judge(EVP_PKEY *pkey)
{
    MRL_SCOPED(mrl_buf) spki = {0};
    MRL_AUTO(mrl_key) k = NULL;
    mrl_err err;

    spki_of(pkey, &spki);
    err = mrl_key_from_spki(mrl_buf_bytes(&spki), &k, NULL);
    assert_true((err == MRL_OK) == (k != NULL));
    return err;
}

static void weak_keys_are_refused(void **state)
{
    (void)state;
    assert_int_equal(judge(EVP_EC_gen("P-192")), MRL_ERR_UNSUPPORTED);
    assert_int_equal(judge(EVP_EC_gen("secp256k1")), MRL_ERR_UNSUPPORTED);
    assert_int_equal(judge(EVP_EC_gen("P-521")), MRL_ERR_UNSUPPORTED);
    assert_int_equal(judge(foreign_rsa(1024, 65537)), MRL_ERR_UNSUPPORTED);
    assert_int_equal(judge(foreign_rsa(2047, 65537)), MRL_ERR_UNSUPPORTED);
    assert_int_equal(judge(foreign_rsa(2048, 3)), MRL_ERR_UNSUPPORTED);
    assert_int_equal(judge(EVP_PKEY_Q_keygen(NULL, NULL, "X25519")), MRL_ERR_UNSUPPORTED);
    assert_int_equal(ERR_peek_error(), 0);
}

static void good_keys_are_accepted(void **state)
{
    (void)state;
    assert_ok(judge(EVP_EC_gen("P-256")));
    assert_ok(judge(EVP_EC_gen("P-384")));
    assert_ok(judge(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")));
    assert_ok(judge(foreign_rsa(2048, 65537)));
}

/* An RSA SPKI of bits with the given exponent; the modulus is only as good as the reader looks. */
static mrl_err judge_rsa_numbers(size_t bits, uint8_t last, mrl_bytes exponent)
{
    uint8_t n[1024] = {0};
    size_t len = (bits + 7) / 8;
    MRL_SCOPED(mrl_buf) spki = {0};
    MRL_AUTO(mrl_key) k = NULL;
    struct mrl_der d = mrl_der_on(&spki);

    n[0] = (uint8_t)(1U << ((bits - 1) % 8));
    n[len - 1] |= last;
    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_raw(&d, MRL_LIT("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"));
    mrl_der_begin(&d, MRL_DER_BIT_STRING);
    mrl_der_raw(&d, MRL_LIT("\0"));
    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_unsigned(&d, mrl_bytes_of(n, len));
    mrl_der_unsigned(&d, exponent);
    mrl_der_end(&d);
    mrl_der_end(&d);
    mrl_der_end(&d);
    assert_ok(mrl_der_finish(&d));
    return mrl_key_from_spki(mrl_buf_bytes(&spki), &k, NULL);
}

static void rsa_is_accepted_at_its_limits_only(void **state)
{
    const mrl_bytes f4 = MRL_LIT("\x01\x00\x01");

    (void)state;
    assert_ok(judge_rsa_numbers(2048, 1, f4));
    assert_ok(judge_rsa_numbers(4096, 1, f4));
    assert_ok(judge_rsa_numbers(2048, 1, MRL_LIT("\xff\xff\xff\xff")));
    assert_int_equal(judge_rsa_numbers(2047, 1, f4), MRL_ERR_UNSUPPORTED);
    assert_int_equal(judge_rsa_numbers(4097, 1, f4), MRL_ERR_UNSUPPORTED);
    assert_int_equal(judge_rsa_numbers(2048, 0, f4), MRL_ERR_MALFORMED); /* even modulus */
    assert_int_equal(judge_rsa_numbers(2048, 1, MRL_LIT("\x01\x00\x00")), MRL_ERR_UNSUPPORTED);
    assert_int_equal(judge_rsa_numbers(2048, 1, MRL_LIT("\xff\xff")), MRL_ERR_UNSUPPORTED);
    assert_int_equal(judge_rsa_numbers(2048, 1, MRL_LIT("\x01\x00\x00\x00\x01")),
                     MRL_ERR_UNSUPPORTED);
    assert_int_equal(judge_rsa_numbers(2048, 1, MRL_BYTES_NONE), MRL_ERR_UNSUPPORTED);
}

static mrl_err judge_point(mrl_bytes point, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) spki = {0};
    MRL_AUTO(mrl_key) k = NULL;
    struct mrl_der d = mrl_der_on(&spki);

    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_raw(&d, MRL_LIT("\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce"
                            "\x3d\x03\x01\x07"));
    mrl_der_bits(&d, point);
    mrl_der_end(&d);
    assert_ok(mrl_der_finish(&d));
    return mrl_key_from_spki(mrl_buf_bytes(&spki), &k, why);
}

static void points_off_the_curve_at_infinity_or_compressed_are_refused(void **state)
{
    MRL_AUTO(mrl_key) k = make_key(MRL_KEY_P256);
    MRL_SCOPED(mrl_buf) spki = {0};
    MRL_SCOPED(mrl_buf) point = {0};
    struct mrl_why why;

    (void)state;
    assert_ok(mrl_key_to_spki(k, &spki));
    assert_ok(mrl_buf_append(&point, mrl_bytes_sub(mrl_buf_bytes(&spki), spki.len - 65, 65)));
    assert_ok(judge_point(mrl_buf_bytes(&point), &why));
    assert_int_equal(judge_point(MRL_LIT("\0"), &why), MRL_ERR_MALFORMED);
    assert_int_equal(judge_point(MRL_BYTES_NONE, &why), MRL_ERR_MALFORMED);
    point.data[64] ^= 1;
    assert_int_equal(judge_point(mrl_buf_bytes(&point), &why), MRL_ERR_MALFORMED);
    assert_string_equal(why.text, "the public point is not on the curve");
    point.data[64] ^= 1;
    point.data[0] = 2;
    assert_int_equal(judge_point(mrl_bytes_sub(mrl_buf_bytes(&point), 0, 33), &why),
                     MRL_ERR_UNSUPPORTED);
    point.data[0] = 6; /* the hybrid form */
    assert_int_equal(judge_point(mrl_buf_bytes(&point), &why), MRL_ERR_MALFORMED);
    assert_int_equal(ERR_peek_error(), 0);
}

static void explicit_curve_parameters_are_refused(void **state)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256");

    (void)state;
    assert_int_equal(EVP_PKEY_set_utf8_string_param(pkey, "encoding", "explicit"), 1);
    assert_int_equal(judge(pkey), MRL_ERR_UNSUPPORTED);
}

static void trailing_bytes_truncation_and_size_are_refused(void **state)
{
    MRL_AUTO(mrl_key) k = make_key(MRL_KEY_ED25519);
    MRL_AUTO(mrl_key) none = NULL;
    MRL_SCOPED(mrl_buf) spki = {0};
    static uint8_t large[MRL_KEY_SPKI_MAX + 1];

    (void)state;
    assert_ok(mrl_key_to_spki(k, &spki));
    for (size_t len = 0; len < spki.len; len++)
        assert_int_equal(mrl_key_from_spki(mrl_bytes_of(spki.data, len), &none, NULL),
                         MRL_ERR_MALFORMED);
    assert_ok(mrl_buf_append(&spki, MRL_LIT("\0")));
    assert_int_equal(mrl_key_from_spki(mrl_buf_bytes(&spki), &none, NULL), MRL_ERR_MALFORMED);
    assert_int_equal(mrl_key_from_spki(mrl_bytes_of(large, MRL_KEY_SPKI_MAX), &none, NULL),
                     MRL_ERR_MALFORMED);
    assert_int_equal(mrl_key_from_spki(mrl_bytes_of(large, sizeof(large)), &none, NULL),
                     MRL_ERR_LIMIT);
}

static void the_modulus_of_an_rsa_key_is_a_view_of_it(void **state)
{
    MRL_AUTO(mrl_key) k = make_key(MRL_KEY_P256);
    MRL_SCOPED(mrl_buf) spki = {0};
    MRL_SCOPED(mrl_buf) other = {0};
    mrl_bytes modulus;

    (void)state;
    spki_of(foreign_rsa(2048, 65537), &spki);
    assert_ok(mrl_spki_modulus(mrl_buf_bytes(&spki), &modulus));
    assert_int_equal(modulus.len, 256);
    assert_int_not_equal(modulus.data[0], 0);
    assert_true(modulus.data > spki.data && modulus.data + modulus.len < spki.data + spki.len);
    assert_ok(mrl_key_to_spki(k, &other));
    assert_int_equal(mrl_spki_modulus(mrl_buf_bytes(&other), &modulus), MRL_ERR_NOT_FOUND);
    for (size_t len = 0; len < spki.len; len++)
        assert_int_equal(mrl_spki_modulus(mrl_bytes_of(spki.data, len), &modulus),
                         MRL_ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weak_keys_are_refused),
        cmocka_unit_test(good_keys_are_accepted),
        cmocka_unit_test(rsa_is_accepted_at_its_limits_only),
        cmocka_unit_test(points_off_the_curve_at_infinity_or_compressed_are_refused),
        cmocka_unit_test(explicit_curve_parameters_are_refused),
        cmocka_unit_test(trailing_bytes_truncation_and_size_are_refused),
        cmocka_unit_test(the_modulus_of_an_rsa_key_is_a_view_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
