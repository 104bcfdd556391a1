/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/path.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "tests/unit/crypto/device_fixture.h"

static struct mrl_path path_of(const struct setting *s)
{
    return (struct mrl_path){.leaf = s->device,
                             .known = &s->h.intermediates,
                             .anchors = &s->h.roots,
                             .purpose = MRL_PURPOSE_CLIENT,
                             .at_time = FIXTURE_NOW};
}

static enum mrl_chain_reason reason_of(const struct mrl_path *path)
{
    enum mrl_chain_reason reason;
    mrl_err err = mrl_path_verify(path, &reason);

    assert_int_equal(err, reason == MRL_CHAIN_OK ? MRL_OK : MRL_ERR_AUTH);
    assert_int_equal(ERR_peek_error(), 0);
    return reason;
}

static void what_is_known_helps_and_is_no_anchor(void **state)
{
    const struct setting *s = *state;
    struct mrl_path path = path_of(s);

    assert_int_equal(reason_of(&path), MRL_CHAIN_OK);
    path.known = NULL;
    assert_int_equal(reason_of(&path), MRL_CHAIN_FOREIGN_CA);
    path.sent = &s->h.intermediates;
    assert_int_equal(reason_of(&path), MRL_CHAIN_OK);
    path.anchors = NULL;
    assert_int_equal(reason_of(&path), MRL_CHAIN_FOREIGN_CA);
}

static void an_anchor_below_a_root_must_be_asked_for(void **state)
{
    const struct setting *s = *state;
    struct mrl_path path = path_of(s);

    path.known = NULL;
    path.anchors = &s->h.intermediates;
    assert_int_equal(reason_of(&path), MRL_CHAIN_FOREIGN_CA);
    path.partial = true;
    assert_int_equal(reason_of(&path), MRL_CHAIN_OK);
}

static void with_crls_each_certificate_needs_one(void **state)
{
    struct mrl_path path = path_of(*state);
    mrl_bytes none = MRL_LIT("\x30\x00");
    enum mrl_chain_reason reason;

    path.crls = &none;
    path.crl_count = 1;
    assert_int_equal(mrl_path_verify(&path, &reason), MRL_ERR_MALFORMED);
    assert_int_equal(ERR_peek_error(), 0);
}

static void a_path_is_as_deep_as_it_may(void **state)
{
    struct mrl_path path = path_of(*state);
    struct mrl_cert_list many = {0};
    enum mrl_chain_reason reason;

    for (int i = 0; i <= MRL_PATH_SENT_MAX; i++) {
        struct mrl_cert *copy = NULL;

        assert_ok(
            mrl_cert_from_native(mrl_cert_native(((const struct setting *)*state)->device), &copy));
        assert_ok(mrl_cert_list_add(&many, copy));
    }
    path.sent = &many;
    assert_int_equal(mrl_path_verify(&path, &reason), MRL_ERR_LIMIT);
    mrl_cert_free(many.certs[--many.count]);
    assert_ok(mrl_path_verify(&path, &reason));
    mrl_cert_list_done(&many);
}

static void append_crl(EVP_PKEY *key, BIO *out)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *time = ASN1_TIME_set(NULL, (time_t)FIXTURE_NOW);

    assert_non_null(crl);
    assert_int_equal(X509_CRL_set1_lastUpdate(crl, time), 1);
    assert_true(X509_CRL_sign(crl, key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509_CRL(out, crl), 1);
    ASN1_TIME_free(time);
    X509_CRL_free(crl);
}

static void so_many_crls_are_read_and_not_one_more(void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    BIO *pem = BIO_new(BIO_s_mem());
    MRL_SCOPED(mrl_buf) der = {0};
    const uint8_t *text;
    size_t count = 0;
    long len;

    (void)state;
    for (int i = 0; i < 3; i++)
        append_crl(key, pem);
    len = BIO_get_mem_data(pem, (char **)&text);
    assert_ok(mrl_crls_from_pem(mrl_bytes_of(text, (size_t)len), 3, &der, &count));
    assert_int_equal(count, 3);
    mrl_buf_clear(&der);
    assert_int_equal(mrl_crls_from_pem(mrl_bytes_of(text, (size_t)len), 2, &der, &count),
                     MRL_ERR_LIMIT);
    assert_int_equal(mrl_crls_from_pem(MRL_BYTES_NONE, 2, &der, &count), MRL_ERR_NOT_FOUND);
    assert_int_equal(ERR_peek_error(), 0);
    BIO_free(pem);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_known_helps_and_is_no_anchor),
        cmocka_unit_test(an_anchor_below_a_root_must_be_asked_for),
        cmocka_unit_test(with_crls_each_certificate_needs_one),
        cmocka_unit_test(a_path_is_as_deep_as_it_may),
        cmocka_unit_test(so_many_crls_are_read_and_not_one_more),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
