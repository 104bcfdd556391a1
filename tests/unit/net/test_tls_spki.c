/* SPDX-License-Identifier: Apache-2.0 */
/* Against the decoders of a library context that has nothing of ours. Without the thin provider
 * both are the same. */
#include <string.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "net/tls_internal.h"
#include "tests/unit/unit.h"

enum { DER_MAX = 1024, POINT_AT = 26, P256_SIZE = 91 };

static struct mrl_tls_library library;

static int set_up(void **state)
{
    (void)state;
    return mrl_tls_library_init(&library) == MRL_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mrl_tls_library_done(&library);
    return 0;
}

static EVP_PKEY *read_in(OSSL_LIB_CTX *context, const uint8_t *der, size_t len)
{
    const unsigned char *at = der;

    return d2i_PUBKEY_ex(NULL, &at, (long)len, context, NULL);
}

/* Both take it, as the same key, or neither does. */
static bool is_taken(const uint8_t *der, size_t len)
{
    EVP_PKEY *ours = read_in(library.context, der, len), *theirs = read_in(NULL, der, len);
    bool taken = ours != NULL;

    assert_int_equal(taken, theirs != NULL);
    if (taken)
        assert_int_equal(EVP_PKEY_eq(ours, theirs), 1);
    EVP_PKEY_free(ours);
    EVP_PKEY_free(theirs);
    return taken;
}

static size_t write_key(EVP_PKEY *key, uint8_t der[static DER_MAX])
{
    unsigned char *to = der;
    int len = i2d_PUBKEY(key, NULL);

    assert_true(len > 0 && len <= DER_MAX);
    assert_int_equal(i2d_PUBKEY(key, &to), len);
    EVP_PKEY_free(key);
    return (size_t)len;
}

static void keys_on_p256_are_read_as_they_are(void **state)
{
    uint8_t der[DER_MAX];

    (void)state;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(write_key(EVP_EC_gen("P-256"), der), P256_SIZE);
        assert_true(is_taken(der, P256_SIZE));
    }
}

static void other_keys_go_to_the_original(void **state)
{
    uint8_t der[DER_MAX];

    (void)state;
    assert_true(is_taken(der, write_key(EVP_EC_gen("P-384"), der)));
    assert_true(is_taken(der, write_key(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), der)));
    assert_true(is_taken(der, write_key(EVP_RSA_gen(2048), der)));
}

static void a_compressed_point_goes_to_the_original(void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    uint8_t der[DER_MAX];

    (void)state;
    assert_int_equal(EVP_PKEY_set_utf8_string_param(key, "point-format", "compressed"), 1);
    assert_true(is_taken(der, write_key(key, der)));
}

static void a_point_that_is_not_on_the_curve_is_no_key(void **state)
{
    uint8_t der[DER_MAX];

    (void)state;
    (void)write_key(EVP_EC_gen("P-256"), der);
    der[P256_SIZE - 1] ^= 1;
    assert_false(is_taken(der, P256_SIZE));
    memset(&der[POINT_AT + 1], 0xff, P256_SIZE - POINT_AT - 1); /* not even in the field */
    assert_false(is_taken(der, P256_SIZE));
    memset(&der[POINT_AT + 1], 0, P256_SIZE - POINT_AT - 1);
    assert_false(is_taken(der, P256_SIZE));
}

/* Whatever one byte becomes. */
static void a_changed_byte_is_judged_as_the_original_judges(void **state)
{
    static const uint8_t changes[] = {0x01, 0x02, 0x04, 0x80, 0xff};
    uint8_t der[DER_MAX];

    (void)state;
    (void)write_key(EVP_EC_gen("P-256"), der);
    for (size_t i = 0; i < P256_SIZE; i++) {
        for (size_t k = 0; k < MRL_COUNT(changes); k++) {
            der[i] ^= changes[k];
            (void)is_taken(der, P256_SIZE);
            der[i] ^= changes[k];
        }
    }
}

static void a_key_cut_short_or_followed_by_something_is_judged_alike(void **state)
{
    uint8_t der[DER_MAX] = {0};

    (void)state;
    (void)write_key(EVP_EC_gen("P-256"), der);
    for (size_t len = 1; len < P256_SIZE; len++)
        assert_false(is_taken(der, len));
    assert_true(is_taken(der, P256_SIZE + 1)); /* d2i stops where the structure ends */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_on_p256_are_read_as_they_are),
        cmocka_unit_test(other_keys_go_to_the_original),
        cmocka_unit_test(a_compressed_point_goes_to_the_original),
        cmocka_unit_test(a_point_that_is_not_on_the_curve_is_no_key),
        cmocka_unit_test(a_changed_byte_is_judged_as_the_original_judges),
        cmocka_unit_test(a_key_cut_short_or_followed_by_something_is_judged_alike),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
