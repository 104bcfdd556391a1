/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/cert_build.h"

#include <openssl/x509v3.h>
#include <string.h>

#include "tests/unit/crypto/fixtures.h"

static const enum mrl_key_type types[] = {MRL_KEY_P256, MRL_KEY_P384, MRL_KEY_ED25519};

static void what_is_asked_for_is_in_the_certificate(void **state)
{
    const mrl_bytes uri = MRL_LIT("urn:merlon:t:device:pump-7");

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(types); i++) {
        struct hierarchy h;
        MRL_AUTO(mrl_key) key = make_key(MRL_KEY_P256);
        struct mrl_cert_profile p = make_profile(MRL_CERT_DEVICE, "pump-7");

        hierarchy_new(&h, types[i]);
        p.uris = (struct mrl_names){&uri, 1};
        p.serial[0] |= 0x80; /* must still be positive */
        MRL_AUTO(mrl_cert) c = issue(p, key, issuing_of(&h), h.issuing_key);
        const struct mrl_cert_facts *f = mrl_cert_facts(c);
        struct mrl_san san;
        enum mrl_san_kind kind;
        mrl_bytes value;

        assert_bytes_equal(f->serial, mrl_bytes_of(p.serial, MRL_SERIAL_SIZE));
        assert_true(f->not_before == p.not_before && f->not_after == p.not_after);
        assert_bytes_equal(f->cn, p.cn);
        assert_bytes_equal(f->issuer, mrl_cert_facts(issuing_of(&h))->subject);
        assert_bytes_equal(f->aki, mrl_cert_facts(issuing_of(&h))->ski);
        assert_int_equal(f->ski.len, MRL_SHA1_SIZE);
        assert_false(f->is_ca);
        assert_true(f->has_eku && f->client_auth && !f->server_auth);
        assert_int_equal(X509_get_key_usage(mrl_cert_native(c)), KU_DIGITAL_SIGNATURE);
        assert_ok(mrl_san_start(f->san, &san));
        assert_true(mrl_san_next(&san, &kind, &value));
        assert_bytes_equal(value, uri);
        hierarchy_done(&h);
    }
}

static void authorities_have_path_lengths_and_key_identifiers(void **state)
{
    struct hierarchy h;

    (void)state;
    hierarchy_new(&h, MRL_KEY_P384);
    assert_true(mrl_cert_facts(root_of(&h))->is_ca && mrl_cert_facts(issuing_of(&h))->is_ca);
    assert_int_equal(X509_get_pathlen(mrl_cert_native(root_of(&h))), 1);
    assert_int_equal(X509_get_pathlen(mrl_cert_native(issuing_of(&h))), 0);
    assert_int_equal(X509_get_key_usage(mrl_cert_native(issuing_of(&h))),
                     KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    assert_int_equal(mrl_cert_facts(root_of(&h))->aki.len, 0);
    assert_bytes_equal(mrl_cert_facts(issuing_of(&h))->aki, mrl_cert_facts(root_of(&h))->ski);
    assert_ok(mrl_cert_verify_signature(root_of(&h), root_of(&h)));
    assert_ok(mrl_cert_verify_signature(issuing_of(&h), root_of(&h)));
    hierarchy_done(&h);
}

static void a_certificate_points_to_its_list_and_its_responder(void **state)
{
    MRL_AUTO(mrl_key) key = make_key(MRL_KEY_P256);
    struct mrl_cert_profile p = make_profile(MRL_CERT_DEVICE, "pump-7");
    struct hierarchy h;

    (void)state;
    hierarchy_new(&h, MRL_KEY_P256);
    p.crl_url = MRL_LIT("http://h/crl/a.crl");
    p.ocsp_url = MRL_LIT("http://h/ocsp");
    MRL_AUTO(mrl_cert) c = issue(p, key, issuing_of(&h), h.issuing_key);
    STACK_OF(OPENSSL_STRING) *ocsp = X509_get1_ocsp(mrl_cert_native(c));
    STACK_OF(DIST_POINT) *points =
        X509_get_ext_d2i(mrl_cert_native(c), NID_crl_distribution_points, NULL, NULL);
    const DIST_POINT *point = sk_DIST_POINT_value(points, 0);
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(point->distpoint->name.fullname, 0);

    assert_int_equal(sk_OPENSSL_STRING_num(ocsp), 1);
    assert_string_equal(sk_OPENSSL_STRING_value(ocsp, 0), "http://h/ocsp");
    assert_int_equal(sk_DIST_POINT_num(points), 1);
    assert_string_equal(ASN1_STRING_get0_data(name->d.uniformResourceIdentifier),
                        "http://h/crl/a.crl");
    X509_email_free(ocsp);
    CRL_DIST_POINTS_free(points);
    hierarchy_done(&h);
}

static void a_delegate_signs_answers_and_is_not_checked(void **state)
{
    MRL_AUTO(mrl_key) key = make_key(MRL_KEY_P256);
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_cert_profile p = make_profile(MRL_CERT_OCSP, "ocsp");
    struct hierarchy h;

    (void)state;
    hierarchy_new(&h, MRL_KEY_P256);
    MRL_AUTO(mrl_cert) c = issue(p, key, issuing_of(&h), h.issuing_key);
    assert_int_equal(X509_get_extended_key_usage(mrl_cert_native(c)), XKU_OCSP_SIGN);
    assert_int_equal(X509_get_key_usage(mrl_cert_native(c)), KU_DIGITAL_SIGNATURE);
    assert_true(X509_get_ext_by_NID(mrl_cert_native(c), NID_id_pkix_OCSP_noCheck, -1) >= 0);
    assert_false(mrl_cert_facts(c)->is_ca || mrl_cert_facts(c)->client_auth);
    p.spki = mrl_cert_facts(c)->spki;
    p.crl_url = MRL_LIT("http://h/crl/a.crl");
    assert_int_equal(mrl_cert_build(&p, issuing_of(&h), h.issuing_key, &der, NULL),
                     MRL_ERR_INVALID);
    hierarchy_done(&h);
}

static void a_certificate_may_live_to_the_end_of_time(void **state)
{
    MRL_AUTO(mrl_key) key = make_key(MRL_KEY_P256);
    struct mrl_cert_profile p = make_profile(MRL_CERT_ROOT_CA, "Forever");

    (void)state;
    p.not_after = MRL_TIME_NEVER;
    MRL_AUTO(mrl_cert) c = issue(p, key, NULL, key);
    assert_true(mrl_cert_facts(c)->not_after == MRL_TIME_NEVER);
}

struct setting {
    struct hierarchy h;
    struct mrl_key *key;
    struct mrl_buf spki;
};

static int set_up(void **state)
{
    static struct setting s;

    hierarchy_new(&s.h, MRL_KEY_P256);
    s.key = make_key(MRL_KEY_P256);
    assert_ok(mrl_key_to_spki(s.key, &s.spki));
    *state = &s;
    return 0;
}

static int tear_down(void **state)
{
    struct setting *s = *state;

    hierarchy_done(&s->h);
    mrl_key_free(s->key);
    mrl_buf_done(&s->spki);
    return 0;
}

static void refuse(const struct setting *s, struct mrl_cert_profile p,
                   const struct mrl_cert *issuer, const struct mrl_key *key, const char *why_text)
{
    MRL_SCOPED(mrl_buf) out = {0};
    struct mrl_why why = {""};

    if (p.spki.len == 0)
        p.spki = mrl_buf_bytes(&s->spki);
    assert_int_equal(mrl_cert_build(&p, issuer, key, &out, &why), MRL_ERR_INVALID);
    assert_string_equal(why.text, why_text);
    assert_int_equal(out.len, 0);
}

static void an_issuer_cannot_exceed_what_it_is(void **state)
{
    const struct setting *s = *state;
    const struct mrl_cert *root = root_of(&s->h), *issuing = issuing_of(&s->h);
    struct mrl_cert_profile device = make_profile(MRL_CERT_DEVICE, "pump-7");
    struct mrl_cert_profile ca = make_profile(MRL_CERT_ISSUING_CA, "Sub");
    struct mrl_cert_profile late = device;
    MRL_AUTO(mrl_cert) leaf = issue(device, s->key, issuing, s->h.issuing_key);

    late.not_after = mrl_cert_facts(issuing)->not_after + 1;
    refuse(s, device, leaf, s->key, "the issuer is not a CA with a subject key identifier");
    refuse(s, ca, issuing, s->h.issuing_key, "the issuer may not issue CA certificates");
    refuse(s, late, issuing, s->h.issuing_key, "the certificate would outlive its issuer");
    refuse(s, device, issuing, s->h.root_key,
           "the key does not belong to the issuer's certificate");
    refuse(s, device, NULL, s->key, "a root, and only a root, has no issuer");
    refuse(s, make_profile(MRL_CERT_ROOT_CA, "R"), root, s->h.root_key,
           "a root, and only a root, has no issuer");
}

static void a_profile_that_breaks_a_rule_is_refused(void **state)
{
    const struct setting *s = *state;
    const mrl_bytes dns = MRL_LIT("a.example"), bad = MRL_LIT("not a host");
    struct mrl_cert_profile p = make_profile(MRL_CERT_DEVICE, "pump-7");
    const struct mrl_cert *issuing = issuing_of(&s->h);
    const struct mrl_key *key = s->h.issuing_key;
    struct mrl_cert_profile q;

    q = p, q.not_after = q.not_before;
    refuse(s, q, issuing, key, "the certificate would end before it begins");
    q = p, memset(q.serial, 0, sizeof(q.serial));
    refuse(s, q, issuing, key, "the serial number is zero");
    q = p, q.kind = MRL_CERT_SERVER;
    refuse(s, q, issuing, key, "a server certificate needs a DNS name or an IP address");
    q = p, q.kind = (enum mrl_cert_kind)99;
    refuse(s, q, issuing, key, "no such kind of certificate");
    q = p, q.kind = MRL_CERT_ISSUING_CA, q.dns = (struct mrl_names){&dns, 1};
    refuse(s, q, root_of(&s->h), s->h.root_key, "a CA certificate carries no alternative names");
    q = p, q.cn = MRL_LIT("a\0b");
    refuse(s, q, issuing, key, "the common name is not 1 to 64 characters of clean UTF-8");
    q = p, q.cn = MRL_LIT("Test Issuing");
    refuse(s, q, issuing, key, "the common name is that of the issuer");
    q = p, q.dns = (struct mrl_names){&bad, 1};
    refuse(s, q, issuing, key, "a name or a time is not acceptable in a certificate");
}

static void a_subject_key_we_do_not_accept_is_not_certified(void **state)
{
    const struct setting *s = *state;
    struct mrl_cert_profile p = make_profile(MRL_CERT_DEVICE, "pump-7");
    MRL_SCOPED(mrl_buf) out = {0};

    p.spki = MRL_LIT("\x30\x00");
    assert_int_equal(mrl_cert_build(&p, issuing_of(&s->h), s->h.issuing_key, &out, NULL),
                     MRL_ERR_MALFORMED);
    assert_int_equal(out.len, 0);
}

static void serials_differ(void **state)
{
    uint8_t a[MRL_SERIAL_SIZE], b[MRL_SERIAL_SIZE];

    (void)state;
    mrl_serial_random(a);
    mrl_serial_random(b);
    assert_memory_not_equal(a, b, MRL_SERIAL_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked_for_is_in_the_certificate),
        cmocka_unit_test(authorities_have_path_lengths_and_key_identifiers),
        cmocka_unit_test(a_certificate_points_to_its_list_and_its_responder),
        cmocka_unit_test(a_delegate_signs_answers_and_is_not_checked),
        cmocka_unit_test(a_certificate_may_live_to_the_end_of_time),
        cmocka_unit_test(an_issuer_cannot_exceed_what_it_is),
        cmocka_unit_test(a_profile_that_breaks_a_rule_is_refused),
        cmocka_unit_test(a_subject_key_we_do_not_accept_is_not_certified),
        cmocka_unit_test(serials_differ),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
