/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/hash.h"

#include <openssl/err.h>
#include <pthread.h>
#include <string.h>

#include "base/hex.h"
#include "tests/unit/unit.h"

static void assert_hex(const uint8_t *bytes, size_t len, const char *expected)
{
    char text[257];

    mrl_hex(mrl_bytes_of(bytes, len), text);
    assert_string_equal(text, expected);
}

static void sha256_of_fips_180(void **state)
{
    uint8_t digest[MRL_SHA256_SIZE];

    (void)state;
    assert_ok(mrl_sha256(MRL_LIT("abc"), digest));
    assert_hex(digest, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_ok(mrl_sha256(MRL_BYTES_NONE, digest));
    assert_hex(digest, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void pieces_hash_as_the_whole_and_the_hash_is_reusable(void **state)
{
    MRL_AUTO(mrl_sha256) h = NULL;
    uint8_t digest[MRL_SHA256_SIZE];

    (void)state;
    assert_ok(mrl_sha256_new(&h));
    for (int round = 0; round < 2; round++) {
        assert_ok(mrl_sha256_add(h, MRL_LIT("a")));
        assert_ok(mrl_sha256_add(h, MRL_BYTES_NONE));
        assert_ok(mrl_sha256_add(h, MRL_LIT("bc")));
        assert_ok(mrl_sha256_end(h, digest));
        assert_hex(digest, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}

static void *hash_on_a_thread(void *digest)
{
    const mrl_bytes parts[] = {MRL_LIT("a"), MRL_BYTES_NONE, MRL_LIT("bc")};

    assert_ok(mrl_sha256_parts(parts, MRL_COUNT(parts), digest));
    return NULL;
}

static void parts_hash_as_the_whole_on_every_thread(void **state)
{
    uint8_t digest[MRL_SHA256_SIZE];
    pthread_t thread;

    (void)state;
    for (int round = 0; round < 2; round++) {
        (void)hash_on_a_thread(digest);
        assert_hex(digest, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        memset(digest, 0, sizeof(digest));
        assert_int_equal(pthread_create(&thread, NULL, hash_on_a_thread, digest), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_hex(digest, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
    assert_ok(mrl_sha256_parts(NULL, 0, digest));
    assert_hex(digest, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void sha1_names_a_key(void **state)
{
    uint8_t digest[MRL_SHA1_SIZE];

    (void)state;
    assert_ok(mrl_sha1_key_id(MRL_LIT("abc"), digest));
    assert_hex(digest, 20, "a9993e364706816aba3e25717850c26c9cd0d89d");
}

static void hmac_of_rfc_4231(void **state)
{
    uint8_t mac[MRL_SHA256_SIZE];

    (void)state;
    assert_ok(mrl_hmac_sha256(MRL_LIT("Jefe"), MRL_LIT("what do ya want for nothing?"), mac));
    assert_hex(mac, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_ok(mrl_hmac_sha256(MRL_BYTES_NONE, MRL_BYTES_NONE, mac)); /* not "the last key" */
    assert_hex(mac, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void hkdf_of_rfc_5869(void **state)
{
    static const uint8_t secret[22] = {11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11,
                                       11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11};
    MRL_AUTO(mrl_secret) key = NULL;
    MRL_AUTO(mrl_secret) bare = NULL;

    (void)state;
    assert_ok(mrl_hkdf_sha256(mrl_bytes_of(secret, 22),
                              MRL_LIT("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c"),
                              MRL_LIT("\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9"), 42, &key));
    assert_hex(
        mrl_secret_bytes(key).data, 42,
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    assert_ok(mrl_hkdf_sha256(mrl_bytes_of(secret, 22), MRL_BYTES_NONE, MRL_BYTES_NONE, 42, &bare));
    assert_hex(
        mrl_secret_bytes(bare).data, 42,
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

static void hkdf_gives_8160_bytes_and_not_one_more(void **state)
{
    MRL_AUTO(mrl_secret) key = NULL;
    MRL_AUTO(mrl_secret) none = NULL;

    (void)state;
    assert_ok(mrl_hkdf_sha256(MRL_LIT("k"), MRL_BYTES_NONE, MRL_BYTES_NONE, 8160, &key));
    assert_int_equal(mrl_hkdf_sha256(MRL_LIT("k"), MRL_BYTES_NONE, MRL_BYTES_NONE, 8161, &none),
                     MRL_ERR_INVALID);
    assert_int_equal(mrl_hkdf_sha256(MRL_LIT("k"), MRL_BYTES_NONE, MRL_BYTES_NONE, 0, &none),
                     MRL_ERR_INVALID);
    assert_null(none);
}

static void scrypt_of_rfc_7914(void **state)
{
    MRL_AUTO(mrl_secret) key = NULL;

    (void)state;
    assert_ok(mrl_scrypt(MRL_LIT("password"), MRL_LIT("NaCl"),
                         (struct mrl_scrypt_cost){.n = 1024, .r = 8, .p = 16}, 64, &key));
    assert_hex(
        mrl_secret_bytes(key).data, 64,
        "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d"
        "9830dac727afb94a83ee6d8360cbdfa2cc0640");
}

static void scrypt_refuses_what_would_exhaust_the_machine(void **state)
{
    static const struct {
        struct mrl_scrypt_cost cost;
        mrl_err err;
    } cases[] = {
        {{.n = 1 << 19, .r = 8, .p = 1}, MRL_ERR_LIMIT}, /* 512 MiB */
        {{.n = 1 << 4, .r = 8, .p = 17}, MRL_ERR_LIMIT}, /* time */
        {{.n = 2, .r = 65, .p = 1}, MRL_ERR_LIMIT},      /* block */
        {{.n = 1000, .r = 8, .p = 1}, MRL_ERR_INVALID},  /* no power of two */
        {{.n = 1, .r = 8, .p = 1}, MRL_ERR_INVALID},     /* no work */
        {{.n = 16, .r = 0, .p = 1}, MRL_ERR_INVALID},
        {{.n = 1U << 31, .r = UINT32_MAX, .p = 1}, MRL_ERR_LIMIT}, /* no overflow */
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cases); i++) {
        struct mrl_secret *key = NULL;

        assert_int_equal(mrl_scrypt(MRL_LIT("p"), MRL_LIT("s"), cases[i].cost, 32, &key),
                         cases[i].err);
        assert_null(key);
    }
}

static void scrypt_works_at_its_memory_limit(void **state)
{
    MRL_AUTO(mrl_secret) key = NULL;

    (void)state;
    assert_ok(mrl_scrypt(MRL_LIT("p"), MRL_LIT("s"),
                         (struct mrl_scrypt_cost){.n = 1 << 18, .r = 8, .p = 1}, 16, &key));
}

static void nothing_stays_in_the_error_queue_and_older_errors_do(void **state)
{
    struct mrl_secret *key = NULL;

    (void)state;
    ERR_clear_error();
    assert_int_equal(mrl_hkdf_sha256(MRL_LIT("k"), MRL_BYTES_NONE, MRL_BYTES_NONE, 9000, &key),
                     MRL_ERR_INVALID);
    assert_int_equal(ERR_peek_error(), 0);
    ERR_raise(ERR_LIB_USER, 7);
    assert_int_equal(mrl_hkdf_sha256(MRL_LIT("k"), MRL_BYTES_NONE, MRL_BYTES_NONE, 9000, &key),
                     MRL_ERR_INVALID);
    assert_int_equal(ERR_GET_REASON(ERR_get_error()), 7);
    assert_int_equal(ERR_peek_error(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_of_fips_180),
        cmocka_unit_test(pieces_hash_as_the_whole_and_the_hash_is_reusable),
        cmocka_unit_test(parts_hash_as_the_whole_on_every_thread),
        cmocka_unit_test(sha1_names_a_key),
        cmocka_unit_test(hmac_of_rfc_4231),
        cmocka_unit_test(hkdf_of_rfc_5869),
        cmocka_unit_test(hkdf_gives_8160_bytes_and_not_one_more),
        cmocka_unit_test(scrypt_of_rfc_7914),
        cmocka_unit_test(scrypt_refuses_what_would_exhaust_the_machine),
        cmocka_unit_test(scrypt_works_at_its_memory_limit),
        cmocka_unit_test(nothing_stays_in_the_error_queue_and_older_errors_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
