/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls.h"

#include <string.h>

#include <openssl/x509v3.h>

#include "net/tls_client.h"
#include "net/tls_internal.h"
#include "tests/unit/net/tls_fixture.h"

enum { CHAIN_MAX = 16 << 10 }; /* bytes of a Certificate message */

static void each_verdict_has_its_refusal_and_alert(void **state)
{
    static const struct {
        enum mrl_tls_refusal verdict;
        uint8_t alert;
    } rows[] = {
        {MRL_TLS_REVOKED, ALERT_REVOKED},      {MRL_TLS_RETIRED, ALERT_REVOKED},
        {MRL_TLS_EXPIRED, ALERT_EXPIRED},      {MRL_TLS_SUSPENDED, ALERT_BAD_CERTIFICATE},
        {MRL_TLS_UNREGISTERED, ALERT_UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < 2 * MRL_COUNT(rows); i++) {
        struct pair p;

        open_pair(&p, &device, i < MRL_COUNT(rows) ? MRL_TLS_1_3 : MRL_TLS_1_2);
        known[0].verdict = rows[i % MRL_COUNT(rows)].verdict;
        expect_refused(&p, rows[i % MRL_COUNT(rows)].verdict, rows[i % MRL_COUNT(rows)].alert);
        assert_int_equal(mrl_tls_tickets_count(p.tickets), 0);
        close_pair(&p);
    }
}

static void expect_stranger(const struct pki_identity *who, enum mrl_tls_refusal why, uint8_t alert)
{
    struct pair p;

    open_pair(&p, who, MRL_TLS_1_3);
    expect_refused(&p, why, alert);
    close_pair(&p);
}

static void unknown_certificates_are_refused_by_what_is_wrong_with_them(void **state)
{
    struct pki_identity foreign, expired, early, unregistered;

    (void)state;
    pki_issue(&pki.foreign_ca, MRL_CERT_DEVICE, "d", -DAY, DAY, &foreign);
    pki_issue(&pki.ca, MRL_CERT_DEVICE, "d", -2 * DAY, -DAY, &expired);
    pki_issue(&pki.ca, MRL_CERT_DEVICE, "d", DAY, 2 * DAY, &early);
    pki_issue(&pki.ca, MRL_CERT_DEVICE, "d", -DAY, DAY, &unregistered);
    expect_stranger(&foreign, MRL_TLS_UNKNOWN_CA, ALERT_UNKNOWN_CA);
    expect_stranger(&expired, MRL_TLS_EXPIRED, ALERT_EXPIRED);
    expect_stranger(&early, MRL_TLS_NOT_YET_VALID, ALERT_BAD_CERTIFICATE);
    expect_stranger(&unregistered, MRL_TLS_UNREGISTERED, ALERT_UNKNOWN);
    expect_stranger(&pki.server, MRL_TLS_WRONG_EKU, ALERT_UNSUPPORTED);
    expect_stranger(&pki.ca, MRL_TLS_WRONG_EKU, ALERT_UNSUPPORTED); /* a CA is nobody */
    expect_stranger(NULL, MRL_TLS_NO_CERTIFICATE, ALERT_REQUIRED);
    pki_identity_done(&foreign);
    pki_identity_done(&expired);
    pki_identity_done(&early);
    pki_identity_done(&unregistered);
}

/* So many bytes: it only travels along, nobody looks at its signature. */
static struct mrl_cert *padded_cert(size_t size)
{
    const mrl_bytes der = mrl_cert_facts(pki.ca.chain.certs[0])->der;
    const unsigned char *from = der.data;
    X509 *x = d2i_X509(NULL, &from, (long)der.len);
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    unsigned char *to = NULL;
    struct mrl_cert *out = NULL;
    static char filler[CHAIN_MAX];
    size_t len = 0;

    assert_true(x != NULL && text != NULL);
    memset(filler, 'x', sizeof(filler));
    for (size_t fill = size - der.len; len != size; fill += size - len) {
        assert_int_equal(ASN1_STRING_set(text, filler, (int)fill), 1);
        assert_int_equal(X509_add1_ext_i2d(x, NID_netscape_comment, text, 0, X509V3_ADD_REPLACE),
                         1);
        assert_true(i2d_re_X509_tbs(x, NULL) > 0);
        len = (size_t)i2d_X509(x, NULL);
    }
    assert_int_equal(i2d_X509(x, &to), size);
    assert_ok(mrl_cert_from_der(mrl_bytes_of(to, size), &out));
    OPENSSL_free(to);
    ASN1_IA5STRING_free(text);
    X509_free(x);
    return out;
}

/* The device with a second certificate, so that the message holds so many bytes. RFC 8446 4.4.2,
 * RFC 5246 7.4.2 */
static void open_pair_with_chain(struct pair *p, uint16_t version, size_t message)
{
    const size_t of_list = version == MRL_TLS_1_3 ? 4 : 3, of_each = version == MRL_TLS_1_3 ? 5 : 3;
    const size_t leaf = mrl_cert_facts(device.chain.certs[0])->der.len;
    struct mrl_cert *certs[] = {device.chain.certs[0],
                                padded_cert(message - of_list - 2 * of_each - leaf)};
    const struct pki_identity who = {.key = device.key, .chain = {.certs = certs, .count = 2}};

    open_pair(p, &who, version);
    mrl_cert_free(certs[1]);
}

static void a_chain_holds_16_kib_and_not_one_byte_more(void **state)
{
    struct pair p;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(both_versions); i++) {
        open_pair_with_chain(&p, both_versions[i], CHAIN_MAX);
        expect_open(&p, both_versions[i], /*resumed=*/false);
        close_pair(&p);
        open_pair_with_chain(&p, both_versions[i], CHAIN_MAX + 1);
        expect_refused(&p, MRL_TLS_PROTOCOL, ALERT_ILLEGAL_PARAMETER);
        close_pair(&p);
    }
}

static void a_new_identity_is_shown_at_once_and_open_connections_stay(void **state)
{
    struct pair p;
    struct mrl_tls *old_server, *old_client;

    (void)state;
    open_pair(&p, &device, MRL_TLS_1_3);
    expect_open(&p, MRL_TLS_1_3, /*resumed=*/false);
    old_server = MRL_TAKE(p.server);
    old_client = MRL_TAKE(p.client);
    assert_int_equal(mrl_tls_context_set_identity(p.server_context, &pki.server.chain,
                                                  pki.other_server.key, NULL),
                     MRL_ERR_INVALID);
    assert_ok(mrl_tls_context_set_identity(p.server_context, &pki.other_server.chain,
                                           pki.other_server.key, NULL));
    mrl_tls_context_free(p.client_context);
    p.client_context = client_context(&device, MRL_TLS_1_3);
    expect_open(&p, MRL_TLS_1_3, /*resumed=*/false);
    say(old_client, old_server, MRL_LIT("still here"));
    say(old_server, old_client, MRL_LIT("so am I"));
    mrl_tls_free(old_server);
    mrl_tls_free(old_client);
    close_pair(&p);
}

/* What the server stapled, empty: nothing; for a client that asks, or does not. */
static mrl_bytes stapled(struct pair *p, bool ask)
{
    uint8_t *response = NULL;
    struct outcome o;
    long len;

    dial_as(p, MRL_LIT("localhost"));
    if (ask)
        (void)SSL_set_tlsext_status_type(p->client->ssl, TLSEXT_STATUSTYPE_ocsp);
    o = shake_only(p);
    assert_int_equal(o.server, MRL_OK);
    len = SSL_get_tlsext_status_ocsp_resp(p->client->ssl, &response);
    return len > 0 ? mrl_bytes_of(response, (size_t)len) : MRL_BYTES_NONE;
}

static void who_asks_gets_the_response_that_is_set(void **state)
{
    (void)state;
    for (size_t i = 0; i < MRL_COUNT(both_versions); i++) {
        struct pair p;

        open_pair(&p, &device, both_versions[i]);
        assert_bytes_equal(stapled(&p, /*ask=*/true), MRL_BYTES_NONE);
        mrl_tls_context_set_staple(p.server_context, MRL_LIT("first"));
        mrl_tls_context_set_staple(p.server_context, MRL_LIT("the response"));
        mrl_tls_context_free(p.client_context); /* with its ticket */
        p.client_context = client_context(&device, both_versions[i]);
        assert_bytes_equal(stapled(&p, /*ask=*/true), MRL_LIT("the response"));
        mrl_tls_context_free(p.client_context);
        p.client_context = client_context(&device, both_versions[i]);
        assert_bytes_equal(stapled(&p, /*ask=*/false), MRL_BYTES_NONE);
        close_pair(&p);
    }
}

static void a_new_identity_has_no_response_yet(void **state)
{
    struct pair p;

    (void)state;
    open_pair(&p, &device, MRL_TLS_1_3);
    mrl_tls_context_set_staple(p.server_context, MRL_LIT("the response"));
    assert_ok(mrl_tls_context_set_identity(p.server_context, &pki.other_server.chain,
                                           pki.other_server.key, NULL));
    assert_bytes_equal(stapled(&p, /*ask=*/true), MRL_BYTES_NONE);
    close_pair(&p);
}

static void a_client_refuses_the_wrong_name_and_the_wrong_root(void **state)
{
    struct mrl_tls_client_config config = {0};
    struct mrl_cert_list foreign = {pki.foreign_ca.chain.certs, 1};
    struct pair p;
    mrl_err err = MRL_ERR_AGAIN;

    (void)state;
    open_pair(&p, &device, MRL_TLS_1_3);
    dial_as(&p, MRL_LIT("elsewhere.example"));
    for (int i = 0; i < 4 && err == MRL_ERR_AGAIN; i++) {
        err = mrl_tls_handshake(p.client);
        (void)mrl_tls_handshake(p.server); /* how the client ends is what counts */
    }
    assert_int_equal(err, MRL_ERR_AUTH);
    assert_int_equal(mrl_tls_refused(p.client), MRL_TLS_WRONG_NAME);
    hang_up(&p);
    mrl_tls_context_free(p.client_context);
    config.roots = &foreign;
    assert_ok(mrl_tls_client_new(&config, &p.client_context, NULL));
    assert_int_equal(shake(&p).client, MRL_ERR_AUTH);
    assert_int_equal(mrl_tls_refused(p.client), MRL_TLS_UNKNOWN_CA);
    assert_int_equal(mrl_tls_peer_alert(p.server), ALERT_UNKNOWN_CA);
    close_pair(&p);
}

static void a_pinned_root_is_enough_and_another_pin_is_not(void **state)
{
    struct mrl_cert_list with_root = {0};
    struct mrl_cert *certs[] = {pki.server.chain.certs[0], pki.ca.chain.certs[0]};
    struct mrl_tls_client_config config = {.pin = &pki.ca.fingerprint};
    struct pair p;

    (void)state;
    with_root.certs = certs;
    with_root.count = 2;
    open_pair(&p, &device, MRL_TLS_1_3);
    assert_ok(mrl_tls_context_set_identity(p.server_context, &with_root, pki.server.key, NULL));
    mrl_tls_context_free(p.client_context);
    assert_ok(mrl_tls_client_new(&config, &p.client_context, NULL));
    assert_ok(mrl_tls_context_set_identity(p.client_context, &device.chain, device.key, NULL));
    assert_int_equal(shake(&p).server, MRL_OK);
    hang_up(&p);
    mrl_tls_context_free(p.client_context);
    config.pin = &pki.foreign_ca.fingerprint;
    assert_ok(mrl_tls_client_new(&config, &p.client_context, NULL));
    assert_int_equal(shake(&p).client, MRL_ERR_AUTH);
    assert_int_equal(mrl_tls_refused(p.client), MRL_TLS_UNKNOWN_CA);
    close_pair(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_verdict_has_its_refusal_and_alert),
        cmocka_unit_test(unknown_certificates_are_refused_by_what_is_wrong_with_them),
        cmocka_unit_test(a_chain_holds_16_kib_and_not_one_byte_more),
        cmocka_unit_test(a_new_identity_is_shown_at_once_and_open_connections_stay),
        cmocka_unit_test(who_asks_gets_the_response_that_is_set),
        cmocka_unit_test(a_new_identity_has_no_response_yet),
        cmocka_unit_test(a_client_refuses_the_wrong_name_and_the_wrong_root),
        cmocka_unit_test(a_pinned_root_is_enough_and_another_pin_is_not),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
