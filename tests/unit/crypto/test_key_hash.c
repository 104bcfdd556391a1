/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/key_hash.h"

#include <string.h>

#include "base/hex.h"
#include "crypto/key.h"
#include "tests/unit/unit.h"

static const char hex[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

static mrl_err read_text(const char *text, uint8_t *out)
{
    struct mrl_why why = {""};
    mrl_err err = mrl_key_hash_read(mrl_str(text), out, &why);

    assert_true((err == MRL_OK) == (why.text[0] == '\0'));
    return err;
}

/* As others write it: 64 columns, a line end after the last line. */
static void make_pem(const struct mrl_key *key, struct mrl_buf *spki, struct mrl_buf *pem)
{
    assert_ok(mrl_key_to_spki(key, spki));
    assert_ok(mrl_buf_printf(pem, "-----BEGIN PUBLIC KEY-----\n"));
    assert_ok(mrl_base64_write(mrl_buf_bytes(spki), 64, pem));
    assert_ok(mrl_buf_printf(pem, "-----END PUBLIC KEY-----\n"));
}

static void a_hash_is_64_digits_of_either_case(void **state)
{
    uint8_t hash[MRL_SHA256_SIZE];

    (void)state;
    assert_ok(read_text(hex, hash));
    assert_int_equal(hash[31], 0x1f);
    assert_ok(
        read_text(" 000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F\n", hash));
}

static void a_key_in_pem_is_its_hash(void **state)
{
    MRL_AUTO(mrl_key) key = NULL;
    MRL_SCOPED(mrl_buf) spki = {0};
    MRL_SCOPED(mrl_buf) pem = {0};
    uint8_t hash[MRL_SHA256_SIZE], expected[MRL_SHA256_SIZE];

    (void)state;
    assert_ok(mrl_key_generate(MRL_KEY_P256, &key, NULL));
    make_pem(key, &spki, &pem);
    assert_ok(mrl_sha256(mrl_buf_bytes(&spki), expected));
    assert_ok(mrl_key_hash_read(mrl_buf_bytes(&pem), hash, NULL));
    assert_memory_equal(hash, expected, sizeof(hash));
}

static void what_is_neither_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "00",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1g",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00",
        "-----BEGIN PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----",
        "-----BEGIN EC PRIVATE KEY-----\nMAA=\n-----END EC PRIVATE KEY-----",
    };
    uint8_t hash[MRL_SHA256_SIZE];

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cases); i++)
        assert_int_equal(read_text(cases[i], hash), MRL_ERR_INVALID);
}

static void it_is_as_long_as_the_limit_allows_and_no_longer(void **state)
{
    char text[MRL_KEY_HASH_TEXT_MAX + 2];
    struct mrl_why why = {""};
    uint8_t hash[MRL_SHA256_SIZE];

    (void)state;
    memset(text, '0', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(mrl_key_hash_read(mrl_str(text), hash, &why), MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, "longer than"));
    assert_int_equal(mrl_key_hash_read(mrl_bytes_of(text, MRL_KEY_HASH_TEXT_MAX), hash, &why),
                     MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, "neither"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hash_is_64_digits_of_either_case),
        cmocka_unit_test(a_key_in_pem_is_its_hash),
        cmocka_unit_test(what_is_neither_is_refused),
        cmocka_unit_test(it_is_as_long_as_the_limit_allows_and_no_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
