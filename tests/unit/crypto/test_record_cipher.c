/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <openssl/evp.h>

#include "crypto/record_cipher.h"
#include "tests/unit/unit.h"

enum { LARGEST = 2000, KEYS = 200 };
static const uint16_t ids[] = {0x1301, 0x1302, 0x1303};

static void fill(uint8_t *to, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++)
        to[i] = (uint8_t)(seed = seed * 1103515245 + 12345, seed >> 16);
}

/* With a context of its own. */
static void reference(const struct mrl_record_suite *s, const uint8_t *key, const uint8_t *nonce,
                      mrl_bytes aad, uint8_t *data, size_t len)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, s->cipher, NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n;

    assert_int_equal(EVP_EncryptInit_ex2(ctx, cipher, key, nonce, NULL), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, aad.data, (int)aad.len), 1);
    if (len > 0)
        assert_int_equal(EVP_EncryptUpdate(ctx, data, &n, data, (int)len), 1);
    assert_int_equal(EVP_EncryptFinal_ex(ctx, &data[len], &n), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, &data[len]), 1);
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
}

static void the_suites_are_those_of_rfc_8446(void **state)
{
    (void)state;
    assert_int_equal(mrl_record_suite_find(0x1301)->key_size, 16);
    assert_int_equal(mrl_record_suite_find(0x1302)->key_size, 32);
    assert_int_equal(mrl_record_suite_find(0x1303)->key_size, 32);
    assert_int_equal(mrl_record_suite_find(0x1302)->hash, MRL_LABEL_SHA384);
    assert_null(mrl_record_suite_find(0x1304)); /* CCM */
    assert_null(mrl_record_suite_find(0x1300));
}

/* More keys than contexts are kept, suites mixed, by turns: each is always itself. */
static void many_keys_by_turns_give_what_one_context_each_gives(void **state)
{
    static uint8_t a[LARGEST + MRL_RECORD_TAG], b[LARGEST + MRL_RECORD_TAG];
    uint8_t key[MRL_RECORD_KEY_MAX], nonce[MRL_RECORD_NONCE];

    (void)state;
    for (unsigned i = 0; i < 3 * KEYS; i++) {
        const struct mrl_record_suite *s = mrl_record_suite_find(ids[i % 3]);
        size_t len = i * 7 % LARGEST;

        fill(key, sizeof(key), i % KEYS);
        fill(nonce, sizeof(nonce), i);
        fill(a, len, i + 1);
        memcpy(b, a, len);
        assert_ok(mrl_record_encrypt(s, key, nonce, MRL_LIT("\x17\x03\x03\1\2"), a, len));
        reference(s, key, nonce, MRL_LIT("\x17\x03\x03\1\2"), b, len);
        assert_memory_equal(a, b, len + MRL_RECORD_TAG);
        assert_ok(mrl_record_decrypt(s, key, nonce, MRL_LIT("\x17\x03\x03\1\2"), a, len));
        fill(b, len, i + 1);
        assert_memory_equal(a, b, len);
        if (i % 5 == 0)
            mrl_record_forget(s, key);
    }
}

/* Same place among the kept ones, so that a mistake would be seen. */
static void two_keys_that_begin_alike_are_not_taken_for_each_other(void **state)
{
    const struct mrl_record_suite *s = mrl_record_suite_find(0x1301);
    uint8_t one[32] = {9}, two[32] = {9}, nonce[12] = {0}, a[20] = {0}, b[20] = {0};

    (void)state;
    two[15] = 1;
    assert_ok(mrl_record_encrypt(s, one, nonce, MRL_LIT("x"), a, 4));
    assert_ok(mrl_record_encrypt(s, two, nonce, MRL_LIT("x"), b, 4));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_ok(mrl_record_decrypt(s, one, nonce, MRL_LIT("x"), a, 4));
}

static void any_changed_bit_is_found_and_nothing_of_the_text_stays(void **state)
{
    static const uint8_t zero[8];
    uint8_t key[32] = {3}, nonce[12] = {1}, sealed[8 + MRL_RECORD_TAG], copy[sizeof(sealed)];

    (void)state;
    for (size_t k = 0; k < MRL_COUNT(ids); k++) {
        const struct mrl_record_suite *s = mrl_record_suite_find(ids[k]);

        memset(sealed, 'x', 8);
        assert_ok(mrl_record_encrypt(s, key, nonce, MRL_LIT("aad"), sealed, 8));
        for (size_t bit = 0; bit < 8 * sizeof(sealed); bit++) {
            memcpy(copy, sealed, sizeof(sealed));
            copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(mrl_record_decrypt(s, key, nonce, MRL_LIT("aad"), copy, 8),
                             MRL_ERR_CRYPTO);
            assert_memory_equal(copy, zero, 8);
        }
        memcpy(copy, sealed, sizeof(sealed));
        assert_int_equal(mrl_record_decrypt(s, key, nonce, MRL_LIT("aaD"), copy, 8),
                         MRL_ERR_CRYPTO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_suites_are_those_of_rfc_8446),
        cmocka_unit_test(many_keys_by_turns_give_what_one_context_each_gives),
        cmocka_unit_test(two_keys_that_begin_alike_are_not_taken_for_each_other),
        cmocka_unit_test(any_changed_bit_is_found_and_nothing_of_the_text_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
