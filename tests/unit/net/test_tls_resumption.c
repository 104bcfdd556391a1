/* SPDX-License-Identifier: Apache-2.0 */
/* Who comes again with a ticket, and what the judge says to it. */
#include "base/clock.h"
#include "tests/unit/net/tls_fixture.h"

static void expect_same_binding(struct pair *p, enum mrl_tls_binding kind)
{
    MRL_SCOPED(mrl_buf) a = {0};
    MRL_SCOPED(mrl_buf) b = {0};
    enum mrl_tls_binding kind_a, kind_b;

    assert_ok(mrl_tls_channel_binding(p->server, &a, &kind_a));
    assert_ok(mrl_tls_channel_binding(p->client, &b, &kind_b));
    assert_int_equal(kind_a, kind);
    assert_int_equal(kind_b, kind);
    assert_true(a.len >= 12);
    assert_bytes_equal(mrl_buf_bytes(&a), mrl_buf_bytes(&b));
}

static void run_full_then_resumed(uint16_t version, enum mrl_tls_binding binding)
{
    struct pair p;

    open_pair(&p, &device, version);
    expect_open(&p, version, /*resumed=*/false);
    assert_memory_equal(&mrl_tls_facts(p.server)->fingerprint, &device.fingerprint, 32);
    expect_same_binding(&p, binding);
    assert_int_equal(asked, 1);
    for (unsigned i = 2; i < 5; i++) {
        expect_open(&p, version, /*resumed=*/true);
        assert_int_equal(asked, i);
        assert_memory_equal(&mrl_tls_facts(p.server)->fingerprint, &device.fingerprint, 32);
        expect_same_binding(&p, binding);
        assert_int_equal(mrl_tls_tickets_count(p.tickets), 1);
    }
    close_pair(&p);
}

static void tls_1_3_opens_and_resumes_and_the_judge_is_asked_each_time(void **state)
{
    (void)state;
    run_full_then_resumed(MRL_TLS_1_3, MRL_BINDING_TLS_EXPORTER);
}

static void tls_1_3_does_the_same_when_it_stays_with_the_library(void **state)
{
    (void)state;
    keep_library = true;
    run_full_then_resumed(MRL_TLS_1_3, MRL_BINDING_TLS_EXPORTER);
    keep_library = false;
}

static void tls_1_2_opens_and_resumes_and_the_judge_is_asked_each_time(void **state)
{
    (void)state;
    run_full_then_resumed(MRL_TLS_1_2, MRL_BINDING_TLS_UNIQUE);
}

static void who_is_let_in_once_shakes_hands_each_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < MRL_COUNT(both_versions); i++) {
        struct pair p;

        open_pair(&p, &device, both_versions[i]);
        expect_open(&p, both_versions[i], /*resumed=*/false);
        expect_open(&p, both_versions[i], /*resumed=*/true);
        known[0].verdict = MRL_TLS_ACCEPTED_ONCE;
        for (int again = 0; again < 2; again++) {
            expect_open(&p, both_versions[i], /*resumed=*/false);
            assert_int_equal(mrl_tls_refused(p.server), MRL_TLS_ACCEPTED);
        }
        known[0].verdict = MRL_TLS_ACCEPTED;
        close_pair(&p);
    }
}

static void run_revoked_does_not_resume(uint16_t version)
{
    struct pair p, other;

    open_pair(&p, &device, version);
    open_pair(&other, &second, version);
    mrl_tls_context_free(other.server_context); /* both against one server */
    other.server_context = p.server_context;
    expect_open(&p, version, /*resumed=*/false);
    expect_open(&other, version, /*resumed=*/false);
    known[0].verdict = MRL_TLS_REVOKED;
    expect_refused(&p, MRL_TLS_REVOKED, ALERT_REVOKED);
    expect_open(&other, version, /*resumed=*/true);
    assert_memory_equal(&mrl_tls_facts(other.server)->fingerprint, &second.fingerprint, 32);
    other.server_context = NULL;
    hang_up(&other);
    close_pair(&p);
    close_pair(&other);
}

static void what_was_revoked_does_not_resume_and_others_still_do(void **state)
{
    (void)state;
    run_revoked_does_not_resume(MRL_TLS_1_3);
    run_revoked_does_not_resume(MRL_TLS_1_2);
}

/* For what lives in this program; the library itself asks the clock of the machine. */
static void move_wall(int64_t ahead_s)
{
    mrl_clock_trust(mrl_machine_wall_ms() + ahead_s * 1000, mrl_machine_passed_ms(), ahead_s != 0);
}

static void a_ticket_taken_for_another_one_lives_no_longer(void **state)
{
    (void)state;
    for (size_t i = 0; i < MRL_COUNT(both_versions); i++) {
        struct pair p;

        open_pair(&p, &device, both_versions[i]);
        expect_open(&p, both_versions[i], /*resumed=*/false);
        for (int again = 0; again < 2; again++) {
            move_wall(MRL_TICKETS_DEFAULT_LIFETIME_S - 60);
            expect_open(&p, both_versions[i], /*resumed=*/true);
        }
        move_wall(MRL_TICKETS_DEFAULT_LIFETIME_S + 1);
        expect_open(&p, both_versions[i], /*resumed=*/false);
        move_wall(0);
        close_pair(&p);
    }
}

static void a_ticket_resumes_on_another_worker_but_not_in_another_scope(void **state)
{
    struct mrl_tls_server_config config = {
        .client_certificate = MRL_CLIENT_CERT_REQUIRED, .judge = judge, .scope = 8};
    struct mrl_tls_context *elsewhere = NULL;
    struct pair p;
    struct outcome o;

    (void)state;
    open_pair(&p, &device, MRL_TLS_1_3);
    expect_open(&p, MRL_TLS_1_3, /*resumed=*/false);
    hang_up(&p);
    mrl_tls_context_free(p.server_context);
    p.server_context = server_context(p.tickets, MRL_CLIENT_CERT_REQUIRED);
    expect_open(&p, MRL_TLS_1_3, /*resumed=*/true);
    config.tickets = p.tickets;
    assert_ok(mrl_tls_server_new(&config, &elsewhere, NULL));
    assert_ok(mrl_tls_context_set_identity(elsewhere, &pki.server.chain, pki.server.key, NULL));
    hang_up(&p);
    mrl_tls_context_free(p.server_context);
    p.server_context = elsewhere;
    o = shake(&p);
    assert_int_equal(o.server, MRL_OK);
    assert_false(mrl_tls_facts(p.server)->resumed);
    close_pair(&p);
}

static void an_anonymous_session_does_not_resume_where_a_certificate_is_needed(void **state)
{
    struct pair p;
    struct outcome o;

    (void)state;
    open_pair(&p, NULL, MRL_TLS_1_3);
    mrl_tls_context_free(p.server_context);
    p.server_context = server_context(p.tickets, MRL_CLIENT_CERT_OPTIONAL);
    o = shake(&p);
    assert_int_equal(o.server, MRL_OK);
    assert_false(mrl_tls_facts(p.server)->has_certificate);
    hang_up(&p);
    mrl_tls_context_free(p.server_context);
    p.server_context = server_context(p.tickets, MRL_CLIENT_CERT_REQUIRED);
    expect_refused(&p, MRL_TLS_NO_CERTIFICATE, ALERT_REQUIRED);
    close_pair(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tls_1_3_opens_and_resumes_and_the_judge_is_asked_each_time),
        cmocka_unit_test(tls_1_3_does_the_same_when_it_stays_with_the_library),
        cmocka_unit_test(tls_1_2_opens_and_resumes_and_the_judge_is_asked_each_time),
        cmocka_unit_test(who_is_let_in_once_shakes_hands_each_time),
        cmocka_unit_test(what_was_revoked_does_not_resume_and_others_still_do),
        cmocka_unit_test(a_ticket_taken_for_another_one_lives_no_longer),
        cmocka_unit_test(a_ticket_resumes_on_another_worker_but_not_in_another_scope),
        cmocka_unit_test(an_anonymous_session_does_not_resume_where_a_certificate_is_needed),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
