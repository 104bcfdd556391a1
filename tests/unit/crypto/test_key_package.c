/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/key_package.h"

#include <openssl/cms.h>

#include "crypto/oid.h"
#include "tests/unit/crypto/fixtures.h"

/* Who made the keys: a server's certificate and its chain. */
struct maker {
    struct hierarchy h;
    struct mrl_key *key;
    struct mrl_cert_list chain;
    struct mrl_key_maker as;
};

static void maker_new(struct maker *m, enum mrl_key_type type)
{
    const mrl_bytes dns = MRL_LIT("localhost");
    struct mrl_cert_profile profile = make_profile(MRL_CERT_SERVER, "server");

    hierarchy_new(&m->h, MRL_KEY_P256);
    m->key = make_key(type);
    m->chain = (struct mrl_cert_list){0};
    profile.dns = (struct mrl_names){&dns, 1};
    assert_ok(
        mrl_cert_list_add(&m->chain, issue(profile, m->key, issuing_of(&m->h), m->h.issuing_key)));
    m->as = (struct mrl_key_maker){m->key, &m->chain};
}

static void maker_done(struct maker *m)
{
    mrl_key_free(m->key);
    mrl_cert_list_done(&m->chain);
    hierarchy_done(&m->h);
}

/* OpenSSL wants a ContentInfo around it. */
static CMS_ContentInfo *parse(mrl_bytes signed_data)
{
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_der d = mrl_der_on(&der);
    const uint8_t *at;
    CMS_ContentInfo *cms;

    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_put(&d, MRL_DER_OID, MRL_LIT(MRL_OID_CMS_SIGNED_DATA));
    mrl_der_put(&d, MRL_DER_CONTEXT_CONSTRUCTED(0), signed_data);
    mrl_der_end(&d);
    assert_ok(mrl_der_finish(&d));
    at = der.data;
    cms = d2i_CMS_ContentInfo(NULL, &at, (long)der.len);
    assert_non_null(cms);
    return cms;
}

static void openssl_verifies_the_package_and_finds_the_key(void **state)
{
    struct maker m;
    MRL_AUTO(mrl_key) made = make_key(MRL_KEY_ED25519);
    MRL_AUTO(mrl_key) found = NULL;
    MRL_AUTO(mrl_secret) pkcs8 = NULL;
    MRL_SCOPED(mrl_buf) package = {.secret = true};
    struct mrl_reader r;
    mrl_bytes content;
    CMS_ContentInfo *cms;
    BIO *out = BIO_new(BIO_s_mem());
    char *got = NULL;
    long len;

    (void)state;
    maker_new(&m, MRL_KEY_P256);
    assert_ok(mrl_key_to_pkcs8(made, &pkcs8));
    assert_ok(mrl_key_package_sign(mrl_secret_bytes(pkcs8), &m.as, &package));
    cms = parse(mrl_buf_bytes(&package));
    assert_int_equal(CMS_verify(cms, NULL, NULL, NULL, out, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY),
                     1);
    len = BIO_get_mem_data(out, &got);
    r = (struct mrl_reader){mrl_bytes_of(got, (size_t)len), 0};
    assert_ok(mrl_der_read(&r, MRL_DER_SEQUENCE, &content));
    assert_ok(mrl_key_from_pkcs8(content, &found));
    assert_true(mrl_key_public_eq(made, found));
    BIO_free(out);
    CMS_ContentInfo_free(cms);
    maker_done(&m);
}

static void a_package_that_was_changed_does_not_verify(void **state)
{
    struct maker m;
    MRL_AUTO(mrl_key) made = make_key(MRL_KEY_P256);
    MRL_AUTO(mrl_secret) pkcs8 = NULL;
    MRL_SCOPED(mrl_buf) package = {.secret = true};
    MRL_SCOPED(mrl_buf) changed = {0};
    CMS_ContentInfo *cms;

    (void)state;
    maker_new(&m, MRL_KEY_P256);
    assert_ok(mrl_key_to_pkcs8(made, &pkcs8));
    assert_ok(mrl_key_package_sign(mrl_secret_bytes(pkcs8), &m.as, &package));
    flipped(mrl_buf_bytes(&package), 120, &changed); /* inside the private key */
    cms = parse(mrl_buf_bytes(&changed));
    assert_int_equal(
        CMS_verify(cms, NULL, NULL, NULL, NULL, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY), 0);
    CMS_ContentInfo_free(cms);
    maker_done(&m);
}

static void a_maker_with_another_kind_of_key_is_refused(void **state)
{
    struct maker m;
    MRL_SCOPED(mrl_buf) package = {0};

    (void)state;
    maker_new(&m, MRL_KEY_P384);
    assert_int_equal(mrl_key_package_sign(MRL_LIT("\x30\x00"), &m.as, &package), MRL_ERR_INVALID);
    maker_done(&m);
}

static void a_maker_without_certificate_is_refused(void **state)
{
    const struct mrl_cert_list none = {0};
    MRL_AUTO(mrl_key) key = make_key(MRL_KEY_P256);
    MRL_SCOPED(mrl_buf) package = {0};

    (void)state;
    assert_int_equal(
        mrl_key_package_sign(MRL_LIT("\x30\x00"), &(struct mrl_key_maker){key, &none}, &package),
        MRL_ERR_INVALID);
}

static void the_whole_opens_with_the_recipients_key(void **state)
{
    struct maker m;
    MRL_AUTO(mrl_key) to = make_key(MRL_KEY_P384);
    const struct mrl_recipient recipient = {to, MRL_LIT("id of a key"), MRL_BYTES_NONE};
    MRL_SCOPED(mrl_buf) der = {0};
    CMS_ContentInfo *cms;
    BIO *out = BIO_new(BIO_s_mem());
    const uint8_t *at;
    char *got = NULL;
    long len;

    (void)state;
    maker_new(&m, MRL_KEY_P256);
    assert_ok(
        mrl_key_package_write(MRL_LIT("\x30\x03\x02\x01\x00"), &m.as, &recipient, &der, NULL));
    at = der.data;
    cms = d2i_CMS_ContentInfo(NULL, &at, (long)der.len);
    assert_non_null(cms);
    assert_int_equal(CMS_decrypt_set1_pkey(cms, mrl_key_native(to), NULL), 1);
    assert_int_equal(CMS_decrypt(cms, NULL, NULL, NULL, out, CMS_BINARY), 1);
    len = BIO_get_mem_data(out, &got);
    CMS_ContentInfo_free(cms);
    cms = parse(mrl_bytes_of(got, (size_t)len));
    assert_int_equal(
        CMS_verify(cms, NULL, NULL, NULL, NULL, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY), 1);
    CMS_ContentInfo_free(cms);
    BIO_free(out);
    maker_done(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openssl_verifies_the_package_and_finds_the_key),
        cmocka_unit_test(a_package_that_was_changed_does_not_verify),
        cmocka_unit_test(a_maker_with_another_kind_of_key_is_refused),
        cmocka_unit_test(a_maker_without_certificate_is_refused),
        cmocka_unit_test(the_whole_opens_with_the_recipients_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
