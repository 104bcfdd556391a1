/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/tpm2_attest.h"

#include <string.h>

#include "tests/unit/crypto/tpm2_vectors.h"
#include "tests/unit/unit.h"

#define VECTOR(v) mrl_bytes_of(v, sizeof(v))

static struct mrl_key *key_of(mrl_bytes area)
{
    struct mrl_tpm2_public p;
    struct mrl_key *key = NULL;

    assert_ok(mrl_tpm2_public_read(area, &p));
    assert_ok(mrl_tpm2_public_key(&p, &key, NULL));
    return key;
}

static struct mrl_tpm2_name name_of(mrl_bytes area)
{
    struct mrl_tpm2_public p;
    struct mrl_tpm2_name name;

    assert_ok(mrl_tpm2_public_read(area, &p));
    assert_ok(mrl_tpm2_name_of(&p, &name));
    return name;
}

static void it_names_the_certified_key_and_who_signed(void **state)
{
    const struct mrl_tpm2_name key = name_of(VECTOR(key_pub)), ak = name_of(VECTOR(ak_pub)),
                               ek = name_of(VECTOR(real_ek_rsa)),
                               root = mrl_tpm2_hierarchy(MRL_TPM2_ENDORSEMENT);
    struct mrl_tpm2_name qualified;
    struct mrl_tpm2_certified c;

    (void)state;
    assert_ok(mrl_tpm2_certified_read(VECTOR(ak_attest), &c));
    assert_bytes_equal(c.name, mrl_tpm2_name_bytes(&key));
    assert_ok(mrl_tpm2_qualify(mrl_tpm2_name_bytes(&root), &ek, &qualified));
    assert_ok(mrl_tpm2_qualify(mrl_tpm2_name_bytes(&qualified), &ak, &qualified));
    assert_bytes_equal(c.signer, mrl_tpm2_name_bytes(&qualified));
}

static void the_signature_is_that_of_the_attestation_key(void **state)
{
    MRL_AUTO(mrl_key) ecc = key_of(VECTOR(ak_pub));
    MRL_AUTO(mrl_key) rsa = key_of(VECTOR(akr_pub));

    (void)state;
    assert_ok(mrl_tpm2_attest_verify(ecc, VECTOR(ak_attest), VECTOR(ak_sig)));
    assert_ok(mrl_tpm2_attest_verify(rsa, VECTOR(akr_attest), VECTOR(akr_sig)));
    assert_int_equal(mrl_tpm2_attest_verify(rsa, VECTOR(ak_attest), VECTOR(ak_sig)),
                     MRL_ERR_CRYPTO);
    assert_int_equal(mrl_tpm2_attest_verify(ecc, VECTOR(akr_attest), VECTOR(ak_sig)),
                     MRL_ERR_CRYPTO);
}

static void no_bit_of_it_can_be_changed(void **state)
{
    MRL_AUTO(mrl_key) ak = key_of(VECTOR(ak_pub));
    uint8_t attest[sizeof(ak_attest)], signature[sizeof(ak_sig)];

    (void)state;
    for (size_t at = 0; at < sizeof(attest); at++) {
        memcpy(attest, ak_attest, sizeof(attest));
        attest[at] ^= 1;
        assert_int_equal(mrl_tpm2_attest_verify(ak, VECTOR(attest), VECTOR(ak_sig)),
                         MRL_ERR_CRYPTO);
    }
    for (size_t at = 0; at < sizeof(signature); at++) {
        memcpy(signature, ak_sig, sizeof(signature));
        signature[at] ^= 1;
        assert_int_not_equal(mrl_tpm2_attest_verify(ak, VECTOR(ak_attest), VECTOR(signature)),
                             MRL_OK);
    }
}

static void what_no_tpm_made_is_refused(void **state)
{
    uint8_t attest[sizeof(ak_attest)];
    struct mrl_tpm2_certified c;

    (void)state;
    memcpy(attest, ak_attest, sizeof(attest));
    attest[0] ^= 1; /* TPM_GENERATED_VALUE */
    assert_int_equal(mrl_tpm2_certified_read(VECTOR(attest), &c), MRL_ERR_MALFORMED);
    attest[0] ^= 1;
    attest[5] = 0x18; /* TPM_ST_ATTEST_QUOTE */
    assert_int_equal(mrl_tpm2_certified_read(VECTOR(attest), &c), MRL_ERR_UNSUPPORTED);
}

static void cut_and_longer_ones_are_refused(void **state)
{
    MRL_AUTO(mrl_key) ak = key_of(VECTOR(ak_pub));
    uint8_t longer[sizeof(ak_attest) + 1] = {0}, signature[sizeof(ak_sig) + 1] = {0};
    struct mrl_tpm2_certified c;

    (void)state;
    for (size_t len = 0; len < sizeof(ak_attest); len++)
        assert_int_equal(mrl_tpm2_certified_read(mrl_bytes_of(ak_attest, len), &c),
                         MRL_ERR_MALFORMED);
    memcpy(longer, ak_attest, sizeof(ak_attest));
    assert_int_equal(mrl_tpm2_certified_read(VECTOR(longer), &c), MRL_ERR_MALFORMED);
    for (size_t len = 0; len < sizeof(ak_sig); len++)
        assert_int_equal(mrl_tpm2_attest_verify(ak, VECTOR(ak_attest), mrl_bytes_of(ak_sig, len)),
                         MRL_ERR_MALFORMED);
    memcpy(signature, ak_sig, sizeof(ak_sig));
    assert_int_equal(mrl_tpm2_attest_verify(ak, VECTOR(ak_attest), VECTOR(signature)),
                     MRL_ERR_MALFORMED);
}

static void weak_schemes_are_refused(void **state)
{
    MRL_AUTO(mrl_key) ak = key_of(VECTOR(ak_pub));
    uint8_t signature[sizeof(ak_sig)];

    (void)state;
    memcpy(signature, ak_sig, sizeof(ak_sig));
    signature[3] = 0x04; /* SHA-1 */
    assert_int_equal(mrl_tpm2_attest_verify(ak, VECTOR(ak_attest), VECTOR(signature)),
                     MRL_ERR_UNSUPPORTED);
}

static void sizes_are_limited(void **state)
{
    static uint8_t large[MRL_TPM2_ATTEST_MAX + 1];
    MRL_AUTO(mrl_key) ak = key_of(VECTOR(ak_pub));
    struct mrl_tpm2_certified c;

    (void)state;
    assert_int_equal(mrl_tpm2_certified_read(mrl_bytes_of(large, sizeof(large) - 1), &c),
                     MRL_ERR_MALFORMED);
    assert_int_equal(mrl_tpm2_certified_read(VECTOR(large), &c), MRL_ERR_LIMIT);
    assert_int_equal(mrl_tpm2_attest_verify(ak, VECTOR(ak_attest), VECTOR(large)), MRL_ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_names_the_certified_key_and_who_signed),
        cmocka_unit_test(the_signature_is_that_of_the_attestation_key),
        cmocka_unit_test(no_bit_of_it_can_be_changed),
        cmocka_unit_test(what_no_tpm_made_is_refused),
        cmocka_unit_test(cut_and_longer_ones_are_refused),
        cmocka_unit_test(weak_schemes_are_refused),
        cmocka_unit_test(sizes_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
