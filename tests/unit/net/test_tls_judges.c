/* SPDX-License-Identifier: Apache-2.0 */
/* Who decides beside the judge: that of a strict protocol, and who vouches for strangers. */
#include "tests/unit/net/tls_fixture.h"

static enum mrl_tls_refusal strict_verdict;

static enum mrl_tls_refusal strict_judge(void *context, const struct mrl_fingerprint *fp)
{
    (void)context;
    (void)fp;
    return strict_verdict;
}

/* The server asks nobody for a certificate but who speaks one of its protocols. */
static void strict_pair(struct pair *p, const struct pki_identity *who, uint16_t newest,
                        const char *strict)
{
    static const mrl_bytes alpn[] = {MRL_LIT_INIT("http/1.1"), MRL_LIT_INIT("x-test")};
    const mrl_bytes names[] = {MRL_LIT_INIT("x-other"), mrl_str(strict)};
    struct mrl_tls_server_config config = {
        .client_certificate = MRL_CLIENT_CERT_OPTIONAL,
        .judge = judge,
        .roots = &pki.roots,
        .alpn = alpn,
        .alpn_count = MRL_COUNT(alpn),
        .strict_alpn = names,
        .strict_alpn_count = MRL_COUNT(names),
        .strict_judge = strict_judge,
        .scope = 8,
    };

    open_pair(p, who, newest);
    config.tickets = p->tickets;
    mrl_tls_context_free(MRL_TAKE(p->server_context));
    assert_ok(mrl_tls_server_new(&config, &p->server_context, NULL));
    assert_ok(
        mrl_tls_context_set_identity(p->server_context, &pki.server.chain, pki.server.key, NULL));
}

static void a_strict_protocol_has_its_own_judge(void **state)
{
    struct pair p;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(both_versions); i++) {
        strict_verdict = MRL_TLS_ACCEPTED;
        strict_pair(&p, &device, both_versions[i], "x-test");
        known[0].verdict = MRL_TLS_REVOKED; /* nobody asks */
        assert_int_equal(shake(&p).server, MRL_OK);
        assert_string_equal(mrl_tls_facts(p.server)->alpn, "x-test");
        assert_true(mrl_tls_facts(p.server)->has_certificate);
        assert_int_equal(asked, 0);
        strict_verdict = MRL_TLS_SUSPENDED;
        assert_int_equal(shake(&p).server, MRL_ERR_AUTH);
        assert_int_equal(mrl_tls_refused(p.server), MRL_TLS_SUSPENDED);
        assert_int_equal(mrl_tls_peer_alert(p.client), ALERT_BAD_CERTIFICATE);
        close_pair(&p);
    }
}

static void a_strict_protocol_needs_a_certificate_and_the_others_do_not(void **state)
{
    struct pair p;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(both_versions); i++) {
        strict_verdict = MRL_TLS_ACCEPTED;
        strict_pair(&p, NULL, both_versions[i], "x-test");
        assert_int_equal(shake(&p).server, MRL_ERR_AUTH);
        assert_int_equal(mrl_tls_refused(p.server), MRL_TLS_NO_CERTIFICATE);
        close_pair(&p);
        strict_pair(&p, NULL, both_versions[i], "http/1.1");
        assert_int_equal(shake(&p).server, MRL_OK);
        assert_false(mrl_tls_facts(p.server)->has_certificate);
        close_pair(&p);
    }
}

static void a_strict_protocol_without_a_judge_is_no_configuration(void **state)
{
    const mrl_bytes name = MRL_LIT_INIT("mqtt");
    const struct mrl_tls_server_config half = {.strict_alpn = &name, .strict_alpn_count = 1};
    const struct mrl_tls_server_config other = {.strict_judge = strict_judge};
    struct mrl_tls_context *c = NULL;

    (void)state;
    assert_int_equal(mrl_tls_server_new(&half, &c, NULL), MRL_ERR_INVALID);
    assert_int_equal(mrl_tls_server_new(&other, &c, NULL), MRL_ERR_INVALID);
}

static void as_many_protocols_may_be_strict_as_there_may_be(void **state)
{
    const mrl_bytes names[MRL_ALPN_MAX + 1] = {MRL_LIT_INIT("mqtt")};
    struct mrl_tls_server_config config = {
        .strict_alpn = names, .strict_alpn_count = MRL_ALPN_MAX, .strict_judge = strict_judge};
    MRL_AUTO(mrl_tls_context) c = NULL;

    (void)state;
    assert_ok(mrl_tls_server_new(&config, &c, NULL));
    mrl_tls_context_free(MRL_TAKE(c));
    config.strict_alpn_count++;
    assert_int_equal(mrl_tls_server_new(&config, &c, NULL), MRL_ERR_INVALID);
}

static enum mrl_tls_refusal vouched;
static struct mrl_fingerprint vouched_for;

static enum mrl_tls_refusal vouch(void *context, const struct mrl_cert *leaf,
                                  const struct mrl_cert_list *sent)
{
    assert_ptr_equal(context, &pki);
    assert_int_equal(sent->count, 0);
    vouched_for = mrl_cert_facts(leaf)->fingerprint;
    return vouched;
}

static void voucher_pair(struct pair *p, uint16_t newest)
{
    const struct mrl_tls_server_config config = {
        .client_certificate = MRL_CLIENT_CERT_REQUIRED,
        .judge = judge,
        .voucher = vouch,
        .voucher_context = &pki,
        .scope = 9,
        .tickets = p->tickets,
    };

    mrl_tls_context_free(MRL_TAKE(p->server_context));
    assert_ok(mrl_tls_server_new(&config, &p->server_context, NULL));
    assert_ok(
        mrl_tls_context_set_identity(p->server_context, &pki.server.chain, pki.server.key, NULL));
    mrl_tls_context_free(p->client_context);
    p->client_context = client_context(&device, newest);
    known[0].verdict = MRL_TLS_UNREGISTERED;
    vouched = MRL_TLS_ACCEPTED;
}

static void who_is_not_known_may_be_vouched_for_and_does_not_resume(void **state)
{
    struct pair p;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(both_versions); i++) {
        open_pair(&p, &device, both_versions[i]);
        voucher_pair(&p, both_versions[i]);
        for (int again = 0; again < 2; again++) {
            const struct mrl_tls_facts *f;

            assert_int_equal(shake(&p).server, MRL_OK);
            f = mrl_tls_facts(p.server);
            assert_false(f->resumed);
            assert_true(f->has_certificate);
            assert_memory_equal(&vouched_for, &device.fingerprint, sizeof(vouched_for));
            assert_bytes_equal(f->introduced, mrl_cert_facts(device.chain.certs[0])->der);
        }
        known[0].verdict = MRL_TLS_ACCEPTED; /* known by now */
        assert_int_equal(shake(&p).server, MRL_OK);
        assert_int_equal(mrl_tls_facts(p.server)->introduced.len, 0);
        known[0].verdict = MRL_TLS_REVOKED; /* the judge's word is the last */
        assert_int_equal(shake(&p).server, MRL_ERR_AUTH);
        assert_int_equal(mrl_tls_refused(p.server), MRL_TLS_REVOKED);
        close_pair(&p);
    }
}

static void a_voucher_may_say_what_is_wrong(void **state)
{
    struct pair p;

    (void)state;
    open_pair(&p, &device, MRL_TLS_1_3);
    voucher_pair(&p, MRL_TLS_1_3);
    vouched = MRL_TLS_EXPIRED;
    expect_refused(&p, MRL_TLS_EXPIRED, ALERT_EXPIRED);
    vouched = MRL_TLS_UNREGISTERED;
    expect_refused(&p, MRL_TLS_UNREGISTERED, ALERT_UNKNOWN);
    close_pair(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_strict_protocol_has_its_own_judge),
        cmocka_unit_test(a_strict_protocol_needs_a_certificate_and_the_others_do_not),
        cmocka_unit_test(a_strict_protocol_without_a_judge_is_no_configuration),
        cmocka_unit_test(as_many_protocols_may_be_strict_as_there_may_be),
        cmocka_unit_test(who_is_not_known_may_be_vouched_for_and_does_not_resume),
        cmocka_unit_test(a_voucher_may_say_what_is_wrong),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
