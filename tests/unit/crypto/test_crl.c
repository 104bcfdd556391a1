/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crl.h"

#include <openssl/x509v3.h>

#include "crypto/signing.h"
#include "tests/unit/crypto/fixtures.h"

static struct hierarchy hierarchy;

static int start(void **state)
{
    (void)state;
    hierarchy_new(&hierarchy, MRL_KEY_P256);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    hierarchy_done(&hierarchy);
    return 0;
}

static struct mrl_crl_plan plan_of(uint64_t number, size_t entries_len)
{
    const struct mrl_cert_facts *f = mrl_cert_facts(issuing_of(&hierarchy));

    return (struct mrl_crl_plan){.issuer = f->subject,
                                 .aki = f->ski,
                                 .alg = MRL_SIGN_ECDSA_SHA256,
                                 .number = number,
                                 .this_update = FIXTURE_NOW,
                                 .next_update = FIXTURE_NOW + DAY,
                                 .entries_len = entries_len};
}

static void sign(const struct mrl_crl_plan *plan, mrl_bytes entries, struct mrl_buf *out)
{
    MRL_SCOPED(mrl_buf) head = {0};
    MRL_SCOPED(mrl_buf) tail = {0};
    MRL_SCOPED(mrl_buf) end = {0};
    MRL_SCOPED(mrl_buf) signature = {0};
    MRL_AUTO(mrl_signing) s = NULL;

    assert_ok(mrl_crl_frame(plan, &head, &tail));
    assert_ok(mrl_signing_new(hierarchy.issuing_key, &s));
    assert_ok(mrl_signing_add(s, mrl_buf_bytes(&head)));
    assert_ok(mrl_signing_add(s, entries));
    assert_ok(mrl_signing_add(s, mrl_buf_bytes(&tail)));
    assert_ok(mrl_signing_end(s, &signature));
    assert_ok(mrl_crl_end(mrl_buf_bytes(&tail), plan->alg, mrl_buf_bytes(&signature), &end));
    assert_ok(mrl_crl_assemble(mrl_buf_bytes(&head), entries, mrl_buf_bytes(&end), out));
}

/* As OpenSSL reads it, signed by our CA. */
static X509_CRL *parse(const struct mrl_buf *der)
{
    const uint8_t *at = der->data;
    X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)der->len);

    assert_non_null(crl);
    assert_ptr_equal(at, der->data + der->len);
    assert_int_equal(X509_CRL_verify(crl, mrl_key_native(hierarchy.issuing_key)), 1);
    return crl;
}

static bool extension(X509_CRL *crl, int nid, bool critical)
{
    int at = X509_CRL_get_ext_by_NID(crl, nid, -1);

    return at >= 0 && X509_EXTENSION_get_critical(X509_CRL_get_ext(crl, at)) == (critical ? 1 : 0);
}

static void a_list_of_two_is_what_openssl_reads(void **state)
{
    MRL_SCOPED(mrl_buf) entries = {0};
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_crl_plan plan;
    X509_REVOKED *first;
    X509_CRL *crl;

    (void)state;
    assert_ok(
        mrl_crl_entry(MRL_LIT("\x81\x02"), FIXTURE_NOW - 1, MRL_CRL_KEY_COMPROMISE, &entries));
    assert_ok(mrl_crl_entry(MRL_LIT("\x01"), FIXTURE_NOW - 2, MRL_CRL_UNSPECIFIED, &entries));
    assert_ok(mrl_crl_entries_check(mrl_buf_bytes(&entries)));
    plan = plan_of(7, entries.len);
    sign(&plan, mrl_buf_bytes(&entries), &der);
    crl = parse(&der);
    assert_int_equal(X509_CRL_get_version(crl), 1);
    assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)), 2);
    first = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(crl), 0);
    assert_int_equal(ASN1_INTEGER_get(X509_REVOKED_get0_serialNumber(first)), 0x8102);
    assert_int_equal(X509_REVOKED_get_ext_count(first), 1);
    first = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(crl), 1);
    assert_int_equal(X509_REVOKED_get_ext_count(first), 0); /* RFC 5280 5.3.1 */
    assert_true(extension(crl, NID_crl_number, /*critical=*/false));
    assert_true(extension(crl, NID_authority_key_identifier, /*critical=*/false));
    assert_int_equal(X509_CRL_get_ext_count(crl), 2);
    X509_CRL_free(crl);
}

static void an_empty_list_has_no_entries_at_all(void **state)
{
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_crl_plan plan = plan_of(1, 0);
    struct mrl_crl_facts facts;
    X509_CRL *crl;

    (void)state;
    sign(&plan, MRL_BYTES_NONE, &der);
    crl = parse(&der);
    assert_null(X509_CRL_get_REVOKED(crl)); /* RFC 5280 5.1.2.6 */
    X509_CRL_free(crl);
    assert_ok(mrl_crl_read(mrl_buf_bytes(&der), &facts));
    assert_int_equal(facts.entries.len, 0);
}

static void scope_base_and_freshest_are_marked_as_rfc_5280_wants(void **state)
{
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_crl_plan plan = plan_of(300, 0);
    struct mrl_crl_facts facts;
    X509_CRL *crl;

    (void)state;
    plan.base = 299;
    plan.scope_url = MRL_LIT("http://h/crl/a.crl");
    plan.freshest_url = MRL_LIT("http://h/crl/b.crl");
    sign(&plan, MRL_BYTES_NONE, &der);
    crl = parse(&der);
    assert_true(extension(crl, NID_delta_crl, /*critical=*/true));
    assert_true(extension(crl, NID_issuing_distribution_point, /*critical=*/true));
    assert_true(extension(crl, NID_freshest_crl, /*critical=*/false));
    X509_CRL_free(crl);
    assert_ok(mrl_crl_read(mrl_buf_bytes(&der), &facts));
    assert_int_equal(facts.number, 300);
    assert_int_equal(facts.base, 299);
    assert_bytes_equal(facts.issuer, plan.issuer);
}

static void an_impossible_plan_is_refused(void **state)
{
    MRL_SCOPED(mrl_buf) head = {0};
    MRL_SCOPED(mrl_buf) tail = {0};
    struct mrl_crl_plan plans[] = {plan_of(0, 0), plan_of(5, 0), plan_of(5, 0)};

    (void)state;
    plans[1].base = 5;
    plans[2].next_update = plans[2].this_update;
    for (size_t i = 0; i < MRL_COUNT(plans); i++)
        assert_int_equal(mrl_crl_frame(&plans[i], &head, &tail), MRL_ERR_INVALID);
    assert_int_equal(head.len + tail.len, 0);
}

static void cut_and_changed_lists_are_malformed(void **state)
{
    MRL_SCOPED(mrl_buf) entries = {0};
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_crl_facts facts = {.number = 99};
    struct mrl_crl_plan plan;

    (void)state;
    assert_ok(mrl_crl_entry(MRL_LIT("\x05"), FIXTURE_NOW, MRL_CRL_SUPERSEDED, &entries));
    plan = plan_of(7, entries.len);
    sign(&plan, mrl_buf_bytes(&entries), &der);
    for (size_t len = 0; len < der.len; len++)
        assert_int_equal(mrl_crl_read(mrl_bytes_of(der.data, len), &facts), MRL_ERR_MALFORMED);
    assert_int_equal(facts.number, 99);
    assert_ok(mrl_buf_append(&der, MRL_LIT("\0")));
    assert_int_equal(mrl_crl_read(mrl_buf_bytes(&der), &facts), MRL_ERR_MALFORMED);
    assert_int_equal(mrl_crl_entries_check(MRL_LIT("\x30\x02\x02")), MRL_ERR_MALFORMED);
    assert_int_equal(mrl_crl_entries_check(MRL_LIT("\x31\x00")), MRL_ERR_MALFORMED);
}

static void words_become_reasons(void **state)
{
    (void)state;
    assert_int_equal(mrl_crl_reason_of(MRL_LIT("keyCompromise")), MRL_CRL_KEY_COMPROMISE);
    assert_int_equal(mrl_crl_reason_of(MRL_LIT("Key compromise, seen on ebay")),
                     MRL_CRL_KEY_COMPROMISE);
    assert_int_equal(mrl_crl_reason_of(MRL_LIT("cessation of operation")),
                     MRL_CRL_CESSATION_OF_OPERATION);
    assert_int_equal(mrl_crl_reason_of(MRL_LIT("superseded")), MRL_CRL_SUPERSEDED);
    assert_int_equal(mrl_crl_reason_of(MRL_LIT("a key compromise")), MRL_CRL_UNSPECIFIED);
    assert_int_equal(mrl_crl_reason_of(MRL_LIT("key")), MRL_CRL_UNSPECIFIED);
    assert_int_equal(mrl_crl_reason_of(MRL_BYTES_NONE), MRL_CRL_UNSPECIFIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_of_two_is_what_openssl_reads),
        cmocka_unit_test(an_empty_list_has_no_entries_at_all),
        cmocka_unit_test(scope_base_and_freshest_are_marked_as_rfc_5280_wants),
        cmocka_unit_test(an_impossible_plan_is_refused),
        cmocka_unit_test(cut_and_changed_lists_are_malformed),
        cmocka_unit_test(words_become_reasons),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
