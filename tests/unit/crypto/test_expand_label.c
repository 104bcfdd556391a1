/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "base/hex.h"
#include "crypto/expand_label.h"
#include "tests/unit/unit.h"

static void expect(enum mrl_label_hash hash, const char *secret_hex, const char *label,
                   const char *wanted_hex)
{
    uint8_t secret[MRL_LABEL_HASH_MAX], wanted[MRL_LABEL_HASH_MAX], made[MRL_LABEL_HASH_MAX];
    size_t len = strlen(wanted_hex) / 2;

    assert_ok(mrl_unhex(mrl_str(secret_hex), secret, strlen(secret_hex) / 2));
    assert_ok(mrl_unhex(mrl_str(wanted_hex), wanted, len));
    assert_ok(mrl_expand_label(hash, mrl_bytes_of(secret, mrl_label_hash_size(hash)),
                               mrl_str(label), MRL_BYTES_NONE, made, len));
    assert_memory_equal(made, wanted, len);
}

static void keys_and_ivs_are_those_of_rfc_8448_3(void **state)
{
    static const char client[] = "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5";
    static const char server[] = "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643";

    (void)state;
    expect(MRL_LABEL_SHA256, client, "key", "17422dda596ed5d9acd890e3c63f5051");
    expect(MRL_LABEL_SHA256, client, "iv", "5b78923dee08579033e523d9");
    expect(MRL_LABEL_SHA256, server, "key", "9f02283b6c9c07efc26bb9f2ac92e356");
    expect(MRL_LABEL_SHA256, server, "iv", "cf782b88dd83549aadf1e984");
}

static void the_secrets_of_the_schedule_are_those_of_rfc_8448_3(void **state)
{
    static const char *const wanted[] = {
        "33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a",
        "1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac",
        "18df06843d13a08bf2a449844c5f8a478001bc4d4c627984d5a41da8d0402919",
    };
    uint8_t shared[32], secret[32], next[32];
    mrl_bytes before = MRL_BYTES_NONE;

    (void)state;
    assert_ok(mrl_unhex(mrl_str("8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d"),
                        shared, sizeof(shared)));
    for (size_t i = 0; i < MRL_COUNT(wanted); i++) {
        mrl_bytes input = i == 1 ? mrl_bytes_of(shared, sizeof(shared)) : MRL_BYTES_NONE;

        assert_ok(mrl_unhex(mrl_str(wanted[i]), next, sizeof(next)));
        assert_ok(mrl_next_secret(MRL_LABEL_SHA256, before, MRL_LIT("derived"), input, secret));
        assert_memory_equal(secret, next, sizeof(next));
        before = mrl_bytes_of(secret, sizeof(secret)); /* the result takes its place */
    }
}

static void a_secret_before_has_the_size_of_the_digest(void **state)
{
    uint8_t secret[49] = {1}, to[48] = {0x77};

    (void)state;
    for (size_t len = 1; len <= sizeof(secret); len++) {
        mrl_bytes s = mrl_bytes_of(secret, len);

        assert_int_equal(
            mrl_next_secret(MRL_LABEL_SHA384, s, MRL_LIT("derived"), MRL_BYTES_NONE, to),
            len == 48 ? MRL_OK : MRL_ERR_INVALID);
        assert_true(len >= 48 || to[0] == 0x77);
    }
}

/* HKDF-Expand of OpenSSL with the structure of RFC 8446 7.1 as its info. */
static void expand(char *digest, mrl_bytes secret, mrl_bytes info, uint8_t *to, size_t len)
{
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret.data,
                                          secret.len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info.data,
                                          info.len),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);

    assert_int_equal(EVP_KDF_derive(ctx, to, len, params), 1);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
}

static void compare(enum mrl_label_hash hash, char *digest, mrl_bytes context, size_t len)
{
    uint8_t secret[MRL_LABEL_HASH_MAX], a[MRL_LABEL_HASH_MAX], b[MRL_LABEL_HASH_MAX];
    uint8_t info[2 + 18 + 1 + MRL_LABEL_HASH_MAX] = "\0\0\x11tls13 traffic upd";
    mrl_bytes s = mrl_bytes_of(secret, mrl_label_hash_size(hash));

    memset(secret, 0x42, sizeof(secret));
    info[1] = (uint8_t)len;
    info[20] = (uint8_t)context.len;
    if (context.len > 0)
        memcpy(&info[21], context.data, context.len);
    assert_ok(mrl_expand_label(hash, s, MRL_LIT("traffic upd"), context, a, len));
    expand(digest, s, mrl_bytes_of(info, 21 + context.len), b, len);
    assert_memory_equal(a, b, len);
}

static void it_is_hkdf_expand_with_label_and_context_as_info(void **state)
{
    static char digests[][7] = {[MRL_LABEL_SHA256] = "SHA256", [MRL_LABEL_SHA384] = "SHA384"};
    uint8_t context[MRL_LABEL_HASH_MAX];

    (void)state;
    memset(context, 0x17, sizeof(context));
    for (int hash = 0; hash < MRL_LABEL_HASH_COUNT_; hash++) {
        size_t size = mrl_label_hash_size((enum mrl_label_hash)hash);

        for (size_t len = 1; len <= size; len++) {
            compare((enum mrl_label_hash)hash, digests[hash], MRL_BYTES_NONE, len);
            compare((enum mrl_label_hash)hash, digests[hash], mrl_bytes_of(context, size), len);
        }
    }
}

static mrl_err try_with(size_t secret_len, const char *label, size_t context_len, size_t len)
{
    uint8_t secret[32] = {1}, context[MRL_LABEL_HASH_MAX + 1] = {0}, to[64] = {0x77};
    mrl_err err = mrl_expand_label(MRL_LABEL_SHA256, mrl_bytes_of(secret, secret_len),
                                   mrl_str(label), mrl_bytes_of(context, context_len), to, len);

    assert_true(err == MRL_OK || to[0] == 0x77);
    return err;
}

static void what_is_beyond_its_limits_is_refused(void **state)
{
    (void)state;
    assert_ok(try_with(32, "twelve bytes", MRL_LABEL_HASH_MAX, 32));
    assert_int_equal(try_with(32, "thirteen byte", 0, 32), MRL_ERR_INVALID);
    assert_int_equal(try_with(32, "key", MRL_LABEL_HASH_MAX + 1, 32), MRL_ERR_INVALID);
    assert_int_equal(try_with(32, "key", 0, 33), MRL_ERR_INVALID);
    assert_int_equal(try_with(32, "key", 0, 0), MRL_ERR_INVALID);
    assert_int_equal(try_with(0, "key", 0, 16), MRL_ERR_INVALID);
}

static void the_next_secret_may_take_the_place_of_this_one(void **state)
{
    uint8_t secret[32] = {7}, next[32];
    mrl_bytes s = mrl_bytes_of(secret, sizeof(secret));

    (void)state;
    assert_ok(
        mrl_expand_label(MRL_LABEL_SHA256, s, MRL_LIT("traffic upd"), MRL_BYTES_NONE, next, 32));
    assert_ok(
        mrl_expand_label(MRL_LABEL_SHA256, s, MRL_LIT("traffic upd"), MRL_BYTES_NONE, secret, 32));
    assert_memory_equal(secret, next, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_and_ivs_are_those_of_rfc_8448_3),
        cmocka_unit_test(the_secrets_of_the_schedule_are_those_of_rfc_8448_3),
        cmocka_unit_test(a_secret_before_has_the_size_of_the_digest),
        cmocka_unit_test(it_is_hkdf_expand_with_label_and_context_as_info),
        cmocka_unit_test(what_is_beyond_its_limits_is_refused),
        cmocka_unit_test(the_next_secret_may_take_the_place_of_this_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
