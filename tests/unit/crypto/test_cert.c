/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/cert.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include "tests/unit/crypto/device_fixture.h"

static enum mrl_chain_reason judge_at(const struct setting *s, const struct mrl_cert *leaf,
                                      enum mrl_cert_purpose purpose, int64_t at)
{
    enum mrl_chain_reason reason;
    mrl_err err =
        mrl_cert_verify_chain(leaf, &s->h.intermediates, &s->h.roots, purpose, at, &reason);

    assert_int_equal(err, reason == MRL_CHAIN_OK ? MRL_OK : MRL_ERR_AUTH);
    assert_int_equal(ERR_peek_error(), 0);
    return reason;
}

static enum mrl_chain_reason judge(const struct setting *s, const struct mrl_cert *leaf)
{
    return judge_at(s, leaf, MRL_PURPOSE_CLIENT, FIXTURE_NOW);
}

static void a_device_is_good_for_its_purpose_and_time_only(void **state)
{
    const struct setting *s = *state;
    const struct mrl_cert_facts *f = mrl_cert_facts(s->device);

    assert_int_equal(judge(s, s->device), MRL_CHAIN_OK);
    assert_int_equal(judge_at(s, s->device, MRL_PURPOSE_SERVER, FIXTURE_NOW), MRL_CHAIN_WRONG_EKU);
    assert_int_equal(judge_at(s, s->device, MRL_PURPOSE_CLIENT, f->not_before), MRL_CHAIN_OK);
    assert_int_equal(judge_at(s, s->device, MRL_PURPOSE_CLIENT, f->not_before - 1),
                     MRL_CHAIN_NOT_YET_VALID);
    assert_int_equal(judge_at(s, s->device, MRL_PURPOSE_CLIENT, f->not_after - 1), MRL_CHAIN_OK);
    assert_int_equal(judge_at(s, s->device, MRL_PURPOSE_CLIENT, f->not_after), MRL_CHAIN_EXPIRED);
}

static void a_server_is_not_a_client(void **state)
{
    const struct setting *s = *state;
    const mrl_bytes dns = MRL_LIT("localhost");
    struct mrl_cert_profile p = make_profile(MRL_CERT_SERVER, "server");

    p.dns = (struct mrl_names){&dns, 1};
    MRL_AUTO(mrl_cert) server = issue(p, s->key, issuing_of(&s->h), s->h.issuing_key);
    assert_int_equal(judge(s, server), MRL_CHAIN_WRONG_EKU);
    assert_int_equal(judge_at(s, server, MRL_PURPOSE_SERVER, FIXTURE_NOW), MRL_CHAIN_OK);
}

static void a_foreign_ca_of_the_same_name_is_foreign(void **state)
{
    const struct setting *s = *state;
    struct hierarchy other;
    enum mrl_chain_reason reason;

    hierarchy_new(&other, MRL_KEY_P256);
    MRL_AUTO(mrl_cert)
    forged = issue(make_profile(MRL_CERT_DEVICE, "pump-7"), s->key, issuing_of(&other),
                   other.issuing_key);
    assert_int_equal(judge(s, forged), MRL_CHAIN_FOREIGN_CA);
    /* Bringing its own CA certificates along does not help. */
    assert_int_equal(mrl_cert_verify_chain(forged, &other.intermediates, &s->h.roots,
                                           MRL_PURPOSE_CLIENT, FIXTURE_NOW, &reason),
                     MRL_ERR_AUTH);
    assert_int_equal(reason, MRL_CHAIN_FOREIGN_CA);
    assert_ok(
        mrl_cert_list_add(&other.intermediates, issue(make_profile(MRL_CERT_ROOT_CA, "Test Root"),
                                                      other.root_key, NULL, other.root_key)));
    assert_int_equal(mrl_cert_verify_chain(forged, &other.intermediates, &s->h.roots,
                                           MRL_PURPOSE_CLIENT, FIXTURE_NOW, &reason),
                     MRL_ERR_AUTH);
    assert_int_equal(reason, MRL_CHAIN_FOREIGN_CA);
    hierarchy_done(&other);
}

static void self_signed_ca_and_missing_roots_are_no_identity(void **state)
{
    const struct setting *s = *state;
    MRL_AUTO(mrl_cert) self = issue(make_profile(MRL_CERT_ROOT_CA, "pump-7"), s->key, NULL, s->key);
    enum mrl_chain_reason reason;

    assert_int_equal(judge(s, self), MRL_CHAIN_FOREIGN_CA);
    assert_int_equal(judge(s, issuing_of(&s->h)), MRL_CHAIN_CA_AS_LEAF);
    assert_int_equal(judge(s, root_of(&s->h)), MRL_CHAIN_CA_AS_LEAF);
    assert_int_equal(mrl_cert_verify_chain(s->device, &s->h.intermediates, NULL, MRL_PURPOSE_CLIENT,
                                           FIXTURE_NOW, &reason),
                     MRL_ERR_AUTH);
    assert_int_equal(reason, MRL_CHAIN_FOREIGN_CA);
    assert_int_equal(mrl_cert_verify_chain(s->device, NULL, &s->h.roots, MRL_PURPOSE_CLIENT,
                                           FIXTURE_NOW, &reason),
                     MRL_ERR_AUTH);
    assert_int_equal(reason, MRL_CHAIN_FOREIGN_CA);
}

static void a_changed_certificate_has_a_bad_signature(void **state)
{
    const struct setting *s = *state;
    const struct mrl_cert_facts *f = mrl_cert_facts(s->device);
    MRL_SCOPED(mrl_buf) bad = {0};
    MRL_AUTO(mrl_cert) changed = NULL;
    size_t cn = (size_t)(f->cn.data - f->subject.data);

    /* "pump-7" becomes "pump-6": find the subject in the certificate and change its last letter */
    for (size_t at = 0; at + f->subject.len <= f->der.len && bad.len == 0; at++) {
        if (mrl_bytes_eq(mrl_bytes_sub(f->der, at, f->subject.len), f->subject))
            flipped(f->der, at + cn + f->cn.len - 1, &bad);
    }
    assert_ok(mrl_cert_from_der(mrl_buf_bytes(&bad), &changed));
    assert_bytes_equal(mrl_cert_facts(changed)->cn, MRL_LIT("pump-6"));
    assert_int_equal(judge(s, changed), MRL_CHAIN_BAD_SIGNATURE);
    assert_int_equal(mrl_cert_verify_signature(changed, issuing_of(&s->h)), MRL_ERR_CRYPTO);
    assert_ok(mrl_cert_verify_signature(s->device, issuing_of(&s->h)));
    assert_int_equal(mrl_cert_verify_signature(s->device, root_of(&s->h)), MRL_ERR_CRYPTO);
}

static void at_most_eight_intermediates_are_looked_at(void **state)
{
    const struct setting *s = *state;
    struct mrl_cert_list many = {0};
    enum mrl_chain_reason reason;

    for (int i = 0; i < 8; i++) {
        struct mrl_cert *copy = NULL;

        assert_ok(mrl_cert_from_native(mrl_cert_native(issuing_of(&s->h)), &copy));
        assert_ok(mrl_cert_list_add(&many, copy));
    }
    assert_ok(mrl_cert_verify_chain(s->device, &many, &s->h.roots, MRL_PURPOSE_CLIENT, FIXTURE_NOW,
                                    &reason));
    assert_ok(
        mrl_cert_list_add(&many, issue(make_profile(MRL_CERT_ROOT_CA, "x"), s->key, NULL, s->key)));
    assert_int_equal(mrl_cert_verify_chain(s->device, &many, &s->h.roots, MRL_PURPOSE_CLIENT,
                                           FIXTURE_NOW, &reason),
                     MRL_ERR_LIMIT);
    mrl_cert_list_done(&many);
}

static void one_certificate_has_one_spelling(void **state)
{
    const struct setting *s = *state;
    mrl_bytes der = mrl_cert_facts(s->device)->der;
    MRL_SCOPED(mrl_buf) longer = {0};
    static uint8_t large[MRL_CERT_DER_MAX + 1];
    struct mrl_cert *none = NULL;

    for (size_t len = 0; len < der.len; len++)
        assert_int_equal(mrl_cert_from_der(mrl_bytes_sub(der, 0, len), &none), MRL_ERR_MALFORMED);
    assert_ok(mrl_buf_append(&longer, der));
    assert_ok(mrl_buf_append(&longer, MRL_LIT("\0")));
    assert_int_equal(mrl_cert_from_der(mrl_buf_bytes(&longer), &none), MRL_ERR_MALFORMED);
    assert_int_equal(mrl_cert_from_der(mrl_bytes_of(large, MRL_CERT_DER_MAX), &none),
                     MRL_ERR_MALFORMED);
    assert_int_equal(mrl_cert_from_der(mrl_bytes_of(large, sizeof(large)), &none), MRL_ERR_LIMIT);
    assert_int_equal(ERR_peek_error(), 0);
}

static void fingerprints_agree_whatever_the_way(void **state)
{
    const struct setting *s = *state;
    struct mrl_fingerprint of_der, of_native;

    assert_ok(mrl_fingerprint_of(mrl_cert_facts(s->device)->der, &of_der));
    assert_ok(mrl_cert_native_fingerprint(mrl_cert_native(s->device), &of_native));
    assert_memory_equal(&of_der, &of_native, sizeof(of_der));
    assert_memory_equal(&of_der, &mrl_cert_facts(s->device)->fingerprint, sizeof(of_der));
}

static void a_pem_bundle_is_read_whole_or_not_at_all(void **state)
{
    const struct setting *s = *state;
    MRL_AUTO(mrl_secret) key = NULL;
    MRL_AUTO(mrl_cert) first = NULL;
    MRL_SCOPED(mrl_buf) pem = {0};
    struct mrl_cert_list list = {0};
    struct mrl_cert *none = NULL;

    assert_ok(mrl_key_to_pem(s->key, MRL_BYTES_NONE, &key));
    assert_ok(mrl_buf_append(&pem, MRL_LIT("# a comment\n")));
    assert_ok(mrl_buf_append(&pem, mrl_secret_bytes(key)));
    assert_ok(mrl_cert_to_pem(s->device, &pem));
    assert_ok(mrl_cert_to_pem(root_of(&s->h), &pem));
    assert_ok(mrl_cert_from_pem(mrl_buf_bytes(&pem), &first));
    assert_bytes_equal(mrl_cert_facts(first)->der, mrl_cert_facts(s->device)->der);
    assert_ok(mrl_cert_list_add_pem(&list, mrl_buf_bytes(&pem)));
    assert_int_equal(list.count, 2);
    assert_ok(mrl_buf_append(&pem, MRL_LIT("-----BEGIN CERTIFICATE-----\nMAAA\n"
                                           "-----END CERTIFICATE-----\n")));
    assert_int_equal(mrl_cert_list_add_pem(&list, mrl_buf_bytes(&pem)), MRL_ERR_MALFORMED);
    assert_int_equal(list.count, 2);
    assert_int_equal(mrl_cert_from_pem(mrl_secret_bytes(key), &none), MRL_ERR_NOT_FOUND);
    assert_int_equal(mrl_cert_list_add_pem(&list, MRL_BYTES_NONE), MRL_ERR_NOT_FOUND);
    assert_int_equal(ERR_peek_error(), 0);
    mrl_cert_list_done(&list);
}

static void a_bundle_has_up_to_64_certificates(void **state)
{
    const struct setting *s = *state;
    MRL_SCOPED(mrl_buf) pem = {0};
    struct mrl_cert_list list = {0};

    for (int i = 0; i < MRL_CERT_BUNDLE_MAX; i++)
        assert_ok(mrl_cert_to_pem(s->device, &pem));
    assert_ok(mrl_cert_list_add_pem(&list, mrl_buf_bytes(&pem)));
    assert_int_equal(list.count, MRL_CERT_BUNDLE_MAX);
    assert_ok(mrl_cert_to_pem(s->device, &pem));
    assert_int_equal(mrl_cert_list_add_pem(&list, mrl_buf_bytes(&pem)), MRL_ERR_LIMIT);
    mrl_cert_list_done(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_is_good_for_its_purpose_and_time_only),
        cmocka_unit_test(a_server_is_not_a_client),
        cmocka_unit_test(a_foreign_ca_of_the_same_name_is_foreign),
        cmocka_unit_test(self_signed_ca_and_missing_roots_are_no_identity),
        cmocka_unit_test(a_changed_certificate_has_a_bad_signature),
        cmocka_unit_test(at_most_eight_intermediates_are_looked_at),
        cmocka_unit_test(one_certificate_has_one_spelling),
        cmocka_unit_test(fingerprints_agree_whatever_the_way),
        cmocka_unit_test(a_pem_bundle_is_read_whole_or_not_at_all),
        cmocka_unit_test(a_bundle_has_up_to_64_certificates),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
