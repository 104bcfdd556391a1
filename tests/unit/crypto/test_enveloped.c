/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL opens what we close. */
#include "crypto/enveloped.h"

#include <openssl/cms.h>

#include "crypto/oid.h"
#include "tests/unit/crypto/fixtures.h"

static const mrl_bytes id = MRL_LIT_INIT("0123456789abcdefghij");
static const mrl_bytes text = MRL_LIT_INIT("sixteen bytes...and some more");

#define CAPABILITY(oid) "\x30\x0b\x06\x09" oid
static const mrl_bytes only_128 = MRL_LIT_INIT("\x30\x0d" CAPABILITY(MRL_OID_AES128_CBC));
static const mrl_bytes with_oaep =
    MRL_LIT_INIT("\x30\x1a" CAPABILITY(MRL_OID_AES256_CBC) CAPABILITY(MRL_OID_RSA_OAEP));
static const mrl_bytes only_unknown = MRL_LIT_INIT("\x30\x07\x30\x05\x06\x03\x2a\x03\x04");

static bool holds(mrl_bytes where, mrl_bytes what)
{
    for (size_t i = 0; i + what.len <= where.len; i++)
        if (mrl_bytes_eq(mrl_bytes_sub(where, i, what.len), what))
            return true;
    return false;
}

static void opens(mrl_bytes der, EVP_PKEY *pkey)
{
    const uint8_t *at = der.data;
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)der.len);
    BIO *out = BIO_new(BIO_s_mem());
    char *got = NULL;
    long len;

    assert_non_null(cms);
    assert_ptr_equal(at, der.data + der.len);
    assert_int_equal(CMS_decrypt_set1_pkey(cms, pkey, NULL), 1);
    assert_int_equal(CMS_decrypt(cms, NULL, NULL, NULL, out, CMS_BINARY), 1);
    len = BIO_get_mem_data(out, &got);
    assert_bytes_equal(mrl_bytes_of(got, (size_t)len), text);
    BIO_free(out);
    CMS_ContentInfo_free(cms);
}

static void write_to(const struct mrl_key *k, mrl_bytes capabilities, struct mrl_buf *der)
{
    const struct mrl_recipient to = {k, id, capabilities};

    assert_ok(mrl_enveloped_check(&to, NULL));
    assert_ok(mrl_enveloped_write(MRL_LIT(MRL_OID_CMS_DATA), text, &to, der, NULL));
    assert_true(holds(mrl_buf_bytes(der), id));
}

static void curves_agree(void **state)
{
    static const enum mrl_key_type types[] = {MRL_KEY_P256, MRL_KEY_P384};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(types); i++) {
        MRL_AUTO(mrl_key) key = make_key(types[i]);
        MRL_SCOPED(mrl_buf) der = {0};
        MRL_SCOPED(mrl_buf) again = {0};

        write_to(key, MRL_BYTES_NONE, &der);
        opens(mrl_buf_bytes(&der), mrl_key_native(key));
        assert_true(holds(mrl_buf_bytes(&der), MRL_LIT(MRL_OID_AES256_CBC)));
        write_to(key, only_128, &again);
        opens(mrl_buf_bytes(&again), mrl_key_native(key));
        assert_true(holds(mrl_buf_bytes(&again), MRL_LIT(MRL_OID_AES128_CBC)));
    }
}

static void rsa_is_transported_with_the_padding_that_was_named(void **state)
{
    EVP_PKEY *pkey = foreign_rsa(2048, 65537);
    MRL_SCOPED(mrl_buf) spki = {0};
    MRL_SCOPED(mrl_buf) plain = {0};
    MRL_SCOPED(mrl_buf) oaep = {0};
    MRL_AUTO(mrl_key) key = NULL;
    uint8_t *to;
    int len = i2d_PUBKEY(pkey, NULL);

    (void)state;
    assert_ok(mrl_buf_reserve(&spki, (size_t)len, &to));
    assert_int_equal(i2d_PUBKEY(pkey, &to), len);
    mrl_buf_added(&spki, (size_t)len);
    assert_ok(mrl_key_from_spki(mrl_buf_bytes(&spki), &key, NULL));
    write_to(key, MRL_BYTES_NONE, &plain);
    opens(mrl_buf_bytes(&plain), pkey);
    assert_false(holds(mrl_buf_bytes(&plain), MRL_LIT(MRL_OID_RSA_OAEP)));
    write_to(key, with_oaep, &oaep);
    opens(mrl_buf_bytes(&oaep), pkey);
    assert_true(holds(mrl_buf_bytes(&oaep), MRL_LIT(MRL_OID_RSA_OAEP)));
    EVP_PKEY_free(pkey);
}

static void keys_and_content_are_new_every_time(void **state)
{
    MRL_AUTO(mrl_key) key = make_key(MRL_KEY_P256);
    MRL_SCOPED(mrl_buf) a = {0};
    MRL_SCOPED(mrl_buf) b = {0};

    (void)state;
    write_to(key, MRL_BYTES_NONE, &a);
    write_to(key, MRL_BYTES_NONE, &b);
    assert_false(mrl_bytes_eq(mrl_bytes_sub(mrl_buf_bytes(&a), a.len - 32, 32),
                              mrl_bytes_sub(mrl_buf_bytes(&b), b.len - 32, 32)));
    assert_false(holds(mrl_buf_bytes(&a), mrl_bytes_sub(text, 0, 16)));
}

static void what_cannot_be_honoured_is_refused(void **state)
{
    MRL_AUTO(mrl_key) p256 = make_key(MRL_KEY_P256);
    MRL_AUTO(mrl_key) ed25519 = make_key(MRL_KEY_ED25519);
    const struct mrl_recipient signs_only = {ed25519, id, MRL_BYTES_NONE},
                               knows_none = {p256, id, only_unknown};
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_why why = {""};

    (void)state;
    assert_int_equal(mrl_enveloped_check(&signs_only, &why), MRL_ERR_UNSUPPORTED);
    assert_string_not_equal(why.text, "");
    why.text[0] = '\0';
    assert_int_equal(mrl_enveloped_write(MRL_LIT(MRL_OID_CMS_DATA), text, &knows_none, &der, &why),
                     MRL_ERR_UNSUPPORTED);
    assert_string_not_equal(why.text, "");
    assert_int_equal(der.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curves_agree),
        cmocka_unit_test(rsa_is_transported_with_the_padding_that_was_named),
        cmocka_unit_test(keys_and_content_are_new_every_time),
        cmocka_unit_test(what_cannot_be_honoured_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
