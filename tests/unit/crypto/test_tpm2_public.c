/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/tpm2_public.h"

#include <string.h>

#include "crypto/cert.h"
#include "tests/unit/crypto/tpm2_vectors.h"
#include "tests/unit/unit.h"

#define VECTOR(v) mrl_bytes_of(v, sizeof(v))

static void key_is(mrl_bytes area, mrl_bytes certificate, enum mrl_key_type type)
{
    MRL_AUTO(mrl_cert) cert = NULL;
    MRL_AUTO(mrl_key) ours = NULL;
    MRL_AUTO(mrl_key) theirs = NULL;
    struct mrl_tpm2_public p;

    assert_ok(mrl_tpm2_public_read(area, &p));
    assert_ok(mrl_tpm2_public_key(&p, &ours, NULL));
    assert_ok(mrl_cert_from_der(certificate, &cert));
    assert_ok(mrl_cert_key(cert, &theirs));
    assert_true(mrl_key_public_eq(ours, theirs));
    assert_int_equal(mrl_key_type(ours), type);
}

static void the_key_is_that_of_the_certificate(void **state)
{
    (void)state;
    key_is(VECTOR(real_ek_rsa), VECTOR(real_ek_rsa_cert), MRL_KEY_RSA);
    key_is(VECTOR(real_ek_p384), VECTOR(real_ek_p384_cert), MRL_KEY_P384);
}

static void the_name_is_that_of_the_tpm(void **state)
{
    struct mrl_tpm2_public p;
    struct mrl_tpm2_name name;

    (void)state;
    assert_ok(mrl_tpm2_public_read(VECTOR(ak_pub), &p));
    assert_ok(mrl_tpm2_name_of(&p, &name));
    assert_bytes_equal(mrl_tpm2_name_bytes(&name), VECTOR(ak_name));
    assert_ok(mrl_tpm2_public_read(VECTOR(akr_pub), &p));
    assert_ok(mrl_tpm2_name_of(&p, &name));
    assert_bytes_equal(mrl_tpm2_name_bytes(&name), VECTOR(akr_name));
}

static void attributes_tell_an_attestation_key_from_a_storage_key(void **state)
{
    struct mrl_tpm2_public p;

    (void)state;
    assert_ok(mrl_tpm2_public_read(VECTOR(ak_pub), &p));
    assert_true(p.attributes & MRL_TPM2_RESTRICTED);
    assert_true(p.attributes & MRL_TPM2_SIGN);
    assert_false(p.attributes & MRL_TPM2_DECRYPT);
    assert_int_equal(p.symmetric, MRL_TPM2_NULL);
    assert_ok(mrl_tpm2_public_read(VECTOR(real_ek_rsa), &p));
    assert_true(p.attributes & MRL_TPM2_DECRYPT);
    assert_false(p.attributes & MRL_TPM2_SIGN);
    assert_int_equal(p.symmetric, MRL_TPM2_AES);
    assert_int_equal(p.symmetric_bits, 128);
    assert_int_equal(p.rsa_exponent, 65537);
}

/* Every length; nothing may be read past the end. */
static void cut_and_longer_areas_are_refused(void **state)
{
    uint8_t longer[sizeof(ak_pub) + 1] = {0};
    struct mrl_tpm2_public p;

    (void)state;
    for (size_t len = 0; len < sizeof(ak_pub); len++)
        assert_int_equal(mrl_tpm2_public_read(mrl_bytes_of(ak_pub, len), &p), MRL_ERR_MALFORMED);
    memcpy(longer, ak_pub, sizeof(ak_pub));
    assert_int_equal(mrl_tpm2_public_read(VECTOR(longer), &p), MRL_ERR_MALFORMED);
    longer[1]++; /* the surplus inside of the size */
    assert_int_equal(mrl_tpm2_public_read(VECTOR(longer), &p), MRL_ERR_MALFORMED);
}

static void changed(size_t at, uint8_t to, mrl_err expected)
{
    uint8_t area[sizeof(ak_pub)];
    struct mrl_tpm2_public p;

    memcpy(area, ak_pub, sizeof(area));
    area[at] = to;
    assert_int_equal(mrl_tpm2_public_read(VECTOR(area), &p), expected);
}

static void what_is_not_known_is_refused(void **state)
{
    (void)state;
    changed(3, 0x25, MRL_ERR_UNSUPPORTED);           /* TPM_ALG_SYMCIPHER */
    changed(6, ak_pub[6] | 0x80, MRL_ERR_MALFORMED); /* a reserved attribute */
    changed(13, 0x06 + 1, MRL_ERR_UNSUPPORTED);      /* symmetric algorithm */
    changed(15, 0x2e, MRL_ERR_UNSUPPORTED);          /* scheme */
}

static void a_point_off_the_curve_is_no_key(void **state)
{
    uint8_t area[sizeof(ak_pub)];
    MRL_AUTO(mrl_key) key = NULL;
    struct mrl_tpm2_public p;

    (void)state;
    memcpy(area, ak_pub, sizeof(area));
    area[sizeof(area) - 1] ^= 1;
    assert_ok(mrl_tpm2_public_read(VECTOR(area), &p));
    assert_int_equal(mrl_tpm2_public_key(&p, &key, NULL), MRL_ERR_MALFORMED);
}

static void size_is_limited(void **state)
{
    static uint8_t large[MRL_TPM2_PUBLIC_MAX + 1];
    struct mrl_tpm2_public p;

    (void)state;
    assert_int_equal(mrl_tpm2_public_read(mrl_bytes_of(large, sizeof(large) - 1), &p),
                     MRL_ERR_MALFORMED);
    assert_int_equal(mrl_tpm2_public_read(VECTOR(large), &p), MRL_ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_is_that_of_the_certificate),
        cmocka_unit_test(the_name_is_that_of_the_tpm),
        cmocka_unit_test(attributes_tell_an_attestation_key_from_a_storage_key),
        cmocka_unit_test(cut_and_longer_areas_are_refused),
        cmocka_unit_test(what_is_not_known_is_refused),
        cmocka_unit_test(a_point_off_the_curve_is_no_key),
        cmocka_unit_test(size_is_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
